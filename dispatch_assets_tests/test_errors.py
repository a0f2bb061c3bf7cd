"""Errors: one sentence each, told apart by class, and unharmed by a journey between processes."""

from __future__ import annotations

import pickle
from collections.abc import Iterator

import pytest

from dispatch_assets import errors
from dispatch_assets.errors import DispatchError, StreamError, count, did_you_mean


def subclasses(kind: type[DispatchError]) -> Iterator[type[DispatchError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from subclasses(child)


KINDS = sorted(set(subclasses(DispatchError)), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_survives_pickling_and_says_one_thing(kind: type[DispatchError]) -> None:
    error = kind("cannot be read", "/data/s.bin", "Copy it again")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert (again.what, again.where, again.remedy) == (error.what, error.where, error.remedy)
    assert str(again) == str(error) == "/data/s.bin: cannot be read. Copy it again."


@pytest.mark.parametrize("kind", KINDS)
def test_a_bare_error_is_a_sentence_too(kind: type[DispatchError]) -> None:
    assert str(kind("holds nothing")) == "holds nothing."
    assert str(kind("Is it mounted?")) == "Is it mounted?"


def test_a_stream_error_keeps_its_reason() -> None:
    error = StreamError("is short", "x", "Wait", "truncated")
    assert pickle.loads(pickle.dumps(error)).reason == "truncated"


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_is_in_the_tree_that_heads_the_module(kind: type[DispatchError]) -> None:
    tree = errors.__doc__ or ""
    (line,) = [x for x in tree.splitlines() if x.strip("│├└─ ").split(" ")[0] == kind.__name__]
    builtin = next(b for b in kind.__mro__ if b.__module__ == "builtins")
    if "(" in line:
        assert f"({builtin.__name__})" in line


def test_counts_are_singular_or_plural() -> None:
    assert [count(n, "job") for n in (0, 1, 2000)] == ["0 jobs", "1 job", "2,000 jobs"]
    assert [count(n, "is", "are") for n in (1, 2)] == ["1 is", "2 are"]


def test_typos_are_guessed() -> None:
    known = ("openephysbinary", "openephyslegacy", "intan", "Plexon")
    assert did_you_mean("intann", known) == "did you mean 'intan'?"
    assert did_you_mean("plexon", known) == "did you mean 'Plexon'?"
    assert did_you_mean("openephys", known, at_most=2).count("openephys") == 2
    assert did_you_mean("xyzzy", known) == ""


def test_a_message_does_not_repeat_what_has_no_end() -> None:
    error = DispatchError("x" * 10**6, "y" * 10**6, "z" * 10**6)
    assert 3_000 < len(str(error)) < 15_000
    assert error.what == "x" * 10**6  # for who wants to know
