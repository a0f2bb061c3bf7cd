"""What the step ``preprocessed`` tells people: facts, tables, and doubts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from dispatch_assets.errors import count
from dispatch_assets.sorting.preprocessing.bad_channels import channel_table
from dispatch_assets.sorting.step import Fact, StepOutcome

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from spikeinterface.core import BaseRecording

    from dispatch_assets.sorting.params import PreprocessingParams
    from dispatch_assets.sorting.preprocessing.fitness import Survey
    from dispatch_assets.sorting.preprocessing.motion import Estimate
    from dispatch_assets.sorting.preprocessing.processing import Processed
    from dispatch_assets.sorting.preprocessing.saving import Scan

RECORDING, CHAIN, MOTION, FIGURES = "recording", "chain.json", "motion", "figures"
# Noise levels of extracellular recordings in the spike band are some 3-30 uV; a factor of ten
# beyond is more likely a wrong gain, such as one to volts.
PLAUSIBLE_NOISE_UV = (0.3, 300.0)
MAX_LISTED = 100
MAX_SILENT_SHARE = 0.1  # of the time, beyond that in which all channels are silent


@dataclass
class Findings:
    """What is known about a recording by the end of the step."""

    raw: BaseRecording
    survey: Survey
    done: Processed
    saved: BaseRecording
    noise_uv: NDArray[np.float64]
    scan: Scan
    motion: Estimate | None = None
    warnings: list[str] = field(default_factory=list)


def outcome(found: Findings, params: PreprocessingParams, figures: dict[str, str]) -> StepOutcome:
    """Return what the step tells people."""
    files = {"recording": RECORDING, "lazy chain": CHAIN}
    if found.motion is not None:
        files["motion"] = MOTION
    raw_noise_uv = found.survey.noise_uv
    tables = {
        "bad channels": channel_table(
            found.raw, found.done.labels, found.done.left_out, raw_noise_uv
        ),
        "silent stretches": found.scan.stretches[:MAX_LISTED],
    }
    return StepOutcome(
        facts=_facts(found, params),
        tables={title: rows for title, rows in tables.items() if rows},
        figures=figures,
        files=files,
        warnings=[*found.warnings, *_doubts(found)],
    )


def _facts(found: Findings, params: PreprocessingParams) -> dict[str, Fact]:
    saved, n_raw = found.saved, found.raw.get_num_channels()
    rate_hz = float(saved.get_sampling_frequency())
    facts: dict[str, Fact] = {
        "n_channels_raw": n_raw,
        "n_channels": saved.get_num_channels(),
        "bad_channels_percent": round(100 * len(found.done.labels) / n_raw, 1),
        "n_shanks": len(set(saved.get_channel_groups())),
        "n_segments": saved.get_num_segments(),
        "duration_s": round(sum(samples_per_segment(saved)) / rate_hz, 3),
        "sampling_frequency_hz": rate_hz,
        "phase_shifted": _is_phase_shifted(found, params),
        "filter": found.done.filter,
        "reference": found.done.reference,
        "noise_level_uv": round(float(np.median(found.noise_uv)), 3),
        "gain_uv_per_bit": round(float(np.median(saved.get_channel_gains())), 6),
        "n_clipped_samples": int(found.scan.n_clipped.sum()),
        "silent_s": round(found.scan.silent_s, 3),
        "motion": params.motion if found.motion is not None else "none",
    }
    if found.motion is not None:
        facts |= {
            "motion_preset": found.motion.preset,
            "motion_um": round(found.motion.range_um, 1),
        }
    return facts


def _is_phase_shifted(found: Findings, params: PreprocessingParams) -> bool:
    if params.custom_preprocessing_pipeline:
        return "phase_shift" in params.custom_preprocessing_pipeline
    return "inter_sample_shift" in found.raw.get_property_keys()


def samples_per_segment(recording: BaseRecording) -> list[int]:
    """Return the number of samples of each segment."""
    return [recording.get_num_samples(i) for i in range(recording.get_num_segments())]


def _doubts(found: Findings) -> list[str]:
    """Return what a person should look at before trusting what follows."""
    doubts = []
    typical_uv = float(np.median(found.survey.noise_uv))
    low_uv, high_uv = PLAUSIBLE_NOISE_UV
    if not low_uv <= typical_uv <= high_uv:
        doubts.append(
            f"a noise level of {typical_uv:.3g} uV is not plausible: are the gains right?"
        )
    kept = [c for c in found.done.labels if c not in found.done.left_out]
    if kept:
        doubts.append(f"bad channels were kept on request: {', '.join(kept[:MAX_LISTED])}")
    n_clipped = int(found.scan.n_clipped.sum())
    if n_clipped:
        n_channels = int((found.scan.n_clipped > 0).sum())
        what = f"{count(n_clipped, 'sample')} on {count(n_channels, 'channel')} exceed int16"
        doubts.append(f"{what} and were clipped")
    if found.scan.stretches:
        many = count(len(found.scan.stretches), "stretch", "stretches")
        doubts.append(f"every channel is silent for {found.scan.silent_s:.2f} s ({many})")
    share = found.scan.silent_share - found.scan.silent_s / max(
        found.saved.get_total_duration(), 1e-9
    )
    quiet = found.saved.channel_ids[share > 0.1]
    if len(quiet):
        doubts.append(f"silent for over a tenth of the time: {', '.join(map(str, quiet))}")
    return doubts


def _quiet_channels(found: Findings) -> list[str]:
    duration_s = sum(samples_per_segment(found.saved)) / found.saved.get_sampling_frequency()
    alone = found.scan.silent_share - found.scan.silent_s / duration_s
    quiet = found.saved.channel_ids[alone > MAX_SILENT_SHARE]
    if not len(quiet):
        return []
    names = ", ".join(map(str, quiet))
    return [f"channels silent for more than {MAX_SILENT_SHARE:.0%} of the time: {names}"]
