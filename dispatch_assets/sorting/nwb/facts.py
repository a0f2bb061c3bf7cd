"""What is known about a session besides its traces: when it began, and whose brain it was.

Nothing is made up. A start that is unknown is the Unix epoch, which no reader takes for a date of
an experiment, and facts on the subject that are unknown are the least specific true ones; both
with a warning. All of it is read from files that anyone may have written: sizes and types are
checked, and what is broken is left out with a warning.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from dispatch_assets.sorting.params import SUBJECT_FIELDS

MAX_TEXT = 2000  # characters; longer values are no facts of this kind
UNKNOWN_START = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
# true of every subject: animals (NCBI's taxonomy), any sex, any age (as a range of ISO durations)
LEAST_SPECIFIC = {
    "species": "http://purl.obolibrary.org/obo/NCBITaxon_33208",
    "sex": "U",
    "age": "P0D/",
}
_SEX = {
    "female": "F",
    "male": "M",
    "unknown": "U",
    "other": "O",
    "f": "F",
    "m": "M",
    "u": "U",
    "o": "O",
}
GENERAL = ("institution", "lab", "experiment_description", "protocol", "surgery", "virus")


class SessionFacts(BaseModel):
    """What is known about a session; kept beside the units, for the session-level file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: dt.datetime | None = Field(default=None, description="When the session began.")
    start_source: str = Field(default="", description="Where the start comes from.")
    reference_time: dt.datetime | None = Field(
        default=None, description="What times are relative to, where an NWB file says so."
    )
    subject: dict[str, str] = Field(default_factory=dict, description="As NWB's Subject.")
    general: dict[str, str] = Field(default_factory=dict, description="Fields of NWB's general.")
    experimenter: list[str] = Field(default_factory=list)
    keywords: list[str] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)

    def missing(self, other: SessionFacts) -> SessionFacts:
        """Return these facts, with those of `other` where they are missing."""
        start = self if self.start is not None else other
        return SessionFacts(
            start=start.start,
            start_source=start.start_source,
            reference_time=start.reference_time,
            subject={**other.subject, **self.subject},
            general={**other.general, **self.general},
            experimenter=self.experimenter or other.experimenter,
            keywords=self.keywords or other.keywords,
            warnings=[*self.warnings, *other.warnings],
        )


@dataclass
class Gathered:
    """Facts while they are being read, each checked on its way in."""

    timezone: str = ""
    start: dt.datetime | None = None
    start_source: str = ""
    reference_time: dt.datetime | None = None
    subject: dict[str, str] = field(default_factory=dict)
    general: dict[str, str] = field(default_factory=dict)
    experimenter: list[str] = field(default_factory=list)
    keywords: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def set_subject(self, name: str, value: object) -> None:
        """Keep a fact on the subject if it is text that makes sense there."""
        text = plain_text(value)
        if text and name == "sex":
            text = _SEX.get(text.casefold(), "")
        if text and name == "date_of_birth":
            born = parse_time(text, self.timezone)
            text = born.isoformat() if born else ""
        if text and name == "subject_id":
            text = text.replace("/", "-")
        if text:
            self.subject[name] = text

    def set_general(self, name: str, value: object) -> None:
        """Keep a general fact if it is text."""
        if text := plain_text(value):
            self.general[name] = text

    def set_start(self, value: object, source: str) -> None:
        """Keep when the session began, if it is a time and none is known yet."""
        if self.start is not None or value is None:
            return
        text = plain_text(value)
        time = parse_time(text, self.timezone)
        if time is None:
            self.warnings.append(f"{source} is no time: {text[:40]!r}")
            return
        if not has_zone(text) and not self.timezone:
            self.warnings.append(
                f"{source} has no time zone and is taken as UTC; the parameter nwb.rig_timezone "
                "says which one it is"
            )
        self.start, self.start_source = time, source

    def facts(self) -> SessionFacts:
        """Return what was gathered."""
        values = {name: getattr(self, name) for name in SessionFacts.model_fields}
        return SessionFacts.model_validate(values)


def plain_text(value: object) -> str:
    """Return a value as text if it is text or a number of sensible length; else nothing."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return ""
    text = value.strip().replace("\0", "")
    return text if len(text) <= MAX_TEXT else ""


def parse_time(text: str, timezone: str) -> dt.datetime | None:
    """Return an ISO 8601 time; without a zone, it is of `timezone`, or else of UTC."""
    try:
        time = dt.datetime.fromisoformat(text)
        zone = ZoneInfo(timezone) if timezone else dt.UTC
        time = time if time.tzinfo is not None else time.replace(tzinfo=zone)
        time.astimezone(dt.UTC)  # year 1 or 9999 leaves the range
    except (ValueError, OverflowError):
        return None
    return time


def has_zone(text: str) -> bool:
    """Return whether an ISO 8601 time names its time zone."""
    return dt.datetime.fromisoformat(text).tzinfo is not None


def completed(facts: SessionFacts, given: Mapping[str, Any], session_name: str) -> SessionFacts:
    """Fill what is missing: from the parameters, else with the least specific true values.

    Parameters
    ----------
    facts
        What the session says itself; it wins.
    given
        The parameter ``nwb.subject``.
    session_name
        Names the subject of which nothing is known.
    """
    own = Gathered(subject={})
    for name in SUBJECT_FIELDS:
        own.set_subject(name, given.get(name))
    known = facts.missing(own.facts())
    subject, warnings = dict(known.subject), list(known.warnings)
    lacking = [n for n in ("subject_id", "species", "sex") if n not in subject]
    if "age" not in subject and "date_of_birth" not in subject:
        lacking.append("age")
        subject["age"] = LEAST_SPECIFIC["age"]
    if lacking:
        subject.setdefault("species", LEAST_SPECIFIC["species"])
        subject.setdefault("sex", LEAST_SPECIFIC["sex"])
        subject.setdefault("subject_id", f"unknown subject of {session_name}".replace("/", "-"))
        what = f"The session does not say of its subject: {', '.join(lacking)}."
        subject["description"] = " ".join(filter(None, (subject.get("description"), what)))
        warnings.append(f"{what} The parameter nwb.subject can.")
    if known.start is None:
        warnings.append("When the session began is not known: session_start_time is 1970-01-01")
    return known.model_copy(update={"subject": subject, "warnings": list(dict.fromkeys(warnings))})
