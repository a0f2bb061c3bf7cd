"""The Allen Institute's params files in the chain's terms, and what in them has no meaning here.

Keys are those of AllenNeuralDynamics/aind-ephys-pipeline, pipeline/default_params.json, as of
versions 1.3 and 1.4; in older files some stand elsewhere. Files of this package pass
through unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dispatch_assets.errors import ParameterError, did_you_mean

SORTERS = {
    "kilosort25": "kilosort2_5",
    "kilosort4": "kilosort4",
    "lupin": "lupin",
    "spykingcircus2": "spykingcircus2",
}
"""SpikeInterface's name of each sorter that has a section in such a file."""

_JOB_KWARGS = "the command decides on workers and chunks"
_SECTIONS = {
    "pipeline_version": "this is another pipeline",
    "job_dispatch": "parameters of `dispatch`, which has been",
    "visualization": "the figures have no parameters",
}
_LEFT_ASIDE = {
    "preprocessing": {"job_kwargs": _JOB_KWARGS},
    "postprocessing": {
        "job_kwargs": _JOB_KWARGS,
        "use_motion_corrected": "units are described on what they were found in",
        "return_in_uV": "amplitudes are always in uV",
    },
    "curation": {
        "job_kwargs": _JOB_KWARGS,
        "unitrefine": "no classifiers are downloaded",
        "noise_neural_classifier": "no classifiers are downloaded",
        "sua_mua_classifier": "no classifiers are downloaded",
        "noise_strategy": "Bombcell and thresholds give the labels",
        "slay": "merges are only proposed, in another way",
        "query": "see curation.qc_thresholds",
    },
}
_NWB_ECEPHYS = "only units are written, no traces"
_NWB_ECEPHYS_KEYS = (
    "stub",
    "stub_seconds",
    "write_lfp",
    "write_raw",
    "lfp_temporal_factor",
    "lfp_spatial_factor",
    "lfp_highpass_freq_min",
    "surface_channel_agar_probes_indices",
    "lfp",
)
_PIPELINE = "default_preprocessing_pipeline"
_FORMER_STEPS = {  # older files: the step in default_preprocessing_pipeline
    "phase_shift": "phase_shift",
    "highpass_filter": "highpass_filter",
    "bandpass_filter": "bandpass_filter",
    "detect_bad_channels": "detect_and_remove_bad_channels",
    "common_reference": "common_reference",
    "highpass_spatial_filter": "highpass_spatial_filter",
}
_SORTER_LEFT_ASIDE = {
    "job_kwargs": _JOB_KWARGS,
    "raise_if_fails": "a sorter that fails always fails its step",
    "clear_cache": "see the sorter's own clear_cache",
}
_SORTER_KEPT = ("skip_motion_correction", "min_drift_channels")
_MOTION_SWITCHES = ("do_correction", "apply_motion_correction")


def translated(
    values: Mapping[str, Any], fields: Mapping[str, Mapping[str, Any]], default_sorter: str
) -> tuple[dict[str, Any], list[str]]:
    """Return parameters in the chain's terms, and what was left aside.

    Parameters
    ----------
    values
        Sections by name, of a file of either kind.
    fields
        Names of the chain's parameters by section: those are never left aside.
    default_sorter
        Sorter to use where a file names none.

    Returns
    -------
    dict
        The sections; unknown keys are still in them.
    list of str
        One sentence for each part left aside.

    Raises
    ------
    ParameterError
        If a section of a sorter holds an unknown key, or contradicts another parameter.
    """
    notes: list[str] = []
    sections = dict(values)
    _leave_aside(sections, _SECTIONS, fields, "", notes)
    translators: dict[str, Callable[[dict[str, Any]], None]] = {
        "preprocessing": _preprocessing,
        "nwb": lambda section: _nwb(section, notes),
        "spikesorting": lambda section: _spikesorting(
            section, fields["spikesorting"], default_sorter, notes
        ),
    }
    for name, section in sections.items():
        if not isinstance(section, dict):
            continue  # which is complained about elsewhere
        sections[name] = section = dict(section)
        _leave_aside(section, _LEFT_ASIDE.get(name, {}), fields.get(name, {}), f"{name}.", notes)
        if name in translators:
            translators[name](section)
    return sections, notes


def _leave_aside(
    section: dict[str, Any],
    reasons: Mapping[str, str],
    kept: Mapping[str, Any],
    prefix: str,
    notes: list[str],
) -> None:
    for name in [n for n in section if n in reasons and n not in kept]:
        del section[name]
        notes.append(f"left aside: {prefix}{name} ({reasons[name]})")


