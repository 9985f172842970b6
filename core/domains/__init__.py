"""Domains: the tree of those who share the pool, what each is owed, and what they lend each other."""
