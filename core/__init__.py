"""The pure core of meted: events, commands, reducers, policy and the engine. No I/O, clock or randomness in here."""
