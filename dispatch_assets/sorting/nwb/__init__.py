"""The step ``units_nwb``."""
