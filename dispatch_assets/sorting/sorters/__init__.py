"""The step ``sorting``."""
