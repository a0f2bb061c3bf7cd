"""A data root that never rests: which entries are still being copied, which have changed.

An *entry* is what lies in the data root under one name: a session folder, an NWB file, a folder of
several sessions. Modules in the order in which data flows: `states` (what an entry can be in),
`looks` (what an entry looks like from outside), `settling` (whether it is complete), `seen` (how
entries looked when they were dispatched), `ticks` (what to do now).
"""
