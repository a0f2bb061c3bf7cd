"""Damaged and hostile metadata: nothing that a file says may stop, hang or mislead an inventory.

Modules in the order in which data flows: `hostile` (values that nobody expects), `mutations` (of
bytes and lines), `structured` (of JSON, XML, NPY and HDF5), `texts` and `corpus` (what is damaged:
parameters, small sessions, what lies in a store), `examination` (what has to hold whatever a file
says), `worker` (one case after the other in a process that may die), `campaign` (starts workers,
and counts). ``python -m dispatch_assets_tests.fuzz --cases 10000 --seed 0`` runs it.
"""
