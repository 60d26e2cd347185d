"""Markets: who gets what at which price. Arrays in, arrays out; no market knows a table, an agent or another market.

``compute`` clears accelerator-hours at a posted price, ``routing`` spreads them over providers, ``attention`` divides people's
hours and agents' examination, ``auction`` sells positions before both, ``settlement`` posts what all of them owe.
"""
