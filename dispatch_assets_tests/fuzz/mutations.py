"""Seeded damage to a file: to its bytes, to its lines, and to what it means."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from dispatch_assets_tests.fuzz import structured
from dispatch_assets_tests.fuzz.hostile import Traps, text

Mutator = Callable[[bytes, Random, Traps], bytes]


def _place(content: bytes, rng: Random) -> tuple[int, int]:
    """Return where a slice of a file begins and ends; more often near its beginning."""
    size = len(content)
    near = min(size, rng.choice([64, 512, 4096, size or 1]))
    begin = rng.randrange(near + 1)
    return begin, min(size, begin + rng.choice([1, 4, 8, 64, 1024]))


def flip_bits(content: bytes, rng: Random, _traps: Traps) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 1, 2, 8, 64])):
        if changed:
            begin, _end = _place(content, rng)
            changed[min(begin, len(changed) - 1)] ^= 1 << rng.randrange(8)
    return bytes(changed)


def truncate(content: bytes, rng: Random, _traps: Traps) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def delete_slice(content: bytes, rng: Random, _traps: Traps) -> bytes:
    begin, end = _place(content, rng)
    return content[:begin] + content[end:]


def repeat_slice(content: bytes, rng: Random, _traps: Traps) -> bytes:
    begin, end = _place(content, rng)
    return content[:end] + content[begin:end] * rng.choice([1, 2, 100]) + content[end:]


def overwrite_slice(content: bytes, rng: Random, _traps: Traps) -> bytes:
    begin, end = _place(content, rng)
    n = end - begin
    new = rng.choice([bytes(n), b"\xff" * n, rng.randbytes(n), b"\x7f" + b"\xff" * (n - 1)])
    return content[:begin] + new[:n] + content[end:]


def replace_all(content: bytes, rng: Random, traps: Traps) -> bytes:
    made: list[Callable[[], bytes]] = [
        lambda: b"",
        lambda: b"\n" * 1000,
        lambda: bytes(len(content)),
        lambda: rng.randbytes(rng.choice([1, 16, 4096])),
        lambda: rng.randbytes(1_000_000),
        lambda: content[::-1],
        lambda: content * 50,
        traps.pickle,
        lambda: b"\x93NUMPY" + traps.pickle(),
    ]
    return rng.choice(made)()


def reencode(content: bytes, rng: Random, _traps: Traps) -> bytes:
    """Write a text as another program might: UTF-16, a mark in front, other ends of lines."""
    letters = content.decode("latin-1")
    made: list[Callable[[], bytes]] = [
        lambda: letters.encode("utf-16"),
        lambda: letters.encode("utf-32-le"),
        lambda: b"\xef\xbb\xbf" + content,
        lambda: content.replace(b"\n", b"\r\n"),
        lambda: content.replace(b"\n", b"\r"),
        lambda: content.replace(b"e", "é".encode("latin-1")),
        lambda: content.replace(b"e", b"\xed\xa0\x80"),  # half a character, as UTF-8
        lambda: content.replace(b"e", b"\0"),
    ]
    return rng.choice(made)()


def mix_lines(content: bytes, rng: Random, _traps: Traps) -> bytes:
    """Delete, repeat, swap or cut lines."""
    lines = content.split(b"\n")
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    how = rng.randrange(4)
    if how == 0:
        del lines[i]
    elif how == 1:
        lines.insert(j, lines[i])
    elif how == 2:
        lines[i], lines[j] = lines[j], lines[i]
    else:
        lines[i] = lines[i][: rng.randrange(len(lines[i]) + 1)]
    return b"\n".join(lines)


def change_assignment(content: bytes, rng: Random, traps: Traps) -> bytes:
    """Give another value, or that of another line, to a line like ``name=value``."""
    lines = content.split(b"\n")
    places = [i for i, line in enumerate(lines) if b"=" in line]
    if not places:
        return content + b"\n=\n"
    i, j = rng.choice(places), rng.choice(places)
    name, _, _ = lines[i].partition(b"=")
    other = lines[j].partition(b"=")[2]
    new = text(rng, traps).encode("utf-8", "surrogatepass")
    lines[i] = name + b"=" + rng.choice([new, new, new, other, b"(" * 1000, b"(1,2"])
    return b"\n".join(lines)


_BYTES: list[Mutator] = [
    flip_bits, truncate, delete_slice, repeat_slice, overwrite_slice, replace_all,
]  # fmt: skip
_TEXT: list[Mutator] = [*_BYTES, reencode, mix_lines]
MUTATORS: dict[str, list[Mutator]] = {
    "assignments": [*_TEXT, *[change_assignment] * 8],
    "json": [*_TEXT, *[structured.change_json] * 8, structured.nest_json, structured.spell_json],
    "xml": [*_TEXT, *[structured.change_xml] * 7, structured.nest_xml, structured.entities],
    "npy": [*_BYTES, *[structured.change_npy] * 6],
    "hdf5": [*_BYTES, flip_bits, flip_bits, *[structured.change_hdf5] * 8],
    "bytes": _BYTES,
}
"""What may happen to a file, by what kind of text or bytes it holds."""


def mutate(content: bytes, holds: str, rng: Random, traps: Traps) -> tuple[bytes, str]:
    """Return a damaged copy of a file's content, and what was done.

    Parameters
    ----------
    content
        The file's bytes.
    holds
        A key of `MUTATORS`.
    rng
        Where chance comes from: the same state gives the same bytes.
    traps
        What to plant.
    """
    done = []
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        mutator = rng.choice(MUTATORS[holds])
        content = mutator(content, rng, traps)
        done.append(mutator.__name__)
    return content, ", ".join(done)
