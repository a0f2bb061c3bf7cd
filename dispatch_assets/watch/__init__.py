"""A data root that never rests: which entries are still being copied, which have changed.

An *entry* is what lies in the data root under one name: a session folder, an NWB file, a folder of
several sessions. Modules in the order in which data flows: `states` (what an entry can be in),
`looks` (what an entry looks like from outside), `settling` (whether it is complete), `roots` (both,
for a whole data root), `seen` (how entries looked when they were dispatched), `cursor` (what is
remembered of the others), `following` (what becomes of those), `ticks` (what to do now),
`inventories` (what an inventory writes down).
"""
