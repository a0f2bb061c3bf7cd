"""Open SpikeGLX ``.bin`` files one by one, where neo cannot read their folder as a whole.

neo wants every stream of a folder to have every trigger and every ``.meta`` to be sound, and it
returns the four sync words of a quad-base probe among the traces. The files themselves are plain
binary, so a stream that is sound can be opened without its neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dispatch_assets.probes import attach_probe
from dispatch_assets.reading import reading

if TYPE_CHECKING:
    from spikeinterface.core import BaseRecording


def open_bins(stream: str, metas: Sequence[Path]) -> BaseRecording:
    """Open the files of one stream, one segment each, with the ids that neo would give.

    Parameters
    ----------
    stream
        Stream name, such as ``imec0.ap``.
    metas
        The ``.meta`` files beside the ``.bin`` files, in order of time.

    Raises
    ------
    StreamError
        If a file cannot be read.
    """
    from neo.rawio.spikeglxrawio import extract_stream_info, read_meta_file
    from spikeinterface.core import read_binary

    with reading(f"{metas[0].parent} ({stream})"):
        infos = [extract_stream_info(meta, read_meta_file(meta)) for meta in metas]
        first, rate_hz = infos[0], float(infos[0]["sampling_rate"])
        names = [str(name) for name in first["channel_names"]]
        recording = read_binary(
            [meta.with_suffix(".bin") for meta in metas],
            sampling_frequency=rate_hz,
            dtype="int16",
            num_channels=len(names),
            channel_ids=[f"{stream}#{name}" for name in names],
            gain_to_uV=first["channel_gains"],
            offset_to_uV=first["channel_offsets"],
            t_starts=[float(i["meta"].get("firstSample", 0)) / rate_hz for i in infos],
            is_filtered=False,
        )
        neural = [
            id_ for id_, name in zip(recording.channel_ids, names, strict=True) if _is_neural(name)
        ]
        recording = recording.select_channels(neural)
        _attach_probe(recording, metas[0])
    return recording


def _is_neural(channel: str) -> bool:
    return not channel.startswith("SY")


def _attach_probe(recording: BaseRecording, meta: Path) -> None:
    """Attach the probe; the LF band's is described in the AP band's file."""
    from probeinterface import read_spikeglx

    ap = meta.with_name(meta.name.replace(".lf.", ".ap."))
    if ap.is_file():
        attach_probe(recording, read_spikeglx(ap))
