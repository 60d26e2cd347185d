"""The seven layers of AI compute, from machines to applications, as pure functions of arrays.

1 `physical`: chips, power, age. 2 `link`: from work to accelerator-hours. 3 `neural`: loss, size, horizon of nets.
4 `context`: prompts and memory. 5 `agent`: success, thinking, jobs. 6 `orchestrator`: who calls whom.
7 `application`: features and incumbent workloads. Each file declares its own parameters; layers use the core and never
import each other: the month passes the results of one to the next.
"""
