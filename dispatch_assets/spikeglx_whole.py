"""Whether a SpikeGLX run is complete: each ``.bin`` as long as its ``.meta`` says it became.

SpikeGLX writes ``fileSizeBytes`` into a ``.meta`` when it closes the ``.bin`` beside it ("Metadata
Tags", https://billkarsh.github.io/SpikeGLX); CatGT does the same for what it writes. A ``.cbin`` is
a ``.bin`` compressed by mtscomp, whose ``.ch`` ends with the offset at which the last chunk ends.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from dispatch_assets.errors import count
from dispatch_assets.whole_files import json_object, read_whole, size_of

_SIZE = b"fileSizeBytes="
_LAST = b"~snsChanMap="  # tables stand at the end; of those only this one is in every .meta
_MAX_DIGITS = 18  # of a size in bytes


def run_gaps(files: Collection[Path]) -> Iterator[str]:
    """Yield what is missing from a run, as clauses.

    Parameters
    ----------
    files
        Every ``.meta``, ``.bin`` and ``.cbin`` file of it.

    Raises
    ------
    StreamError
        If a file cannot be read.
    """
    there = set(files)
    for file in files:
        if file.suffix != ".meta":
            if file.with_suffix(".meta") not in there:
                yield f"{file}: there is no .meta file yet"
        elif file.with_suffix(".bin") in there:
            yield from _bin_gaps(file)
        elif file.with_suffix(".cbin") in there:
            yield from _cbin_gaps(file.with_suffix(".cbin"))
        else:
            yield f"{file}: there is no .bin file yet"


def _bin_gaps(meta: Path) -> Iterator[str]:
    bin_file = meta.with_suffix(".bin")
    lines = read_whole(meta).splitlines()
    final, size = _final_size(lines), size_of(bin_file)
    if not any(line.startswith(_LAST) for line in lines) or not _is_whole(lines[-1]):
        yield f"{meta}: is not whole: it breaks off before or in its last table"
    if final is None:
        yield f"{meta}: has no fileSizeBytes, which SpikeGLX writes when the recording ends"
    elif size != final:
        there = count(size, "byte is", "bytes are")
        yield f"{bin_file}: {there} there, {final:,} according to its .meta file"


def _is_whole(line: bytes) -> bool:
    return not line.startswith(b"~") or line.rstrip().endswith(b")")


def _final_size(lines: Sequence[bytes]) -> int | None:
    values = [x[len(_SIZE) :].strip() for x in lines if x.startswith(_SIZE)]
    if not values or not values[-1].isdigit() or len(values[-1]) > _MAX_DIGITS:
        return None
    return int(values[-1])


def _cbin_gaps(cbin: Path) -> Iterator[str]:
    offsets = json_object(cbin.with_suffix(".ch")).get("chunk_offsets")
    end, size = offsets[-1] if isinstance(offsets, list) and offsets else None, size_of(cbin)
    if type(end) is not int:
        yield f"{cbin.with_suffix('.ch')}: does not say where the chunks of its .cbin file end"
    elif size != end:
        there = count(size, "byte is", "bytes are")
        yield f"{cbin}: {there} there, {end:,} according to its .ch file"
