"""Trade in credit in a simulation: who has an account, who buys and who sells points, and what came of it.

:mod:`.plan` says what is asked for, :mod:`.plan_file` reads it, :mod:`.words` tells it. :mod:`.trader` gives the
commands to the engine, :mod:`.waits` and :mod:`.books` add up how jobs waited and what domains paid.
"""
