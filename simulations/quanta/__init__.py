"""Sharing by the quantum: who gets how many of a pool's slices in each quantum of a demand matrix, and who fares how.

A quantum is a fixed length of time, a slice the part of the pool that one user holds for one quantum. Demand that is
not served is lost: it is not carried over. That is the model of Karma (Vuppalapati et al., "Karma: Resource Allocation
for Dynamic Demands", OSDI 2023). The allocators are pure and need nothing beyond the standard library.
"""
