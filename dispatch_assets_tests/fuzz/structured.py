"""Damage to what a file means. A file that cannot be read any more is given back as it is."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Iterator
from random import Random
from typing import Any
from xml.etree import ElementTree as ET

from dispatch_assets_tests.fuzz.hostile import DEEP, Traps, text, value

_MAX_TREE = 2_000_000  # bytes of a file that is worth parsing


# ── JSON ────────────────────────────────────────────────────────────────────────────────────────


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every container in a JSON value with a key or an index in it."""
    keys = list(tree) if isinstance(tree, dict) else range(len(tree))
    for key in keys:
        yield tree, key
        if isinstance(tree[key], dict | list):
            yield from _places(tree[key])


def change_json(content: bytes, rng: Random, traps: Traps) -> bytes:
    """Delete, replace, rename, repeat or swap values of a JSON file."""
    try:
        tree = json.loads(content) if len(content) < _MAX_TREE else None
        places = list(_places(tree)) if isinstance(tree, dict | list) else []
    except (ValueError, RecursionError):
        return content
    if not places or rng.random() < 0.03:
        return _dumped(value(rng, traps))
    holder, key = rng.choice(places)
    how = rng.choice(["delete", "replace", "replace", "replace", "rename", "swap", "wrap", "type"])
    if how == "delete":
        del holder[key]
    elif how == "replace":
        holder[key] = value(rng, traps)
    elif how == "rename" and isinstance(holder, dict):
        holder[text(rng, traps)] = holder.pop(key)
    elif how == "swap":
        other, there = rng.choice(places)
        holder[key], other[there] = json.loads(_dumped([other[there], holder[key]]))
    elif how == "wrap":
        old = holder[key]
        holder[key] = rng.choice([[old], {"a": old}, [old] * 3])
    else:
        old = holder[key]
        holder[key] = str(old) if not isinstance(old, str) else rng.choice([0, 1.5, [old], None])
    return _dumped(tree)


def _dumped(tree: Any) -> bytes:
    return json.dumps(tree).encode()


def nest_json(content: bytes, rng: Random, _traps: Traps) -> bytes:
    """Put brackets without end where a value stands, closed or not."""
    begin, end = rng.choice([(b"[", b"]"), (b'{"a":', b"}")])
    depth = rng.choice([30, 500, 900, 5_000, DEEP])
    nest = begin * depth + rng.choice([b"1", b""]) + rng.choice([end * depth, b""])
    colons = [i for i, byte in enumerate(content) if byte == ord(":")]
    if not colons or rng.random() < 0.3:
        return nest
    at = rng.choice(colons) + 1
    rest = content[at:]
    stop = next((i for i, byte in enumerate(rest) if byte in b",}"), len(rest))
    return content[:at] + nest + rest[stop:]


def spell_json(content: bytes, rng: Random, _traps: Traps) -> bytes:
    """Write what only lax parsers take, or what stands for no number or character."""
    colons = [i for i, byte in enumerate(content) if byte == ord(":")]
    odd = [
        b"NaN", b"-Infinity", b"1e999", b"9" * 5_000, b'"\\ud800"', b'"\\u0000"', b"01", b"'a'",
        b"undefined", b"// x\n1", b'"\xff"', b'"a": 1', b"1, \"a\": 2", b"0.1e", b'"\\x"',
    ]  # fmt: skip
    if not colons:
        return rng.choice(odd)
    at = rng.choice(colons) + 1
    rest = content[at:]
    stop = next((i for i, byte in enumerate(rest) if byte in b",}]"), len(rest))
    return content[:at] + rng.choice(odd) + rest[stop:]


# ── XML ─────────────────────────────────────────────────────────────────────────────────────────


def change_xml(content: bytes, rng: Random, traps: Traps) -> bytes:
    """Change, delete or swap attributes and elements."""
    try:
        root = ET.fromstring(content)
    except (ET.ParseError, ValueError, LookupError, RecursionError):
        return content
    elements = list(root.iter())
    element, other = rng.choice(elements), rng.choice(elements)
    bearers = [e for e in elements if e.attrib]
    how = rng.choice(["set", "set", "set", "set", "drop", "delete", "repeat", "tag", "swap"])
    if how in ("set", "drop", "swap") and bearers:
        bearer, second = rng.choice(bearers), rng.choice(bearers)
        name = rng.choice(sorted(bearer.attrib))
        if how == "drop":
            del bearer.attrib[name]
        elif how == "swap":
            bearer.attrib[name] = rng.choice(sorted(second.attrib.values()))
        else:
            bearer.attrib[name] = text(rng, traps)
    elif how == "repeat":
        element.extend([rng.choice(list(element))] * 3 if len(element) else [])
    elif how == "tag":
        element.tag = rng.choice(["SETTINGS", "PROCESSOR", "NP_PROBE", "x", other.tag])
    elif len(element):
        element.remove(rng.choice(list(element)))
    try:
        letters = ET.tostring(root, encoding="unicode")
    except RecursionError:  # nested without end before
        return content
    return letters.encode("utf-8", "surrogatepass")


def nest_xml(_content: bytes, rng: Random, _traps: Traps) -> bytes:
    """Put elements into each other without end."""
    depth = rng.choice([500, 5_000, DEEP])
    end = b"</a>" * depth if rng.random() < 0.5 else b""
    return b"<SETTINGS>" + b"<a>" * depth + end + (b"</SETTINGS>" if end else b"")


