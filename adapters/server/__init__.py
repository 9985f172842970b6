"""The server: one log, one engine, and everybody who is connected to them."""
