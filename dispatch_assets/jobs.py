"""From a planned job to its JSON: open the recording, check its times, describe it."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dispatch_assets.clocks import clock_warnings, timestamp_report
from dispatch_assets.errors import StreamError
from dispatch_assets.models import Reason, SegmentClock, Session, SortingJob, TimestampReport
from dispatch_assets.params import DispatchParams
from dispatch_assets.planning import SessionPlan
from dispatch_assets.reading import reading
from dispatch_assets.recording_json import recording_to_dict
from dispatch_assets.stream_plans import PlannedJob, lfp_positions

if TYPE_CHECKING:
    from spikeinterface.core import BaseRecording

_GLANCE_SAMPLES = 100
AS_IN_THE_INVENTORY = {
    "session_name",
    "recording_name",
    "job_key",
    "input_format",
    "block",
    "stream",
    "segment",
    "group",
    "probe_names",
    "fingerprint",
}


class JobBuilder:
    """Builds the jobs of one session; what jobs share (a clock, a recording) is looked at once.

    Parameters
    ----------
    plan
        The session's plan.
    """

    def __init__(self, plan: SessionPlan) -> None:
        self.plan, self.params = plan, plan.params
        self._clocks: dict[tuple[str, str, tuple[int, ...]], TimestampReport] = {}

    def build(self, planned: PlannedJob) -> SortingJob:
        """Build one job.

        Raises
        ------
        StreamError
            If the recording cannot be opened, or its times cannot be read.
        """
        entry, source = planned.entry, planned.source
        where = f"{self.plan.session.path} ({source.stream})"
        with reading(where):
            part, report, _ = self.open(planned)
            lfp, lfp_warnings = self._lfp(planned, part)
            facts = _facts(part, report, clipped=self.params.debug) | {
                "recording_dict": recording_to_dict(part, Path(self.plan.session.data_folder)),
                "recording_lfp_dict": lfp,
                "probe_dict": source.probe_dict() if source.probe_dict is not None else None,
            }
            warnings = [
                *source.warnings,
                *_about_settings(self.plan.session),
                *clock_warnings(report),
                *lfp_warnings,
                *zero_warnings(part),
            ]
        return SortingJob(
            **entry.model_dump(include=AS_IN_THE_INVENTORY),
            **facts,
            input_folder=self.plan.session.input_folder,
            debug=self.params.debug,
            multi_input=self.params.multi_session,
            data_folder=self.plan.session.data_folder,
            warnings=warnings,
            parameters_hash=self.plan.inventory.parameters_hash,
            versions=software_versions(),
        )

    def open(self, planned: PlannedJob) -> tuple[BaseRecording, TimestampReport, BaseRecording]:
        """Open the recording of a job.

        Returns
        -------
        part : BaseRecording
            What is to be sorted: the channels of its group, clipped if debugging.
        report : TimestampReport
            Verdict on its times.
        whole : BaseRecording
            All channels and samples, with its own times.
        """
        whole = planned.source.open_segments(planned.positions)
        report = self._report(planned, whole)
        # a group of a clip would lose its times in SpikeInterface 0.105, a clip of a group not
        return _clip(select_group(whole, planned.entry.group), self.params), report, whole

    def _report(self, planned: PlannedJob, recording: BaseRecording) -> TimestampReport:
        key = (planned.source.block, planned.source.stream, planned.positions)
        if key not in self._clocks:
            segments = [planned.source.segments[i] for i in planned.positions]
            self._clocks[key] = timestamp_report(
                recording, segments, skip=self.params.skip_timestamps_check
            )
        return self._clocks[key]

    def _lfp(
        self, planned: PlannedJob, part: BaseRecording
    ) -> tuple[dict[str, Any] | None, list[str]]:
        lfp_source, positions = planned.source.lfp, lfp_positions(planned.source, planned.positions)
        if lfp_source is None:
            return None, []
        if positions is None:
            return None, ["the LFP of this recording is missing or damaged; see the inventory"]
        try:
            with reading(f"{self.plan.session.path} ({lfp_source.stream})"):
                lfp = _clip(lfp_source.open_segments(positions), self.params)
                matching = _select_like(lfp, part, planned.entry.group)
                if matching is not None:
                    return recording_to_dict(matching, Path(self.plan.session.data_folder)), []
        except StreamError as e:
            return None, [f"the LFP of this recording is left out: {e}"]
        return None, ["the LFP is left out: its channels do not match those of the AP band"]


def _about_settings(session: Session) -> list[str]:
    found = session.settings
    if found is None or not found.unused:
        return []
    return [f"its settings are those in {found.file}; {found.unused} is not read"]


def _facts(part: BaseRecording, report: TimestampReport, *, clipped: bool) -> dict[str, Any]:
    """Return what a job says of the recording itself and of its clock."""
    duration_s = _duration_s(part, report, clipped=clipped)
    return {
        "duration": round(duration_s, 2),
        "n_channels": part.get_num_channels(),
        "n_samples": [part.get_num_samples(i) for i in range(part.get_num_segments())],
        "sampling_frequency_hz": float(part.get_sampling_frequency()),
        "timestamps": report,
        "skip_times": report.verdict == "reset",
    }


def _clip(recording: BaseRecording, params: DispatchParams) -> BaseRecording:
    """Clip every segment to the debug duration, if debugging."""
    if not params.debug:
        return recording
    from spikeinterface.core import append_recordings

    wanted = max(1, int(params.debug_duration * recording.get_sampling_frequency()))
    n = recording.get_num_segments()
    parts = [recording] if n == 1 else [recording.select_segments([i]) for i in range(n)]
    clipped = [
        p.frame_slice(start_frame=0, end_frame=min(wanted, p.get_num_samples())) for p in parts
    ]
    return clipped[0] if n == 1 else append_recordings(clipped)


def zero_warnings(recording: BaseRecording) -> list[str]:
    """Warn of a recording that seems to hold nothing but zeros.

    Looks at the middle first; a recording with a signal is read at one place only.
    """
    for segment in range(recording.get_num_segments()):
        n_samples = recording.get_num_samples(segment)
        for start in (n_samples // 2, 0, max(0, n_samples - _GLANCE_SAMPLES)):
            stop = min(start + _GLANCE_SAMPLES, n_samples)
            if recording.get_traces(segment, start_frame=start, end_frame=stop).any():
                return []
    return ["the data seem to be zero everywhere: the middle, the beginning and the end are"]


def _duration_s(recording: BaseRecording, report: TimestampReport, *, clipped: bool) -> float:
    """Return the duration by the clock; by the samples where it does not count."""
    by_clock = np.nan
    if report.verdict == "kept" and not clipped:
        by_clock = sum(_clock_s(c, recording.get_sampling_frequency()) for c in report.segments)
    elif report.verdict not in ("regular", "reset"):
        by_clock = float(np.ravel(recording.get_total_duration())[0])
    if np.isfinite(by_clock):
        return by_clock
    n_samples = sum(recording.get_num_samples(i) for i in range(recording.get_num_segments()))
    return float(n_samples / recording.get_sampling_frequency())


def _clock_s(clock: SegmentClock, rate_hz: float) -> float:
    """Return a segment's duration from its report: the times are not read again."""
    if clock.t_start_s is None or clock.t_end_s is None:
        return clock.n_samples / rate_hz
    return clock.t_end_s - clock.t_start_s + 1 / rate_hz


