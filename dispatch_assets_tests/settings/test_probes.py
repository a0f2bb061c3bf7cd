"""Settings of single sessions: probes for those that say nothing of theirs."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from dispatch_assets_tests.outcome import loaded, loaded_lfp, planned
from dispatch_assets_tests.samples import SAVED, generic, nwb, openephys
from dispatch_assets_tests.settings.lab import INTAN, inventories, jobs, say


def test_another_probe_is_another_job(data: Path) -> None:
    from probeinterface import write_probeinterface

    say(data / "odd", INTAN)
    before = inventories(data)["odd"]
    write_probeinterface(data / "odd" / "probe.json", generic.linear_probe(8, 2))
    after = inventories(data)["odd"]
    assert after.parameters_hash != before.parameters_hash
    assert [e.group for e in after.jobs] == ["0", "1"]
    assert [e.fingerprint for e in before.jobs] * 2 == [e.fingerprint for e in after.jobs]


def test_a_probe_for_a_session_that_has_none(tmp_path: Path) -> None:
    from probeinterface import write_probeinterface

    data = tmp_path / "data"
    generic.write_binary_folder(data / "bare" / "recording", n_channels=4, probe=False)
    nwb.write_nwb(data / "bare.nwb", (nwb.NwbProbe(n_channels=4),), locations=False, seconds=0.1)
    assert {e.reason for e in planned(data).entries if e.status == "failed"} == {"no_probe"}
    place = data.parent / "settings"
    say(place, {"probe_paths": "four.json"}, "bare.json")
    say(place, {"probe_paths": {"acquisition-ElectricalSeriesAP": "four.json"}}, "bare.nwb.json")
    write_probeinterface(place / "four.json", generic.linear_probe(4, 2))
    made = jobs(data, settings_folder=str(place))
    assert [(j.input_format, j.group) for j in made.values()] == [
        ("spikeinterface", "0"),
        ("spikeinterface", "1"),
        ("nwb", "0"),
        ("nwb", "1"),
    ]
    for job in made.values():
        recording = loaded(job, data)
        expected = generic.linear_probe(4, 2).contact_positions[int(str(job.group)) * 2 :][:2]
        np.testing.assert_array_equal(recording.get_channel_locations(), expected)
        assert (job.probe_dict is not None) == (job.input_format == "nwb")


def test_a_probe_for_one_of_the_sessions_that_the_parameters_describe(
    data: Path, tmp_path: Path
) -> None:
    shutil.copytree(data / "odd", data / "even")
    kwargs = [{"file_path": f"{name}/a.rhd"} for name in ("odd", "even")]
    info = {"reader_type": "intan", "reader_kwargs": kwargs, "keep_stream_substrings": ["ampl"]}
    place = tmp_path / "settings"
    say(place, {"probe_paths": "probe.json"}, "session1.json")
    shutil.copy(data / "odd" / "probe.json", place)
    params = {"input": "spikeinterface", "spikeinterface_info": info}
    report = planned(data, settings_folder=str(place), **params)
    found = {(e.session_name, e.status, str(e.reason)) for e in report.entries}
    assert {f for f in found if f[1] != "skipped"} == {
        ("session0", "failed", "no_probe"),
        ("session1", "job", "None"),
    }


def test_a_probe_for_both_bands_of_an_open_ephys_stream(tmp_path: Path) -> None:
    from probeinterface import write_probeinterface

    data = tmp_path / "data"
    streams = openephys.probe_streams(openephys.Probe("ProbeA", "NP1", saved=SAVED[:4]))
    openephys.write_session(data / "s", streams, settings=False, seconds=0.1)
    (failed,) = [e for e in inventories(data)["s"].entries if e.status == "failed"]
    assert failed.reason == "no_probe"
    assert "dispatch.json" in failed.message
    write_probeinterface(data / "s" / "probe.json", generic.linear_probe(4, 2))
    say(data / "s", {"probe_paths": {"ProbeA-AP": "probe.json"}})
    made = jobs(data)
    assert [j.group for j in made.values()] == ["0", "1"]
    for job in made.values():
        lfp = loaded_lfp(job, data)
        np.testing.assert_array_equal(
            lfp.get_channel_locations(), loaded(job, data).get_channel_locations()
        )
