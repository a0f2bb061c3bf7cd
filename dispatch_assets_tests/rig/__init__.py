"""A rig that copies sessions to a data root, and a Dagster daemon that follows it."""