def _preprocessing(section: dict[str, Any]) -> None:
    if section.get("custom_preprocessing_pipeline", ...) is None:
        del section["custom_preprocessing_pipeline"]
    steps = {new: section.pop(old) for old, new in _FORMER_STEPS.items() if old in section}
    if steps:
        section[_PIPELINE] = {**steps, **section.get(_PIPELINE, {})}
    motion = section.get("motion_correction")
    if isinstance(motion, dict) and {"compute", "apply"} & motion.keys():
        motion = dict(motion)
        compute, apply = motion.pop("compute", False), motion.pop("apply", False)
        section["motion_correction"] = motion
        section.setdefault("motion", "apply" if apply else "compute" if compute else "skip")


def _nwb(section: dict[str, Any], notes: list[str]) -> None:
    ecephys = section.pop("ecephys", None)
    if not isinstance(ecephys, dict):
        return
    for name in ecephys:
        if name == "backend":
            section.setdefault("backend", ecephys[name])
        elif name in _NWB_ECEPHYS_KEYS:
            notes.append(f"left aside: nwb.ecephys.{name} ({_NWB_ECEPHYS})")
        else:
            raise _unknown(f"nwb.ecephys.{name}", name, ("backend", *_NWB_ECEPHYS_KEYS))


def _spikesorting(
    section: dict[str, Any], fields: Mapping[str, Any], default_sorter: str, notes: list[str]
) -> None:
    """Replace the sections of single sorters by the arguments of the one that is chosen."""
    if section.get("sorter", ...) is None:
        section["sorter"] = default_sorter
        notes.append(
            f"spikesorting.sorter names none: {default_sorter} sorts (name kilosort4 for what "
            "the Allen Institute's pipeline does by default)"
        )
    chosen = section.get("sorter", default_sorter)
    if isinstance(chosen, str):
        chosen = SORTERS.get(chosen, chosen)
    if "sorter" in section:
        section["sorter"] = chosen
    for name in [n for n in section if n not in fields]:
        if name not in SORTERS:
            raise _unknown(f"spikesorting.{name}", name, (*fields, *SORTERS))
        own = section.pop(name)
        if not isinstance(own, dict):
            raise ParameterError("must be an object", f"spikesorting.{name}")
        overruled = any(key in section for key in _SORTER_KEPT)
        arguments = _of_sorter(name, own, notes if SORTERS[name] == chosen else [], overruled)
        if SORTERS[name] != chosen:
            notes.append(f"left aside: spikesorting.{name} ({chosen} sorts)")
        elif section.get("sorter_params"):
            what = f"give it or spikesorting.{name}, not both"
            raise ParameterError(what, "spikesorting.sorter_params")
        else:
            section.update({**arguments, **{k: section[k] for k in _SORTER_KEPT if k in section}})


def _of_sorter(
    name: str, own: Mapping[str, Any], notes: list[str], overruled: bool
) -> dict[str, Any]:
    """Return what the section of a sorter says, as parameters of `spikesorting`.

    `overruled` says whether keys beside it may keep the sorter from correcting for motion.
    """
    arguments = dict(own.get("sorter") or {})
    kept: dict[str, Any] = {}
    for key in own:
        if key in _SORTER_KEPT:
            kept[key] = own[key]
        elif key in _SORTER_LEFT_ASIDE:
            notes.append(f"left aside: spikesorting.{name}.{key} ({_SORTER_LEFT_ASIDE[key]})")
        elif key != "sorter":
            known = ("sorter", *_SORTER_KEPT, *_SORTER_LEFT_ASIDE)
            raise _unknown(f"spikesorting.{name}.{key}", key, known)
    if arguments.pop("job_kwargs", None):
        notes.append(f"left aside: spikesorting.{name}.sorter.job_kwargs ({_JOB_KWARGS})")
    if kept or overruled:
        for switch in _MOTION_SWITCHES:
            if arguments.get(switch) is True:
                del arguments[switch]  # there, the keys beside it may overrule it
    return {"sorter_params": arguments, **kept}


def _unknown(place: str, name: str, known: tuple[str, ...]) -> ParameterError:
    hint = did_you_mean(name, known) or f"known: {', '.join(known)}"
    return ParameterError(f"unknown parameter, {hint}", place)
