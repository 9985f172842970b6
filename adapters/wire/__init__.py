"""The wire: MessagePack-RPC, sans I/O; the table of methods, their parameters, addresses and errors (docs/wire.md)."""
