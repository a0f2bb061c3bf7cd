"""Small session folders, written as acquisition software writes them.

One module per family of formats: `spikeglx`, `openephys`, `aind`, `nwb`, `generic`. They serve
the contract tests of the input formats, the demo, benchmarks and fault tests. They know nothing
of the product, import heavy packages only when called, and write the same bytes for one seed.
"""

from __future__ import annotations

from pathlib import Path

SAVED = tuple(channel for channel in range(384) if channel % 26 < 2)
"""30 channels: small files that still have contacts in both columns of every shank."""


def write_one_per_format(root: Path, seconds: float = 2.0) -> dict[str, Path]:
    """Write five sessions, one per format, under 40 MB in all at two seconds.

    Parameters
    ----------
    root : Path
        The data root; it gets one folder per session.
    seconds : float
        Length of each recording.

    Returns
    -------
    sessions : dict of str to Path
        Format (``spikeglx``, ``openephys``, ``aind``, ``nwb``, ``generic``) to session folder.
    """
    from . import aind, generic, nwb, openephys, spikeglx

    one_probe = openephys.Probe("ProbeA", "NP1", saved=SAVED)
    streams = [*openephys.probe_streams(one_probe), openephys.ni_stream()]
    probes = (nwb.NwbProbe("ProbeA", 24, area="VISp"), nwb.NwbProbe("ProbeB", 24, 4, area="CA1"))
    series = [
        nwb.NwbSeries(f"ElectricalSeries{p.name}-{band}", (p.name,), rate)
        for p in probes
        for band, rate in (("AP", 30000.0), ("LFP", 2500.0))
    ]
    sessions = {
        "spikeglx": root / "M024_20240115_g0",
        "openephys": root / "2024-01-16_14-02-37",
        "aind": root / "ecephys_712345_2024-01-17_10-31-05",
        "nwb": root / "sub-M026_ses-20240118",
        "generic": root / "M027_20240119",
    }
    two = {"imec0": "NP1", "imec1": "NP2_4shank"}
    spikeglx.write_run(
        sessions["spikeglx"], "M024_20240115", two, seconds=seconds, saved=SAVED, seed=1
    )
    openephys.write_session(
        sessions["openephys"], streams, experiments={1: (1, 2)}, seconds=seconds, seed=2
    )
    aind.write_session(sessions["aind"], streams, seconds=seconds, seed=3)
    file = sessions["nwb"] / "sub-M026_ses-20240118_ecephys.nwb"
    nwb.write_nwb(file, probes, series, seconds=seconds, seed=4)
    generic.write_binary_folder(sessions["generic"] / "recording", seconds=(seconds,), seed=5)
    return sessions
