"""JSON schemas of what is written and read; the committed copies stand in ``schemas/``."""

from __future__ import annotations

import json

from pydantic import BaseModel

from dispatch_assets.models import Inventory, SortingJob
from dispatch_assets.params import DispatchParams
from dispatch_assets.session_settings import SessionSettings
from dispatch_assets.sorting.params import SortingParams
from dispatch_assets.status.models import FleetStatus

SCHEMAS: dict[str, type[BaseModel]] = {
    "job": SortingJob,
    "inventory": Inventory,
    "params": DispatchParams,
    "session_settings": SessionSettings,
    "sorting_params": SortingParams,
    "status": FleetStatus,
}


def schema_text(name: str) -> str:
    """Return the JSON schema called `name` as it is committed."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        # what users write has optional parts; what we write has all of them
        **SCHEMAS[name].model_json_schema(mode="validation"),
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
