"""Runs in processes of their own: what is asked for, what comes back, and how sure the differences between them are.

:mod:`.request` says what a run is, :mod:`.perform` does it, :mod:`.child` and :mod:`.processes` do many at a time,
:mod:`.bars` shows how far they are. :mod:`.cells` and :mod:`.resample` compute intervals of differences, and
:mod:`.result_file` keeps the results of a long series. :mod:`.pace` is what any long replay does to its process.
"""
