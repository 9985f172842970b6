"""Jobs and their leases: what is asked, what happened, and how they stand."""
