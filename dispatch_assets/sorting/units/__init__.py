"""The step ``units``."""
