"""Traces replayed through the very core that serves live: what a fairness policy would have done to real work.

:mod:`.traces` reads workloads, :mod:`.replay` and :mod:`.log_replay` run them, :mod:`.scenario` is a pool to play with,
:mod:`.results` measures and tells, and :mod:`.commands` is all of it on the command line. :mod:`.demo` is the main job
on real input, :mod:`.world` the real server under one seed. Importing this package loads none of them.
"""
