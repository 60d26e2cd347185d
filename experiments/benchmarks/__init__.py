"""Speed and memory on this machine, beside plain Mesa objects."""
