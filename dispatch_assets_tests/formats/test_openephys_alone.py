"""Open Ephys: a stream that is opened alone is what SpikeInterface would have read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dispatch_assets import open_ephys, open_ephys_dats, open_ephys_folders
from dispatch_assets.input_format import SourceRecording
from dispatch_assets_tests.formats.openephys_lab import NODE, STREAMS, recording_folder, write
from dispatch_assets_tests.outcome import sizes
from dispatch_assets_tests.samples import payload
from dispatch_assets_tests.samples.openephys import Faults, Probe, Stream, probe_streams

OPENED = [
    ("0.5.5.4", "0"),
    ("0.6.7", "ProbeA-AP"),
    ("0.6.7", "ProbeA-LFP"),
    ("0.6.7", "ProbeB"),
    ("1.0.0", "ProbeA-AP"),
    ("1.0.0", "ProbeB"),
]


@pytest.mark.parametrize(("version", "name"), OPENED)
def test_a_stream_opened_alone_is_what_spikeinterface_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, name: str
) -> None:
    numbered = probe_streams(Probe("0", "NP2_4shank_ph1"), sync=True)  # as GUI 0.5 does
    write(tmp_path, numbered if name == "0" else STREAMS, version=version)
    whole = opened(tmp_path / "s", name)
    monkeypatch.setattr("spikeinterface.extractors.read_openephys", refuse)
    alone = opened(tmp_path / "s", name)
    assert alone.get_annotation("opened_alone")
    for attribute in ("channel_ids", "sampling_frequency", "dtype"):
        np.testing.assert_array_equal(getattr(alone, attribute), getattr(whole, attribute))
    for key in ("gain_to_uV", "offset_to_uV", "inter_sample_shift", "group", "location"):
        np.testing.assert_array_equal(alone.get_property(key), whole.get_property(key))
    assert alone.get_property("inter_sample_shift").any()
    probes = [r.get_probegroup().to_dict(array_as_list=True) for r in (alone, whole)]
    assert probes[0] == probes[1]
    for key in ("experiment_name", "saturation_threshold_uV", "is_filtered"):
        assert alone.get_annotation(key) == whole.get_annotation(key)
    assert sizes(alone) == sizes(whole)
    np.testing.assert_array_equal(alone.get_traces(), whole.get_traces())
    np.testing.assert_array_equal(alone.get_times(), whole.get_times())


def opened(session: Path, name: str) -> Any:
    found = [s for s in open_ephys.sources(session) if isinstance(s, SourceRecording)]
    found += [s.lfp for s in found if s.lfp is not None]
    (source,) = [s for s in found if s.stream.endswith(f".{name}")]
    return source.open_segments([0])


def refuse(*args: Any, **kwargs: Any) -> Any:
    raise ValueError("refused")


@pytest.mark.parametrize(("unit", "processor"), [("", "Acquisition Board"), ("mV", "OneBox")])
def test_analog_inputs_and_units_are_treated_as_neo_does(
    tmp_path: Path, unit: str, processor: str
) -> None:
    stream = Stream(processor, 100, "Data", 30000.0, "CH", 16)
    session = write(tmp_path, [stream], faults=Faults(unsynced=("Data",)))
    oebin = recording_folder(session) / "structure.oebin"
    structure = json.loads(oebin.read_text())
    for i, channel in enumerate(structure["continuous"][0]["channels"]):
        channel |= {"units": unit} | ({"channel_name": f"ADC{i}"} if i > 11 else {})
    oebin.write_text(json.dumps(structure))
    dat = recording_folder(session) / "continuous" / stream.folder / "continuous.dat"
    payload.write_int16(dat, 3000, 16)
    whole = read_as_is(session, f"{NODE}{stream.folder}")
    (folder,) = open_ephys_folders.recording_folders(session)
    alone = open_ephys_dats.open_dat(open_ephys_folders.streams(folder)[0], "why")
    assert alone.channel_ids.tolist() == whole.channel_ids.tolist()
    assert len(alone.channel_ids) == (16 if processor == "OneBox" else 12)
    np.testing.assert_array_equal(alone.get_channel_gains(), whole.get_channel_gains())
    np.testing.assert_array_equal(alone.get_traces(), whole.get_traces())
    assert alone.get_times()[0] == whole.get_times()[0] == 21.5
    assert not alone.has_time_vector()


def read_as_is(session: Path, stream: str) -> Any:
    from spikeinterface.extractors import read_openephys

    return read_openephys(session, stream_name=stream)
