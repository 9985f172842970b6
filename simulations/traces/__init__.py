"""Workloads that others have recorded: files in the Standard Workload Format, and logs of one's own.

:mod:`.lines` reads what may be huge or damaged, :mod:`.swf` makes records of it, :mod:`.trace_rules` says which of them
are jobs, and :mod:`.trace` is the jobs. :mod:`.own_log` reads a log of meted as a :mod:`.log_trace`.
"""
