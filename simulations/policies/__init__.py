"""Policies to compare with, and the one list of all that a simulation can run.

:mod:`.registry` is the list: those of the core, which serve live as well, and those of this package, which are for
simulations alone.
"""
