"""The Dagster instance that the command line keeps its state in."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from dispatch_assets.defs.environment import DAGSTER_HOME, DEFAULT_FOLDER
from dispatch_assets.errors import ParameterError, StoreError

CONFIGURATION = Path(__file__).with_name("dagster.yaml")
LOCK = ".opening.lock"


def home_for(store: str, environment: Mapping[str, str]) -> Path:
    """Return the folder of the instance that goes with a store.

    ``DAGSTER_HOME`` if it is set; else ``dagster_home`` beside a local store; else, for a store
    that is a URL, ``.dispatch/dagster_home`` in the current folder.

    Raises
    ------
    ParameterError
        If ``DAGSTER_HOME`` is no absolute path.
    """
    if given := environment.get(DAGSTER_HOME):
        if not Path(given).is_absolute():
            raise ParameterError("must be an absolute path", f"{DAGSTER_HOME}={given}")
        return Path(given)
    folder = Path.cwd() / DEFAULT_FOLDER if "://" in store else Path(store).parent
    return folder / "dagster_home"


@contextmanager
def instance_at(home: Path) -> Iterator[dg.DagsterInstance]:
    """Open the instance in `home`, which is made and configured if it is not there yet.

    Raises
    ------
    StoreError
        If it cannot be made.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        with _alone_in(home):
            if not (home / CONFIGURATION.name).exists():
                shutil.copyfile(CONFIGURATION, home / CONFIGURATION.name)
    except OSError as e:
        what = f"cannot be made ({e.strerror})"
        raise StoreError(what, home, f"Set {DAGSTER_HOME} to a folder on a local disk") from e
    with _alone_in(home):
        instance = dg.DagsterInstance.from_config(str(home))
    with instance:
        yield instance


@contextmanager
def _alone_in(home: Path) -> Iterator[None]:
    """Keep others of our processes from making the same instance.

    Two that make Dagster's SQLite files at the same moment can leave two versions in
    ``alembic_version``, and then nobody can open them any more.
    """
    with (home / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
