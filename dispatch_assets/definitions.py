"""What Dagster loads: the asset graph, set up from the environment.

``DISPATCH_DATA``
    The data root: a folder of session folders. Without it everything loads, and a run fails with
    a sentence that says so.
``DISPATCH_STORE``
    Folder or fsspec URL of inventories and jobs; ``.dispatch/store`` if not set.
``DISPATCH_PARAMS``
    Parameters of dispatch that differ from their defaults: a JSON file, or JSON itself.
``DISPATCH_SORTING``
    Parameters of the sorting chain, likewise; an AIND params file works.
``DISPATCH_RESULTS``
    Folder of the results of sorting; ``sorting`` in the store if not set.
``DISPATCH_COMPUTE``
    How the commands of the chain are launched, as JSON: see `environment.ComputeParams`.
``DISPATCH_WATCH``
    How the data root is watched, as JSON: see `environment.WatchParams`.
``DISPATCH_AUTOMATE``
    What runs by itself from the start: see `automation`.

If these make no sense, everything loads, and the runs and sensors that need them say why they fail.
"""

from __future__ import annotations

import os

import dagster as dg

from dispatch_assets.defs.environment import settings_or_why_not
from dispatch_assets.defs.graph import build_definitions


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions of this code location."""
    settings, wrong = settings_or_why_not(os.environ)
    # raised from here, an error would be the last line of a long traceback in place of the graph
    return build_definitions(settings, {name: str(error) for name, error in wrong.items()})
