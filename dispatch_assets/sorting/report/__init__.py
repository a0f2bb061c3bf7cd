"""The step ``units_report``."""
