"""Ways of sharing that others use, exact ones: they may run live. Those that need floats are with the simulator."""
