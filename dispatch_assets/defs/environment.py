"""What the environment says: where the data, the store and the parameters are.

The only module that knows the names of environment variables. It is given the environment by the
two programs that have one, `dispatch_assets.definitions` and `dispatch_assets.defs.runner`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dispatch_assets.errors import ParameterError
from dispatch_assets.params import DispatchParams, load_json_argument, parse_params
from dispatch_assets.sorting.params import SortingParams, parse_sorting_params

DATA = "DISPATCH_DATA"
STORE = "DISPATCH_STORE"
PARAMS = "DISPATCH_PARAMS"
SORTING = "DISPATCH_SORTING"
RESULTS = "DISPATCH_RESULTS"
COMPUTE = "DISPATCH_COMPUTE"
DAGSTER_HOME = "DAGSTER_HOME"

DEFAULT_FOLDER = ".dispatch"
DEFAULT_STORE = f"{DEFAULT_FOLDER}/store"


class ComputeParams(BaseModel):
    """How the commands of heavy steps are launched: directly, or through a cluster's launcher."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prefix: list[str] = Field(
        default=[], description='Put in front of every command, such as ["srun", "-p", "cpu"].'
    )
    gpu_prefix: list[str] = Field(
        default=[], description="The same for sorters that need a GPU; empty: prefix."
    )
    python: str = Field(
        default="", description="Python that has dispatch_assets where steps run; empty: this one."
    )
    n_jobs: int = Field(
        default=0,
        ge=0,
        description="Workers of a step; 0: this machine's cores, divided by the runs at a time "
        "that the step's pool allows; behind a prefix, all that the launcher grants.",
    )


_Parsed = TypeVar("_Parsed")


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
    sorting
        The parameters of the sorting chain.
    results
        Folder of the results of sorting; empty: ``sorting`` in a local store.
    compute
        How heavy steps are launched.
    """

    data: str
    store: str
    params: DispatchParams
    sorting: SortingParams = field(default_factory=SortingParams)
    results: str = ""
    compute: ComputeParams = field(default_factory=ComputeParams)


def settings_from(environment: Mapping[str, str]) -> Settings:
    """Read the settings.

    Raises
    ------
    ParameterError
        If parameters make no sense. A data root that is not set or not there is not looked at:
        definitions have to load without it.
    """
    settings, wrong = settings_or_why_not(environment)
    for error in wrong.values():
        raise error
    return settings


def settings_or_why_not(
    environment: Mapping[str, str],
) -> tuple[Settings, dict[str, ParameterError]]:
    """Read the settings, with defaults in the place of parameters that make no sense.

    Returns
    -------
    Settings
        The settings.
    dict of str to ParameterError
        What is wrong, by the name of the variable.
    """
    wrong: dict[str, ParameterError] = {}

    def read(name: str, parse: Callable[[dict[str, Any]], _Parsed]) -> _Parsed:
        try:
            return parse(_json_object(environment, name))
        except ParameterError as e:
            wrong[name] = e if e.where == name else ParameterError(str(e), name)
            return parse({})

    settings = Settings(
        data=absolute(environment.get(DATA, "")),
        store=absolute(environment.get(STORE) or DEFAULT_STORE),
        params=read(PARAMS, parse_params),
        sorting=read(SORTING, lambda values: parse_sorting_params(values)[0]),
        results=absolute(environment.get(RESULTS, "")),
        compute=read(COMPUTE, _parse_compute),
    )
    return settings, wrong


def _parse_compute(values: dict[str, Any]) -> ComputeParams:
    try:
        return ComputeParams.model_validate(values)
    except ValidationError as e:
        complaints = (f"{'.'.join(map(str, x['loc']))}: {x['msg']}" for x in e.errors())
        remedy = f"Known: {', '.join(ComputeParams.model_fields)}"
        raise ParameterError("; ".join(complaints), COMPUTE, remedy) from e


def absolute(place: str) -> str:
    """Return a path made absolute, since runs may start in another folder; URLs stay as given."""
    return place if not place or "://" in place else str(Path(place).expanduser().absolute())


def _json_object(environment: Mapping[str, str], name: str) -> dict[str, Any]:
    text = environment.get(name, "")
    values = load_json_argument(text, name) if text.strip() else {}
    if not isinstance(values, dict):
        raise ParameterError("must be a JSON object", name)
    return values
