"""Names: reversible, safe, distinct."""

from __future__ import annotations

import string
import unicodedata

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from dispatch_assets.errors import NamingError
from dispatch_assets.naming import (
    MAX_KEY_LENGTH,
    clean,
    escape,
    job_key,
    natural_key,
    parse_job_key,
    recording_name,
    unescape,
)

SAFE = set(string.ascii_letters + string.digits + "_.-~")
names = st.text(min_size=1, max_size=60)
NASTY = ["..", "a/b", "../../up", "-x", ".a", "a.", "a...b", "~", "a~~b", "é", "\0", "a\nb", "🐁"]


@given(names)
@example("..")
@example("a~7eb")
def test_escaping_is_reversible_up_to_unicode_normalisation(name: str) -> None:
    assert unescape(escape(name)) == unicodedata.normalize("NFC", name)


@given(names)
def test_escaped_names_are_safe_in_paths_shells_urls_and_partition_ranges(name: str) -> None:
    escaped = escape(name)
    assert set(escaped) <= SAFE
    assert ".." not in escaped
    assert "~~" not in escaped
    assert escaped[0] not in ".-"
    assert escaped[-1] != "."


@given(names, names, names, names)
def test_two_recordings_never_share_a_key(s1: str, r1: str, s2: str, r2: str) -> None:
    normal = [unicodedata.normalize("NFC", n) for n in (s1, r1, s2, r2)]
    assume(normal[:2] != normal[2:])
    assert job_key(s1, r1) != job_key(s2, r2)


@given(names, names)
def test_keys_are_short_and_parse_back(session: str, recording: str) -> None:
    key = job_key(session, recording)
    assert len(key) <= MAX_KEY_LENGTH
    if len(escape(session)) + len(escape(recording)) + 2 <= MAX_KEY_LENGTH:
        normal = tuple(unicodedata.normalize("NFC", n) for n in (session, recording))
        assert parse_job_key(key) == normal


def test_long_names_that_differ_at_the_end_keep_distinct_keys() -> None:
    long = "é" * 300
    keys = {job_key("s", long + end) for end in "abc"}
    assert len(keys) == 3
    assert all(len(k) <= MAX_KEY_LENGTH and set(k) <= SAFE for k in keys)


@pytest.mark.parametrize("name", NASTY)
def test_nasty_names_stay_in_their_folder(name: str) -> None:
    key = job_key(name, name)
    assert "/" not in key
    assert parse_job_key(key) == (name, name)


@pytest.mark.parametrize("key", ["", "a", "~~", "a~~", "a~~b/c", "a~~..", "a~~b~~c"])
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(NamingError):
        parse_job_key(key)


def test_empty_names_are_refused() -> None:
    with pytest.raises(NamingError, match="need a name"):
        job_key("", "recording")


@pytest.mark.parametrize(
    ("kwargs", "expected"),
    [
        ({}, "block0_imec0.ap_recording"),
        ({"segment": 0}, "block0_imec0.ap_recording1"),
        ({"segment": 1, "group": "3"}, "block0_imec0.ap_recording2_group3"),
        ({"segment": 0, "session": "M1"}, "M1__block0_imec0.ap_recording1"),
    ],
)
def test_recording_names_are_spelled_as_upstream_does(
    kwargs: dict[str, object], expected: str
) -> None:
    assert recording_name("block0", "imec0.ap", **kwargs) == expected  # type: ignore[arg-type]


@given(names, names, st.one_of(st.none(), st.integers(0, 99)), st.one_of(st.none(), names))
def test_recording_names_fit_into_file_names(
    block: str, stream: str, segment: int | None, group: str | None
) -> None:
    name = recording_name(block, stream, segment=segment, group=group)
    assert not any(c in "/\\" or ord(c) < 32 for c in name)
    assert "_" not in name[: name.index("_")]


def test_block_names_lose_the_underscores_that_consumers_split_at() -> None:
    assert recording_name("my_block", "s", segment=0) == "my-block_s_recording1"


def test_cleaning_keeps_ordinary_names() -> None:
    assert clean("Record Node 101#Neuropix-PXI-100.ProbeA-AP") == (
        "Record Node 101#Neuropix-PXI-100.ProbeA-AP"
    )


def test_numbers_sort_by_value() -> None:
    streams = ["imec10.ap", "imec2.ap", "imec0.ap", "imec0.lf"]
    assert sorted(streams, key=natural_key) == ["imec0.ap", "imec0.lf", "imec2.ap", "imec10.ap"]


def test_numbers_without_end_sort_as_well() -> None:
    ordered = ["a01", "a2", f"a{'9' * 5_000}", f"a1{'0' * 5_000}"]
    assert sorted([ordered[i] for i in (2, 0, 3, 1)], key=natural_key) == ordered


halves = st.text(st.characters(codec=None), min_size=1, max_size=20)


@given(halves, halves)
def test_halves_of_characters_give_keys_too(session: str, recording: str) -> None:
    key = job_key(session, recording)
    assert key.isascii()
    parsed = parse_job_key(key)
    assert job_key(*parsed) == key
    "".join(parsed).encode("utf-8", "surrogateescape")


def test_every_half_of_a_character_gives_a_key_and_a_name() -> None:
    for half in map(chr, range(0xD800, 0xE000)):
        assert job_key(half, half).isascii()
        "".join([*parse_job_key(job_key(half, half)), clean(half)]).encode(
            "utf-8", "surrogateescape"
        )


@given(halves)
def test_what_is_no_key_is_refused_whatever_it_is(text: str) -> None:
    try:
        assert job_key(*parse_job_key(text)) == text
    except NamingError as e:
        assert "not a job key" in str(e)  # noqa: PT017 - either is right
