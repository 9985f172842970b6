"""Clients: how a program calls a server, from one thread or from many tasks."""
