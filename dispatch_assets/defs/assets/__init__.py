"""The assets, one module each, in the order in which data flows."""

GROUP = "dispatch"
OWNERS = ["team:neurophysiology"]
