"""What SpikeGLX writes to .meta files: items that agree with one another and with the probe.

The items are those that neo's SpikeGLXRawIO and probeinterface read.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .neuropixels import AP_GAIN, KINDS, LF_GAIN, Sites, sites

IMEC_RATE_HZ, LF_RATE_HZ, NIDQ_RATE_HZ, OBX_RATE_HZ = 30000.0, 2500.0, 25000.0, 30303.0

Meta = dict[str, str | int | float]


def stream_meta(
    device: str, kind: str, band: str, start_s: float, seconds: float, saved: Sequence[int] | None
) -> Meta:
    """Put together the .meta of one stream, all but the file's name.

    Parameters
    ----------
    device : str
        ``imec0``, ``nidq``, ...
    kind : str
        A key of `neuropixels.KINDS`, ``NI`` or ``OneBox``.
    band : str
        ``ap`` or ``lf`` of a probe.
    start_s, seconds : float
        When the file begins in the run, and how long it is, s.
    saved : sequence of int, optional
        Readout channels that are saved.
    """
    if kind == "NI":
        meta, rate = _nidq_meta(), NIDQ_RATE_HZ
    elif kind == "OneBox":
        meta, rate = _obx_meta(), OBX_RATE_HZ
    else:
        meta = _imec_meta(device, kind, band, saved)
        rate = LF_RATE_HZ if band == "lf" else IMEC_RATE_HZ
    n_samples = round(seconds * rate)
    return meta | {
        "fileCreateTime": "2024-01-15T10:00:00",
        "fileSHA1": "0" * 40,
        "fileSizeBytes": 2 * n_samples * int(meta["nSavedChans"]),
        "fileTimeSecs": n_samples / rate,
        "firstSample": round(start_s * rate),
        "gateMode": "Immediate",
        "trigMode": "Immediate",
        "syncSourceIdx": 0,
        "syncSourcePeriod": 1,
        "typeThis": "nidq" if kind == "NI" else "obx" if kind == "OneBox" else "imec",
        "userNotes": "",
    }


def _imec_meta(device: str, kind_name: str, band: str, saved: Sequence[int] | None) -> Meta:
    """Describe one band of a probe: header items, then the tables."""
    kind, probe = KINDS[kind_name], sites(kind_name)
    n_readout = len(probe.electrode)
    n_sync = 4 if kind.part_number == "NP2020" else 1
    n_lf = n_readout if kind.has_lf else 0
    keep = list(range(n_readout)) if saved is None else sorted(saved)
    first = n_readout if band == "lf" else 0
    sync = range(n_readout + n_lf, n_readout + n_lf + n_sync)
    ids = [first + channel for channel in keep] + list(sync)
    counts = (0, len(keep), n_sync) if band == "lf" else (len(keep), 0, n_sync)
    names = [f"{band.upper()}{channel}" for channel in keep] + [f"SY{i}" for i in range(n_sync)]
    order = "".join(f"({name};{i}:{i})" for name, i in zip(names, ids, strict=True))
    return {
        "acqApLfSy": f"{n_readout},{n_lf},{n_sync}",
        "appVersion": kind.app_version,
        "imAiRangeMax": probe.adc_range_vpp / 2,
        "imAiRangeMin": -probe.adc_range_vpp / 2,
        "imSampRate": LF_RATE_HZ if band == "lf" else IMEC_RATE_HZ,
        "nSavedChans": len(ids),
        "snsApLfSy": ",".join(map(str, counts)),
        "snsSaveChanSubset": _ranges(ids),
        "~imroTbl": _imro_table(device, kind_name, probe),
        "~snsChanMap": f"({n_readout},{n_lf},{n_sync}){order}",
        **_probe_identity(device, kind_name, probe),
        **_geometry(kind_name, probe, keep),
    }


def _probe_identity(device: str, kind_name: str, probe: Sites) -> Meta:
    """Name the probe model and the probe; phase 3A has its own items for it."""
    kind = KINDS[kind_name]
    index, serial = _index(device), _serial(device)
    if kind.is_phase3a:
        return {"imProbeOpt": 3, "imProbeSN": serial, "imHpFlt": 300, "typeEnabled": "imec"}
    identity: Meta = {
        "imDatPrb_pn": kind.part_number,
        "imDatPrb_type": kind.imro_type.removeprefix("NP"),
        "imDatPrb_sn": serial,
        "imDatPrb_slot": 2,
        "imDatPrb_port": index + 1,
        "imDatPrb_dock": 1,
        "imTrgRising": "true",
        "typeImEnabled": 1,
        "typeNiEnabled": 1,
    }
    if kind_name != "NP1":
        identity["imMaxInt"] = 2 ** (probe.adc_bits - 1)
    if kind.part_number in ("NP2013", "NP2020"):
        identity["imChan0apGain"] = int(probe.ap_gain)
    return identity


def _index(device: str) -> int:
    """Return the number of a probe; phase 3A has one probe, with no number."""
    return int(device.removeprefix("imec") or 0)


def _serial(device: str) -> int:
    """Return a probe's serial number."""
    return 22400000001 + _index(device)


