"""What stands between the pure core and the world: logs, the embedded pool, the command line."""
