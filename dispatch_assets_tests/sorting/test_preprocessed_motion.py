"""Motion of the tissue: estimated on request, applied on request only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from spikeinterface.core import BaseRecording, NumpyRecording
from spikeinterface.preprocessing import load_motion_info

from dispatch_assets.sorting.results import StepResult
from dispatch_assets.sorting.step import PREPROCESSED
from dispatch_assets_tests.sorting.lab import SHORT, UV_PER_BIT, Known, context_of, run
from dispatch_assets_tests.sorting.noise import RATE_HZ, noise

pytestmark = pytest.mark.filterwarnings("ignore:The extractor is not serializable")

N_CHANNELS, DURATION_S, STEP_UM = 24, 8.0, 15.0
PRESET = {  # of the methods that need neither torch nor long
    "preset": "rigid_fast",
    "estimate_motion_kwargs": {"method": "iterative_template", "bin_s": 1.0, "bin_um": 5.0},
}


def spiking(moves_at_s: float, n_segments: int = 1) -> BaseRecording:
    """Units of known depth that all move up by `STEP_UM` at one time, on 20 um contacts."""
    rng = np.random.default_rng(5)
    recording = noise([4.0] * N_CHANNELS, DURATION_S, common_uv=2.0)
    traces_uv = recording.get_traces() * UV_PER_BIT
    contacts = 20.0 * np.arange(N_CHANNELS)
    wave = -np.exp(-(((np.arange(30) - 10) / 4.0) ** 2))
    for depth in np.linspace(60, 400, 14):
        amplitude = rng.uniform(90, 220)
        for sample in np.sort(rng.integers(50, len(traces_uv) - 50, size=int(DURATION_S * 12))):
            moved = depth + (STEP_UM if sample > moves_at_s * RATE_HZ else 0.0)
            profile = amplitude * np.exp(-(((contacts - moved) / 30.0) ** 2))
            traces_uv[sample - 10 : sample + 20] += wave[:, None] * profile
    data = (traces_uv / UV_PER_BIT).round().astype("int16")
    moving = NumpyRecording(
        np.array_split(data, n_segments), RATE_HZ, channel_ids=recording.channel_ids
    )
    recording.copy_metadata(moving)
    moving.set_probegroup(recording.get_probegroup())
    return moving


def preprocessed(
    tmp_path: Path, recording: BaseRecording, motion: str
) -> tuple[StepResult, BaseRecording, Path]:
    session = tmp_path / "data" / "moving"
    recording.save(folder=session, verbose=False)
    params: dict[str, object] = {
        "preprocessing": {
            **SHORT["preprocessing"],
            "remove_bad_channels": False,
            "motion": motion,
            "motion_correction": PRESET,
        }
    }
    context = context_of(Known(tmp_path / "data", session, truth=None), tmp_path / "r", params)
    result = run(context, PREPROCESSED)[0]
    return result, context.preprocessed(), context.results / PREPROCESSED


def mean_depth(recording: BaseRecording, segment: int, start: int, end: int) -> float:
    """Where the energy of the spikes is, in um."""
    traces = recording.get_traces(segment_index=segment, start_frame=start, end_frame=end)
    energy = np.square(np.minimum(traces.astype(float), 0)).sum(axis=0)
    energy -= np.median(np.square(traces.astype(float)), axis=0) * len(traces) * 0.5
    return float(np.average(20.0 * np.arange(N_CHANNELS), weights=np.maximum(energy, 0)))


def test_a_known_step_is_found_and_drawn_and_left_in_the_data(tmp_path: Path) -> None:
    result, saved, folder = preprocessed(tmp_path, spiking(moves_at_s=4.0), "compute")
    motion = load_motion_info(folder / "motion")["motion"]
    path = motion.displacement[0][:, 0]
    assert path[-3:].mean() - path[:3].mean() == pytest.approx(STEP_UM, abs=6.0)
    assert result.facts["motion"] == "compute"
    assert float(str(result.facts["motion_um"])) == pytest.approx(STEP_UM, abs=8.0)
    assert result.files["lazy chain"] == "chain.json"
    assert (folder / "chain.json").is_file()
    assert 10_000 < (folder / result.figures["Motion"]).stat().st_size < 300_000
    moved = mean_depth(saved, 0, 135_000, 240_000) - mean_depth(saved, 0, 0, 105_000)
    assert moved > 0.7 * STEP_UM


def test_is_undone_on_request_and_segments_stay_apart(tmp_path: Path) -> None:
    recording = spiking(moves_at_s=4.0, n_segments=2)
    result, corrected, folder = preprocessed(tmp_path, recording, "apply")
    motion = load_motion_info(folder / "motion")["motion"]
    assert motion.temporal_bins_s[0][-1] == pytest.approx(DURATION_S, abs=1.0)  # of both
    assert result.facts["motion"] == "apply"
    assert [corrected.get_num_samples(i) for i in range(2)] == [120_000, 120_000]
    assert list(corrected.channel_ids) == list(recording.channel_ids)
    first, second = (mean_depth(corrected, i, 0, 120_000) for i in range(2))
    assert abs(second - first) < 0.5 * STEP_UM
    assert not list(folder.rglob("*.pkl"))


def test_no_chain_is_kept_that_lacks_the_correction(tmp_path: Path) -> None:
    result, _, folder = preprocessed(tmp_path, spiking(moves_at_s=4.0), "apply")
    assert not (folder / "chain.json").exists()
    assert "lazy chain" not in result.files
    assert all((folder / name).exists() for name in result.files.values())
    assert any("no lazy chain is kept" in w for w in result.warnings)


def test_a_missing_package_is_said_and_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    from dispatch_assets.sorting.preprocessing import motion

    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert motion.choose_preset({"preset": "kilosort_like"}) == ("kilosort_like", [])
    preset, (warning,) = motion.choose_preset({})
    assert preset == "kilosort_like"
    assert "'dredge_fast' needs the package 'torch'" in warning
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    assert motion.choose_preset({}) == ("dredge_fast", [])


def test_silence_gives_no_motion_but_a_result(tmp_path: Path) -> None:
    result, saved, _ = preprocessed(tmp_path, noise([4.0] * 16), "compute")
    assert result.facts["motion"] == "none"
    assert "Motion" not in result.figures
    assert any("motion cannot be estimated" in w for w in result.warnings)
    assert saved.get_num_channels() == 16