def _imro_table(device: str, kind_name: str, probe: Sites) -> str:
    """List, channel by channel, the site it reads and how it is amplified."""
    kind = KINDS[kind_name]
    n = len(probe.electrode)
    if kind.is_phase3a:
        rows = [f"({c} 0 0 {AP_GAIN} {LF_GAIN})" for c in range(n)]
        return f"({_serial(device)},3,{n})" + "".join(rows)
    if kind.has_lf:
        rows = [f"({c} 0 0 {AP_GAIN} {LF_GAIN} 1)" for c in range(n)]
    elif probe.n_shanks == 1:
        rows = [f"({c} 1 0 {e})" for c, e in enumerate(probe.electrode)]
    else:
        pairs = zip(probe.shank, probe.electrode, strict=True)
        rows = [f"({c} {shank} 0 0 {e})" for c, (shank, e) in enumerate(pairs)]
    return f"({kind.imro_type},{n})" + "".join(rows)


def _geometry(kind_name: str, probe: Sites, keep: Sequence[int]) -> Meta:
    """Say where saved channels lie: snsGeomMap (from 2023 on) or the older snsShankMap."""
    kind = KINDS[kind_name]
    if kind.app_version >= "2023":
        xz = zip(probe.shank, probe.x_in_shank_um, probe.xy_um[:, 1], strict=True)
        cells = [f"({shank}:{x:g}:{z:g}:1)" for shank, x, z in xz]
        size = f"{probe.n_shanks},{probe.shank_pitch_um:g},{probe.shank_width_um:g}"
        name = kind.part_number
        return {
            "~snsGeomMap": f"({name},{size})" + "".join(cells[c] for c in keep),
            "~muxTbl": probe.mux_table,
        }
    rows, columns = np.divmod(probe.electrode, kind.columns)
    cells = [f"({s}:{c}:{r}:1)" for s, c, r in zip(probe.shank, columns, rows, strict=True)]
    n_rows = probe.electrodes_per_shank // kind.columns
    head = f"({probe.n_shanks},{kind.columns},{n_rows})"
    return {"~snsShankMap": head + "".join(cells[c] for c in keep)}


def _nidq_meta(n_analog: int = 8) -> Meta:
    """Describe an NI device: analog inputs and one word of eight digital lines."""
    order = "".join(f"(XA{i};{i}:{i})" for i in range(n_analog)) + f"(XD0;{n_analog}:{n_analog})"
    return {
        "acqMnMaXaDw": f"0,0,{n_analog},1",
        "appVersion": "20230905",
        "nSavedChans": n_analog + 1,
        "niAiRangeMax": 5,
        "niAiRangeMin": -5,
        "niDev1": "PXI1Slot4",
        "niDev1ProductName": "PXI-6133",
        "niMAGain": 1,
        "niMNGain": 200,
        "niMaxInt": 32768,
        "niSampRate": NIDQ_RATE_HZ,
        "niXAChans1": f"0:{n_analog - 1}",
        "niXDBytes1": 1,
        "niXDChans1": "0:7",
        "snsMnMaXaDw": f"0,0,{n_analog},1",
        "snsSaveChanSubset": f"0:{n_analog}",
        "~snsChanMap": f"(0,0,1,{n_analog},1){order}",
    }


def _obx_meta(n_analog: int = 12) -> Meta:
    """Describe a OneBox's own inputs: analog channels, a digital word and the sync word."""
    order = "".join(f"(XA{i};{i}:{i})" for i in range(n_analog))
    order += f"(XD0;{n_analog}:{n_analog})(SY0;{n_analog + 1}:{n_analog + 1})"
    return {
        "acqXaDwSy": f"{n_analog},1,1",
        "appVersion": "20240129",
        "imDatObx_slot": 20,
        "imDatObx_sn": 101,
        "nSavedChans": n_analog + 2,
        "obAiRangeMax": 5,
        "obAiRangeMin": -5,
        "obMaxInt": 32768,
        "obSampRate": OBX_RATE_HZ,
        "snsSaveChanSubset": f"0:{n_analog + 1}",
        "snsXaDwSy": f"{n_analog},1,1",
        "~snsChanMap": f"({n_analog},1,1){order}",
    }


def _ranges(ids: Sequence[int]) -> str:
    """Shorten sorted numbers as SpikeGLX does: 0:383,768."""
    runs: list[list[int]] = []
    for i in ids:
        if runs and i == runs[-1][1] + 1:
            runs[-1][1] = i
        else:
            runs.append([i, i])
    return ",".join(f"{a}:{b}" if b > a else str(a) for a, b in runs)


def render(meta: Meta) -> str:
    """Write items sorted by name with tables last, as SpikeGLX does.

    Parameters
    ----------
    meta : dict
        Item to value.
    """
    lines = []
    for key in sorted(meta, key=lambda key: (key.startswith("~"), key)):
        value = meta[key]
        lines.append(f"{key}={value:.12g}" if isinstance(value, float) else f"{key}={value}")
    return "\n".join(lines) + "\n"
