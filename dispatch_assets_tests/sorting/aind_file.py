"""The params file of the Allen Institute's pipeline.

All keys down to single arguments, with the values, of AllenNeuralDynamics/aind-ephys-pipeline,
pipeline/default_params.json (commit 010724ab); .github/workflows/params_test_{default,custom,si,
si_concat}.json have the same keys or fewer of them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

AIND: dict[str, Any] = json.loads(Path(__file__).with_name("aind_params.json").read_text())
