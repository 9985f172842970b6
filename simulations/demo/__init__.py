"""``meted demo``: a real pool on this machine, killed on the way, and the proof that it was fair and lost nothing.

:mod:`.work` is what is computed, :mod:`.processes` the server and the workers, :mod:`.play` what is done to them,
:mod:`.screen` what is seen meanwhile, :mod:`.check` what the log says afterwards, and :mod:`.summary` how it is told.
"""
