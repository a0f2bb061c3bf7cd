"""JSON files that are there whole or not at all, on a local disk or any fsspec URL."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from dispatch_assets.errors import NamingError, StoreError

if TYPE_CHECKING:
    from upath import UPath

_TEMPORARY = ".tmp"


def is_damage(error: StoreError) -> bool:
    """Say whether the text of a file is the problem, and not the disk that it lies on."""
    return isinstance(error.__cause__, ValueError | RecursionError)


_LOCAL = ("", "file", "local")


class JsonFolder:
    """A folder of JSON files, one per name.

    Parameters
    ----------
    base
        Path or URL (``s3://bucket/prefix``) of the folder; made when the first file is written.
    """

    def __init__(self, base: str | os.PathLike[str]) -> None:
        from upath import UPath

        self.base: UPath = UPath(base)
        self._local = None
        if self.base.protocol in _LOCAL:  # of file:///folder only the path is one
            self._local = self.base.path if self.base.protocol else str(self.base)

    def path(self, name: str) -> UPath:
        """Return the path of the file called `name`.

        Raises
        ------
        NamingError
            If `name` would lead out of the folder.
        """
        return self.base / _file_name(name)

    def write(self, name: str, text: str) -> UPath:
        """Write a file at once: readers see the old text or the new one, never a part.

        Raises
        ------
        StoreError
            If it cannot be written; what was there before is still there.
        """
        path = self.path(name)
        with _storing(path, "cannot be written", "Check free space and permissions"):
            if self._local is not None:
                _replace(Path(self._local, path.name), text.encode())
            else:  # object stores make a file visible when its upload is complete
                path.fs.pipe_file(path.path, text.encode())
        return path

    def read_bytes(self, name: str) -> bytes:
        """Return the bytes of a file, whatever they are.

        Raises
        ------
        StoreError
            If it is missing or cannot be read.
        """
        if self._local is not None:  # ten thousand are read at a time: no detour over fsspec
            file = f"{self._local}/{_file_name(name)}"
            with _storing(file, "cannot be read", "Materialize it again"):
                return Path(file).read_bytes()
        path = self.path(name)
        with _storing(path, "cannot be read", "Materialize it again"):
            content: bytes = path.read_bytes()
            return content

    def read(self, name: str) -> object:
        """Return the value of a file.

        Raises
        ------
        StoreError
            If it is missing or damaged.
        """
        path = self.path(name)
        with _storing(path, "cannot be read", "Materialize it again"):
            return json.loads(path.read_text(encoding="utf-8"))

    def exists(self, name: str) -> bool:
        """Return whether there is a file called `name`."""
        with _storing(self.base, "cannot be read", "Is the store mounted?"):
            return self.path(name).exists()

    def names(self) -> list[str]:
        """Return the names of all files, sorted."""
        with _storing(self.base, "cannot be listed", "Is the store mounted?"):
            if not self.base.exists():
                return []
            return sorted(
                p.name.removesuffix(".json")
                for p in self.base.iterdir()
                if p.name.endswith(".json") and not p.name.startswith(".")
            )


def _file_name(name: str) -> str:
    if not name or name.startswith(".") or any(c in name for c in "/\\\0"):
        raise NamingError("cannot be a file name", repr(name))
    return f"{name}.json"


def write_file(path: Path, data: bytes) -> None:
    """Write a file on a local disk at once: readers see the old one or the new one, never a part.

    Raises
    ------
    StoreError
        If it cannot be written; what was there before is still there.
    """
    with _storing(path, "cannot be written", "Check free space and permissions"):
        _replace(path, data)


def _replace(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{uuid.uuid4().hex}{_TEMPORARY}"
    try:
        with temporary.open("wb") as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut; Windows cannot open folders, and need not."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _storing(where: object, what: str, remedy: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, RecursionError) as e:  # the last: JSON nested without end
        if isinstance(e, NamingError):
            raise
        reason = getattr(e, "strerror", None) or e
        raise StoreError(f"{what} ({reason})", where, remedy) from e


def below(store: str, folder: str) -> str:
    """Return the path or URL of a folder in a store."""
    return f"{store.rstrip('/')}/{folder}" if "://" in store else str(Path(store) / folder)


_Model = TypeVar("_Model", bound=BaseModel)


def parsed(folder: JsonFolder, name: str, model: type[_Model]) -> _Model:
    """Return the value of a file as a model.

    Raises
    ------
    StoreError
        If it is missing, damaged, or something else.
    """
    try:  # several times as quick
        return model.model_validate_json(folder.read_bytes(name))
    except ValidationError:  # damaged, or with an escaped half of a character: only json takes it
        pass
    try:
        return model.model_validate(folder.read(name))
    except ValidationError as e:
        raise not_ours(folder, name, e) from e


def not_ours(folder: JsonFolder, name: str, e: ValidationError) -> StoreError:
    """Return the error for a file that holds something else than expected."""
    fields = ", ".join(".".join(map(str, x["loc"])) for x in e.errors()[:5])
    what = f"is not what this version writes ({fields})"
    return StoreError(what, folder.path(name), "Materialize it again")
