"""SpikeGLX runs: .bin/.meta pairs of imec probes, the NI device and the OneBox.

Names and files are those that neo's SpikeGLXRawIO reads.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from .neuropixels import KINDS
from .payload import Content, stable_seed, write_int16
from .spikeglx_meta import render, stream_meta

FIRST_TRIGGER_S, BETWEEN_TRIGGERS_S, BETWEEN_GATES_S = 100.0, 0.5, 600.0


def write_run(
    session: Path,
    run: str,
    probes: Mapping[str, str],
    *,
    seconds: float = 1.0,
    gate: int = 0,
    triggers: Sequence[int | str] = (0,),
    lf: bool = True,
    nidq: bool = True,
    content: Content = "noise",
    skip: Collection[tuple[str, int | str]] = frozenset(),
    bin_samples: Mapping[str, int] | None = None,
    saved: Sequence[int] | None = None,
    flat: bool = False,
    seed: int = 0,
) -> Path:
    """Write one gate of a run, one folder per probe unless `flat`.

    Parameters
    ----------
    session : Path
        The run folder, by convention called ``<run>_g<gate>``.
    run : str
        Run name.
    probes : mapping of str to str
        Device to what it is: ``imec0``, ``imec1``, ... (``imec`` for phase 3A) to a key of
        `neuropixels.KINDS`; ``obx0`` to ``OneBox``, its analog inputs.
    seconds : float
        Length of every trigger.
    gate : int
        Gate number; a later gate starts later.
    triggers : sequence of int or str
        Trigger numbers, in order of time; ``"cat"`` gives the names that CatGT writes.
    lf : bool
        Whether probes that have an LFP band save it.
    nidq : bool
        Whether there is an NI device: eight analog inputs and a digital word at 25 kHz.
    content : {"noise", "zeros"}
        What neural samples are; others are zeros.
    skip : collection of (str, int or str)
        Pairs of device or stream (``imec0``, ``imec0.lf``, ``nidq``) and trigger not recorded.
    bin_samples : mapping of str to int, optional
        Stream to number of samples really in its .bin, whatever its .meta says.
    saved : sequence of int, optional
        Which readout channels are saved; all of them by default.
    flat : bool
        No folder per probe.
    seed : int
        Seed of the noise.

    Returns
    -------
    session : Path
        The folder that was written.
    """
    for index, trigger in enumerate(triggers):
        start = FIRST_TRIGGER_S + BETWEEN_GATES_S * gate + index * (seconds + BETWEEN_TRIGGERS_S)
        for device, kind, band in _streams(probes, lf, nidq):
            stream = f"{device}.{band}" if band and device[:3] != "obx" else device
            if (device, trigger) in skip or (stream, trigger) in skip:
                continue
            meta = stream_meta(device, kind, band, start, seconds, saved)
            folder = session if flat or device == "nidq" else session / f"{run}_g{gate}_{device}"
            name = f"{run}_g{gate}_t{trigger}." + (f"{device}.{band}" if band else device)
            base = folder / name
            meta["fileName"] = f"D:/SGL_DATA/{base.relative_to(session.parent).as_posix()}.bin"
            n_channels = int(meta["nSavedChans"])
            n_samples = int(meta["fileSizeBytes"]) // (2 * n_channels)
            write_int16(
                Path(f"{base}.bin"),
                (bin_samples or {}).get(stream, n_samples),
                n_channels,
                content if device.startswith("imec") else "zeros",
                stable_seed(seed, stream, str(trigger)),
            )
            Path(f"{base}.meta").write_text(render(meta))
    return session


def _streams(probes: Mapping[str, str], lf: bool, nidq: bool) -> Iterable[tuple[str, str, str]]:
    """Yield (device, kind, band) of everything that a run saves."""
    for device, kind in probes.items():
        if kind == "OneBox":
            yield device, kind, "obx"
            continue
        yield device, kind, "ap"
        if lf and KINDS[kind].has_lf:
            yield device, kind, "lf"
    if nidq:
        yield "nidq", "NI", ""
