"""Who is next: one interface, one module a policy."""