def select_group(recording: BaseRecording, group: str | None) -> BaseRecording:
    """Return the channels of one group (shank); all of them if it is None.

    Raises
    ------
    StreamError
        If there is none in it.
    """
    if group is None:
        return recording
    members = np.asarray(recording.get_channel_groups()).astype(str) == group
    if not members.any():
        raise StreamError(
            f"has no channel group {group!r} any more",
            "",
            "Run the inventory again",
            Reason.UNREADABLE,
        )
    return recording.select_channels(recording.channel_ids[members])


def _select_like(lfp: BaseRecording, ap: BaseRecording, group: str | None) -> BaseRecording | None:
    """Return the LFP channels of the same group, or else of the same contacts; None if neither."""
    if group is None:
        return lfp
    groups = np.asarray(lfp.get_channel_groups()).astype(str)
    n_same = int(np.count_nonzero(groups == group))
    if n_same and n_same < len(groups):
        return lfp.select_channels(lfp.channel_ids[groups == group])
    if not lfp.has_channel_location():
        return None
    wanted = {tuple(p) for p in np.round(ap.get_channel_locations(), 3).tolist()}
    here = [tuple(p) in wanted for p in np.round(lfp.get_channel_locations(), 3).tolist()]
    return lfp.select_channels(lfp.channel_ids[here]) if sum(here) == len(wanted) else None


@functools.cache
def software_versions() -> dict[str, str]:
    """Return the versions of the software that writes a job."""
    from importlib.metadata import version

    packages = ("dispatch_assets", "spikeinterface", "neo", "probeinterface", "numpy")
    return {p: version(p) for p in packages}
