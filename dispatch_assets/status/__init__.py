"""The fleet at a glance: every session and recording, its state, its last error, its next step.

Reads the store, the results and the data root; writes nothing but the page it is asked for.
Modules in the order in which data flows: `models` (what is said), `arrivals` (the data root),
`glances` (quick looks into files), `steps` (how far the sorting of a recording has come),
`recordings` and `sessions` (one of each), `fleet` (everything); then, for people, `table`, `marks`,
`pictures` and `page`.
"""
