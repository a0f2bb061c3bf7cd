"""What the environment says: where the data, the store and the parameters are.

The only module that knows the names of environment variables. It is given the environment by the
two programs that have one, `dispatch_assets.definitions` and `dispatch_assets.defs.runner`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dispatch_assets.errors import ParameterError
from dispatch_assets.params import DispatchParams, load_json_argument, parse_params

DATA = "DISPATCH_DATA"
STORE = "DISPATCH_STORE"
PARAMS = "DISPATCH_PARAMS"
DAGSTER_HOME = "DAGSTER_HOME"

DEFAULT_FOLDER = ".dispatch"
DEFAULT_STORE = f"{DEFAULT_FOLDER}/store"


@dataclass(frozen=True)
class Settings:
    """Where everything is.

    Attributes
    ----------
    data
        The data root: a folder of session folders. Empty if nobody has said.
    store
        Folder or fsspec URL of the results.
    params
        The parameters of dispatch.
    """

    data: str
    store: str
    params: DispatchParams


def settings_from(environment: Mapping[str, str]) -> Settings:
    """Read the settings.

    Raises
    ------
    ParameterError
        If the parameters make no sense. A data root that is not set or not there is not looked
        at: definitions have to load without it.
    """
    return Settings(
        data=absolute(environment.get(DATA, "")),
        store=absolute(environment.get(STORE) or DEFAULT_STORE),
        params=_params(environment.get(PARAMS, "")),
    )


def absolute(place: str) -> str:
    """Return a path made absolute, since runs may start in another folder; URLs stay as given."""
    return place if not place or "://" in place else str(Path(place).expanduser().absolute())


def _params(text: str) -> DispatchParams:
    values = load_json_argument(text, PARAMS) if text.strip() else {}
    if not isinstance(values, dict):
        raise ParameterError("must be a JSON object", PARAMS)
    return parse_params(values)
