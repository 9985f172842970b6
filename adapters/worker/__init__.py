"""The worker: it takes leases from a server, has an executor run their units, and reports how they ended."""
