"""What carries out single units: one contract (docs/executors.md), processes of the machine, and a simulated one."""
