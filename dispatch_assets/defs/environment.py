"""What the environment says: where the data, the store and the parameters are.

The only module that knows the names of environment variables. It is given the environment by the
two programs that have one, `dispatch_assets.definitions` and `dispatch_assets.defs.runner`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from dispatch_assets.errors import ParameterError, did_you_mean
from dispatch_assets.params import DispatchParams, load_json_argument, parse_params
from dispatch_assets.sorting.params import SortingParams, parse_sorting_params

DATA = "DISPATCH_DATA"
STORE = "DISPATCH_STORE"
PARAMS = "DISPATCH_PARAMS"
SORTING = "DISPATCH_SORTING"
RESULTS = "DISPATCH_RESULTS"
COMPUTE = "DISPATCH_COMPUTE"
WATCH = "DISPATCH_WATCH"
AUTOMATE = "DISPATCH_AUTOMATE"
DAGSTER_HOME = "DAGSTER_HOME"

DEFAULT_FOLDER = ".dispatch"
DEFAULT_STORE = f"{DEFAULT_FOLDER}/store"


class ComputeParams(BaseModel):
    """How the commands of heavy steps are launched: directly, or through a cluster's launcher."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prefix: list[str] = Field(
        default=[],
        description='Put in front of every command, such as ["srun", "--quit-on-interrupt"].',
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


class WatchParams(BaseModel):
    """How the data root is watched for new, changed and vanished sessions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    interval_s: int = Field(default=60, ge=5, description="Seconds between two looks.")
    settle_s: float = Field(
        default=0,
        ge=0,
        allow_inf_nan=False,
        description="A session has to stay as it is for so many seconds, and for one look at "
        "least, before it counts as complete.",
    )
    stuck_after_s: float = Field(
        default=86_400,
        gt=0,
        allow_inf_nan=False,
        description="A session that is not complete after so many seconds needs a person.",
    )
    full_inventory_cron: str = Field(
        default="0 4 * * *", description="When the whole data root is looked at, as in a crontab."
    )

    @field_validator("full_inventory_cron")
    @classmethod
    def _is_cron(cls, value: str) -> str:
        try:
            from dagster._utils.schedules import is_valid_cron_string
        except ModuleNotFoundError:  # without Dagster nothing is scheduled
            return value
        if not is_valid_cron_string(value):
            raise ValueError("is no cron expression, such as '0 4 * * *' (every day at four)")
        return value


class Switch(StrEnum):
    """What can run by itself."""

    NEW_SESSIONS = "new_sessions"
    DISPATCH = "dispatch_new_recordings"
    SORT = "sort_new_jobs"
    FULL_INVENTORY = "full_inventory"


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
    watch
        How the data root is watched.
    automate
        What runs by itself from the start; the rest can be switched on in the UI.
    """

    data: str
    store: str
    params: DispatchParams
    sorting: SortingParams = field(default_factory=SortingParams)
    results: str = ""
    compute: ComputeParams = field(default_factory=ComputeParams)
    watch: WatchParams = field(default_factory=WatchParams)
    automate: frozenset[Switch] = frozenset()


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

    def read(name: str, parse: Callable[[str], _Parsed]) -> _Parsed:
        try:
            return parse(environment.get(name, ""))
        except ParameterError as e:
            wrong[name] = e if e.where == name else ParameterError(str(e), name)
            return parse("")

    settings = Settings(
        data=absolute(environment.get(DATA, "")),
        store=absolute(environment.get(STORE) or DEFAULT_STORE),
        params=read(PARAMS, lambda text: parse_params(_json_object(text, PARAMS))),
        sorting=read(SORTING, lambda text: parse_sorting_params(_json_object(text, SORTING))[0]),
        results=absolute(environment.get(RESULTS, "")),
        compute=read(COMPUTE, lambda text: _parse(ComputeParams, text, COMPUTE)),
        watch=read(WATCH, lambda text: _parse(WatchParams, text, WATCH)),
        automate=read(AUTOMATE, _parse_switches),
    )
    return settings, wrong


_Model = TypeVar("_Model", bound=BaseModel)


def _parse(model: type[_Model], text: str, name: str) -> _Model:
    try:
        return model.model_validate(_json_object(text, name))
    except ValidationError as e:
        complaints = (f"{'.'.join(map(str, x['loc']))}: {x['msg']}" for x in e.errors())
        remedy = f"Known: {', '.join(model.model_fields)}"
        raise ParameterError("; ".join(complaints), name, remedy) from e


def _parse_switches(text: str) -> frozenset[Switch]:
    """Read a list separated by commas, or ``all``."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    if names == ["all"]:
        return frozenset(Switch)
    known = [switch.value for switch in Switch]
    if unknown := sorted(set(names) - set(known)):
        what = f"nothing is called {', '.join(map(repr, unknown))}"
        guess = did_you_mean(unknown[0], known)
        remedy = f"{f'{guess} ' if guess else ''}There are: {', '.join(known)}, or all"
        raise ParameterError(what, AUTOMATE, remedy)
    return frozenset(map(Switch, names))


def absolute(place: str) -> str:
    """Return a path made absolute, since runs may start in another folder; URLs stay as given."""
    return place if not place or "://" in place else str(Path(place).expanduser().absolute())


def refuse_store_among_sessions(store: str, data: str) -> None:
    """Refuse a store in the data root, into which nothing is ever written.

    Raises
    ------
    ParameterError
        If it is there.
    """
    if "://" not in store and Path(store).resolve().is_relative_to(Path(data).resolve()):
        what = "lies in the data folder, into which nothing is ever written"
        remedy = f"Name a folder outside of it: --store or {STORE}"
        raise ParameterError(what, f"the store {store!r}", remedy)


def _json_object(text: str, name: str) -> dict[str, Any]:
    values = load_json_argument(text, name) if text.strip() else {}
    if not isinstance(values, dict):
        raise ParameterError("must be a JSON object", name)
    return values
