"""Checks by effect, E01 to E16: what must come out of the economy. `study` makes the runs, each row is a function over their tables."""