def entities(content: bytes, rng: Random, traps: Traps) -> bytes:
    """Declare entities that become gigabytes, or that name a file outside."""
    bomb = b'<!ENTITY a0 "aaaaaaaaaa">' + b"".join(
        b'<!ENTITY a%d "%s">' % (i, b"&a%d;" % (i - 1) * 10) for i in range(1, 11)
    )
    blowup = b'<!ENTITY b "%s">' % (b"b" * 100_000)
    outside = b'<!ENTITY c SYSTEM "file://%s">' % str(traps.outside / "secret").encode()
    declared, used = rng.choice([(bomb, b"&a10;"), (blowup, b"&b;" * 20_000), (outside, b"&c;")])
    head, _, rest = content.partition(b"<SETTINGS")
    inside = rest.replace(b"<INFO>", b"<INFO>" + used, 1)
    return head + b"<!DOCTYPE SETTINGS [" + declared + b"]>" + b"<SETTINGS" + inside


# ── NPY ─────────────────────────────────────────────────────────────────────────────────────────

_NPY = b"\x93NUMPY\x01\x00"


def change_npy(content: bytes, rng: Random, traps: Traps) -> bytes:
    """Write another header: of objects, of a monstrous shape, or of no dict at all."""
    descr = rng.choice(["'<i8'", "'|O'", "'<f8'", "'|S1000000000'", "[('b', '|O')]",
                        "'<M8[s]'", "'x'", "1", "None", "'<i8'*9", "'|V0'", "'<U0'"])  # fmt: skip
    shape = rng.choice(["(600,)", "(10**12,)", "(1000000000000,)", "(-1,)", "()", "(0,)", "600",
                        "(600, 1)", "(9223372036854775807, 9223372036854775807)", "(1.5,)",
                        "('a',)", "(True,)", "(" + "9" * 5000 + ",)"])  # fmt: skip
    order = rng.choice(["False", "False", "True", "None", "__import__('os')"])
    header = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}"
    if rng.random() < 0.15:
        header = rng.choice(
            ["(" * 5_000, "{" * 200 + "}" * 200, "[" * DEEP, "x" * 60_000, "{}", ""]
        )
    plain = header.encode()[:65_000] + b"\n"
    size = rng.choice([len(plain)] * 6 + [0, 65_535, len(plain) - 1])
    body = traps.pickle() if "O" in descr else content[128:]
    return _NPY + max(size, 0).to_bytes(2, "little") + plain + body


# ── HDF5 ────────────────────────────────────────────────────────────────────────────────────────


def change_hdf5(content: bytes, rng: Random, traps: Traps) -> bytes:
    """Delete, replace and link what an HDF5 file holds, or change attributes."""
    import h5py

    buffer = io.BytesIO(content)
    try:
        with warnings.catch_warnings(), h5py.File(buffer, "r+") as file:
            warnings.simplefilter("ignore")
            names: list[str] = []
            file.visit(names.append)
            _change_object(file, rng.choice(names), rng, traps)
    except Exception:  # noqa: BLE001 - damaged before, or a change that HDF5 refuses
        return content
    return buffer.getvalue()


def _change_object(file: Any, name: str, rng: Random, traps: Traps) -> None:
    import h5py
    import numpy as np

    how = rng.choice(["attribute", "attribute", "attribute", "drop", "delete", "dataset", "link"])
    node = file[name]
    if how in ("attribute", "drop"):
        keys = sorted(node.attrs) or ["neurodata_type"]
        key = rng.choice(keys)
        if how == "drop":
            node.attrs.pop(key, None)
            return
        odd = [text(rng, traps)[:30_000], -1, 2**63, float("nan"), [1, 2, 3], [], b"\xff\xfe",
               np.zeros((2, 2)), "LabMetaData", "NWBFile", "ElectricalSeries"]  # fmt: skip
        node.attrs[key] = rng.choice(odd)
        return
    parent = node.parent
    base = name.rpartition("/")[2]
    del parent[base]
    if how == "dataset":
        _put_dataset(parent, base, rng, traps)
    elif how == "link":
        links = [h5py.SoftLink(f"/{name}"), h5py.SoftLink("/"), h5py.SoftLink("/nowhere"),
                 h5py.ExternalLink(str(traps.outside / "secret.h5"), "/x")]  # fmt: skip
        parent[base] = rng.choice(links)


def _put_dataset(parent: Any, name: str, rng: Random, traps: Traps) -> None:
    import h5py

    how = rng.randrange(6)
    if how == 0:  # nothing is stored: it takes no room until it is read
        parent.create_dataset(name, shape=(10**12, 4), dtype="int16", chunks=(1000, 4))
    elif how == 1:
        parent.create_dataset(name, data=text(rng, traps)[:100_000].replace("\0", ""))
    elif how == 2:
        parent.create_dataset(name, data=rng.choice([0, -1, float("nan"), [[1.5]], [True]]))
    elif how == 3:
        parent.create_dataset(name, data=h5py.Empty("f8"))
    elif how == 4:
        parent.create_dataset(name, shape=(10**10,), dtype=h5py.string_dtype(), chunks=(1000,))
    else:
        parent.create_group(name)
