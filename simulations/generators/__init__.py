"""Made-up workloads: models from the literature, and users who behave in ways that a policy has to stand up to.

:mod:`.registry` is the list of models and :mod:`.settings` what all of them have in common. What is drawn comes from
:mod:`.draws`, which rests on :mod:`.exact_math`, so that a seed makes the same file on every machine. :mod:`.writer`
makes the file.
"""
