"""The simulator on the command line: ``meted simulate`` and ``meted replay``."""
