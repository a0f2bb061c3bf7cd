"""All composition and parsing of names: recording names, job keys, file names.

Two spellings exist side by side. The *recording name* is what the Allen Institute's own
dispatcher writes, ``block_stream_recordingN_groupG``, and what its later steps read. The *job key*
is ``session~~recording`` with every awkward byte escaped: it is a Dagster partition key, a file
name and a URL part, and can be turned back into the two names.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

from dispatch_assets.errors import NamingError

SEPARATOR = "~~"
MAX_KEY_LENGTH = 200  # a file name may have 255 bytes; leaves room for "job_", ".json", temp names
_HASH_LENGTH = 16
_UNSAFE = re.compile(r"[^A-Za-z0-9_.\-]|(?<=\.)\.|^[.\-]|\.$")
_UNFIT_FOR_A_NAME = re.compile(r"[/\\\x00-\x1f\x7f\ud800-\udc7f\udd00-\udfff]+")
# halves of characters, which no file name holds; JSON can spell them
_HALVES = re.compile("[\ud800-\udc7f\udd00-\udfff]")
_ESCAPED = re.compile(rb"~([0-9a-f]{2})")


def clean(name: str) -> str:
    """Return `name` fit for a file name: NFC, no slashes, backslashes or control characters.

    Each run of such characters, or of halves of characters, becomes one ``-``; surrounding blanks
    go.
    """
    return _UNFIT_FOR_A_NAME.sub("-", unicodedata.normalize("NFC", name)).strip()


def recording_name(
    block: str,
    stream: str,
    *,
    segment: int | None = None,
    group: str | None = None,
    session: str | None = None,
) -> str:
    """Compose a recording name as the upstream dispatcher spells it.

    Parameters
    ----------
    block
        Block name, such as ``block0`` or ``experiment1``. Consumers split names at ``_`` by
        position, so underscores in it become ``-``.
    stream
        Stream name, such as ``imec0.ap``.
    segment
        Zero-based position of the segment, or None if segments stay together.
    group
        Channel group (shank), or None if groups stay together.
    session
        Session name to put in front (``multi_session``), or None.

    Returns
    -------
    str
        ``[session__]block_stream_recording[N][_groupG]`` with ``N = segment + 1``.
    """
    name = f"{clean(block).replace('_', '-')}_{clean(stream)}_recording"
    name += "" if segment is None else str(segment + 1)
    name += "" if group is None else f"_group{clean(group)}"
    return name if session is None else f"{clean(session)}__{name}"


def whole_characters(text: str) -> str:
    """Return a text that JSON parsers take: U+FFFD for each half of a character in it.

    Bytes of file names that are no UTF-8 stay as they are.
    """
    return _HALVES.sub("\ufffd", text)


def escape(name: str) -> str:
    """Return `name` in ASCII letters, digits and ``_.-~`` only; `unescape` undoes it.

    Every other byte of its UTF-8 form becomes ``~hh``; so do a ``.`` after a ``.``, a leading
    ``.`` or ``-`` and a trailing ``.``. Half a character, which has no UTF-8 form and which no file
    name holds, counts as U+FFFD.
    """
    text = whole_characters(unicodedata.normalize("NFC", name))
    return _UNSAFE.sub(lambda m: "".join(f"~{b:02x}" for b in _utf8(m.group())), text)


def unescape(text: str) -> str:
    """Undo `escape`."""
    raw = _ESCAPED.sub(lambda m: bytes([int(m.group(1), 16)]), text.encode("utf-8", "replace"))
    return raw.decode("utf-8", "surrogateescape")


def job_key(session: str, recording: str) -> str:
    """Return the key of a job: unique, safe in file names, URLs and shells, reversible.

    Keys longer than `MAX_KEY_LENGTH` are cut and end in a hash of the whole; only those cannot
    be parsed back.

    Raises
    ------
    NamingError
        If either name is empty.
    """
    if not session or not recording:
        raise NamingError("a session and a recording need a name", f"{session!r}, {recording!r}")
    return _shortened(escape(session) + SEPARATOR + escape(recording))


def file_stem(name: str) -> str:
    """Return `name` as a file name without extension: escaped, and shortened like a job key."""
    return _shortened(escape(name))


def _shortened(key: str) -> str:
    if len(key) <= MAX_KEY_LENGTH:
        return key
    digest = hashlib.sha256(key.encode()).hexdigest()[:_HASH_LENGTH]
    head = key[: MAX_KEY_LENGTH - _HASH_LENGTH - 1]
    head = re.sub(r"~[0-9a-f]?$", "", head)  # not in the middle of an escape
    return f"{head}-{digest}"


def parse_job_key(key: str) -> tuple[str, str]:
    """Return the session and the recording name of a job key that was not shortened.

    Raises
    ------
    NamingError
        If `key` is not one that `job_key` could have made.
    """
    session, separator, recording = key.partition(SEPARATOR)
    parsed = unescape(session), unescape(recording)
    if not separator or not all(parsed) or job_key(*parsed) != key:
        raise NamingError("not a job key", repr(key), "Keys look like <session>~~<recording>")
    return parsed


def group_session(group: str) -> str:
    """Return what stands in the place of the session's name for a group of recordings.

    No session that is a folder or a file can be called so.
    """
    return f"group/{group}"


def job_file_name(key: str) -> str:
    """Return the file name of a job: consumers look for JSON files with "job" in their name."""
    return f"job_{key}.json"


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key by which ``imec2`` comes before ``imec10``."""
    parts = re.findall(r"\d+|\D+", name)
    return tuple(_natural(part) for part in parts)


def _natural(part: str) -> tuple[int, int, str]:
    if not (part.isdecimal() and part.isascii()):
        return 1, 0, part
    digits = part.lstrip("0")  # compared as text: Python has a limit for those of a number
    return 0, len(digits), digits


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
