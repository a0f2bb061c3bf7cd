"""No file of a session is read twice by the package itself, once the sessions are known.

What SpikeInterface, neo, probeinterface, pynwb and zarr read again when a recording is opened is
theirs: neo parses an Open Ephys folder three times for every stream, for one. A fingerprint reads
every small file once for itself.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from dispatch_assets_tests.outcome import names, planned
from dispatch_assets_tests.samples import SAVED, aind, generic, nwb, openephys
from dispatch_assets_tests.samples.openephys import Probe, probe_streams

COUNT = """
import json, os, sys
from collections import Counter
from dispatch_assets.dispatch import dispatch
from dispatch_assets.params import DispatchParams

LIBRARIES = ("dispatch_assets", "spikeinterface", "neo", "probeinterface", "zarr", "h5py")
data, opened, counting = os.path.realpath(sys.argv[1]), Counter(), []

def package(frame):
    while frame is not None:
        name = frame.f_globals.get("__name__", "").split(".")
        if name[0] in LIBRARIES:
            return name[-1] if name[0] == "dispatch_assets" else name[0]
        frame = frame.f_back
    return ""

def hook(event, arguments):
    if event == "open" and counting and isinstance(arguments[0], (str, bytes, os.PathLike)):
        path = os.path.realpath(os.fsdecode(arguments[0]))
        if path.startswith(data) and os.path.isfile(path):
            module = package(sys._getframe(1))
            of_times = "/times_seg" in path and "/.z" not in path  # zarr decodes them for us
            if module and module != "fingerprint" and (module not in LIBRARIES or of_times):
                opened[os.path.relpath(path, data)] += 1

sys.addaudithook(hook)
report = dispatch(data, sys.argv[2], DispatchParams(multi_session=True), counting.append)
json.dump({"opened": opened, "jobs": len(report.job_files)}, sys.stdout)
"""

# the header of the counter and its ends; the header of the times and their values
TWICE = {"sample_numbers.npy", "timestamps.npy"}
# SpikeInterface refuses a session with two kinds of devices: what keeps it from opening a folder
# is looked for, and the times of streams that are opened alone are mapped as well; they are reset,
# so that they are read once more for the anchors that recover them
REFUSED = {"structure.oebin": 4, "sample_numbers.npy": 5, "timestamps.npy": 5}
ONE_DEVICE = [
    *probe_streams(Probe(saved=SAVED), sync=True),
    *probe_streams(Probe("ProbeB", "NP2_4shank", 2, SAVED), sync=True),
]
TWO_DEVICES = [
    *probe_streams(Probe(saved=SAVED)),
    *probe_streams(Probe("ProbeB", "NP2_4shank", 2, SAVED), node=105, processor="OneBox"),
]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Counter[str]:
    """How often the package opened each file while it dispatched one session of each kind."""
    data = tmp_path_factory.mktemp("once") / "data"
    data.mkdir()
    openephys.write_session(data / "whole", ONE_DEVICE, experiments={1: (1, 2)}, seconds=0.1)
    openephys.write_session(data / "refused", TWO_DEVICES, seconds=0.1)
    aind.write_session(data / "aind", ONE_DEVICE, seconds=0.1, blank_probe_names=True)
    nwb.write_nwb(data / "hdf5.nwb", seconds=0.1)
    nwb.write_nwb(data / "zarr.nwb.zarr", backend="zarr", seconds=0.1)
    generic.write_binary_folder(data / "folder", seconds=(0.1, 0.1))
    generic.write_zarr(data / "saved.zarr", seconds=(0.1,))
    generic.write_json_dump(data / "dump.json", data / ".dumped", seconds=(0.5,))
    command = [sys.executable, "-c", COUNT, str(data), str(data.parent / "results")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["jobs"] > 10
    return Counter(answer["opened"])


def test_each_file_is_read_once(opened: Counter[str]) -> None:
    allowed = {f: 1 + (Path(f).name in TWICE) for f in opened}
    allowed |= {f: REFUSED[n] for f in opened if "refused/" in f and (n := Path(f).name) in REFUSED}
    assert {f: n for f, n in opened.items() if n > allowed[f]} == {}


@pytest.mark.parametrize(
    "name",
    ["settings.xml", "sample_numbers.npy", ".zarray", "si_folder.json", "times_seg0/0"],
)
def test_and_what_needs_looking_at_is_looked_at(opened: Counter[str], name: str) -> None:
    assert any(f.endswith(f"/{name}") for f in opened)


def test_what_has_changed_is_read_again_in_the_next_look(tmp_path: Path) -> None:
    folder = generic.write_binary_folder(tmp_path / "folder", seconds=(0.1,))
    session = openephys.write_session(tmp_path / "rig", ONE_DEVICE, seconds=0.1)
    before = names(planned(tmp_path))
    assert len(before) > 2
    (folder / "si_folder.json").write_text("{")
    settings = session / "Record Node 101" / "settings.xml"
    settings.write_text(settings.read_text().replace("NP_PROBE", "NO_PROBE"))
    assert names(planned(tmp_path)) == []
