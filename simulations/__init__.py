"""Traces replayed through the very core that serves live: what a fairness policy would have done to real work.

:mod:`.trace` reads a trace, :mod:`.replay` runs it, :mod:`.metrics` measures the run and :mod:`.outcome` writes its
schedule; :mod:`.command` is all of it as ``meted simulate``. Importing this package loads none of them.
"""
