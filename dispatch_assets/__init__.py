"""Find the recordings in electrophysiology session folders and plan one sorting job for each.

The core of this package (everything but ``defs`` and ``definitions``) works without Dagster.
Heavy libraries are imported inside functions, so that ``import dispatch_assets`` stays cheap.
"""

__version__ = "0.1.0"
