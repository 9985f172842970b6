"""What a run meant for everybody: figures, schedules as files, and tables for people.

:mod:`.metrics` and :mod:`.service` accumulate figures while a run goes on, :mod:`.outcome` writes its schedule,
:mod:`.report` tells the figures to people and :mod:`.documents` to programs.
"""
