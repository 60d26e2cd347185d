"""The core: what every part of the economy stands on, and nothing that knows about AI compute.

`params` declares parameters once; `table` keeps agents as arrays; `flows` holds a month's quantities, written once;
`draws` makes randomness a function of (seed, stream, month, id); `graph` builds networks; `ledger` keeps the books and
`checks` the laws; `units` has months, work classes and exact sums; `errors` has the one error for bad input. The core
imports nothing else of the model.
"""
