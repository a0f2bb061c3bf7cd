"""What Dagster loads: the asset graph, set up from the environment.

``DISPATCH_DATA``
    The data root: a folder of session folders. Without it everything loads, and a run fails with
    a sentence that says so.
``DISPATCH_STORE``
    Folder or fsspec URL of inventories and jobs; ``.dispatch/store`` if not set.
``DISPATCH_PARAMS``
    Parameters of dispatch that differ from their defaults: a JSON file, or JSON itself.
"""

from __future__ import annotations

import os

import dagster as dg

from dispatch_assets.defs.environment import settings_from
from dispatch_assets.defs.graph import build_definitions


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions of this code location."""
    return build_definitions(settings_from(os.environ))
