"""The lazy chain from a raw recording to a filtered, referenced one: float32, in bits as before.

Floats until the end: SpikeInterface rounds after every step otherwise, towards zero after a
median reference, which costs up to half a bit where a spike has few.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from dispatch_assets.sorting.preprocessing.bad_channels import (
    DETECT,
    Labels,
    check_share,
    removed,
    unlike_neighbours,
    without,
)
from dispatch_assets.sorting.preprocessing.calls import building, warnings_as_text
from dispatch_assets.sorting.preprocessing.pipeline import step_arguments
from dispatch_assets.sorting.preprocessing.scaling import with_one_gain

if TYPE_CHECKING:
    from spikeinterface.core import BaseRecording

    from dispatch_assets.sorting.params import PreprocessingParams

# Fewer channels than this have no common reference: a spike that most of them see (all four of a
# tetrode do) would be taken off itself.
MIN_REFERENCE_CHANNELS = 8
# A shank of at least as many channels is its own reference. It shares its own hash and what is
# common to all shanks; on fewer channels, one large unit can reach half of them.
MIN_SHANK_CHANNELS = 32


@dataclass
class Processed:
    """A lazy chain and what was decided on the way.

    Attributes
    ----------
    recording
        The filtered and referenced recording, float32 in the raw recording's bits.
    labels
        Bad channels, left out or not.
    left_out
        Those of them that the recording is without.
    filter
        The filter in words.
    reference
        The reference in words.
    warnings
        What a person should know.
    """

    recording: BaseRecording
    labels: Labels = field(default_factory=dict)
    left_out: Labels = field(default_factory=dict)
    filter: str = "none"
    reference: str = "none"
    warnings: list[str] = field(default_factory=list)


def signed(recording: BaseRecording) -> BaseRecording:
    """Return unsigned traces as signed ones that mean the same in uV."""
    from spikeinterface.preprocessing import unsigned_to_signed

    dtype = np.dtype(recording.get_dtype())
    if dtype.kind != "u":
        return recording
    gains, offsets = recording.get_channel_gains(), recording.get_channel_offsets()
    recording = unsigned_to_signed(recording)
    if gains is not None and offsets is not None:
        recording.set_channel_offsets(offsets + gains * 2.0 ** (8 * dtype.itemsize - 1))
    return recording


def process(
    recording: BaseRecording,
    dead: Labels,
    params: PreprocessingParams,
    where: str,
    seed: int,
    n_jobs: int,
) -> Processed:
    """Build the lazy chain; reads as much as finding bad channels needs.

    Parameters
    ----------
    recording
        The raw recording, signed.
    dead
        Channels that are constant or dead.
    params
        Which steps.
    where
        What error messages call the recording.
    seed
        Seed of random stretches, unless the parameters say otherwise.
    n_jobs
        Parallel workers.

    Raises
    ------
    RefusedError
        If too many channels are bad.
    StepError
        If a step of SpikeInterface refuses its arguments or the recording.
    """
    from spikeinterface.preprocessing import astype

    detection = {"seed": seed, **step_arguments(params, DETECT)}
    n_channels = recording.get_num_channels()
    left_out = removed(dead, params, detection)
    check_share(left_out, n_channels, params, where)
    live = with_one_gain(astype(without(recording, left_out), "float32"))
    if params.custom_preprocessing_pipeline:
        done = _custom(live, params.custom_preprocessing_pipeline)
        done.labels, done.left_out = dead | done.labels, left_out | done.left_out
        check_share(done.left_out, n_channels, params, where)
        return done
    done = Processed(_filtered(live, params), filter=_filter_in_words(params))
    with building(DETECT), warnings_as_text(done.warnings):
        unlike, notes = unlike_neighbours(done.recording, detection, n_jobs)
    done.warnings += notes
    done.labels = dead | unlike
    done.left_out = left_out | removed(unlike, params, detection)
    check_share(done.left_out, n_channels, params, where)
    done.recording = without(done.recording, done.left_out)
    return _referenced(done, params)


def _custom(recording: BaseRecording, steps: dict[str, dict[str, Any]]) -> Processed:
    before = [str(c) for c in recording.channel_ids]
    recording = _apply(recording, steps)
    after = {str(c) for c in recording.channel_ids}
    left_out = {c: "custom" for c in before if c not in after}
    words = ", ".join(steps)
    return Processed(recording, left_out, left_out, filter=words, reference=words)


def _filtered(recording: BaseRecording, params: PreprocessingParams) -> BaseRecording:
    names = [f"{params.filter_type}_filter"]
    if "inter_sample_shift" in recording.get_property_keys():
        names.insert(0, "phase_shift")
    return _apply(recording, {name: step_arguments(params, name) for name in names})


def _filter_in_words(params: PreprocessingParams) -> str:
    arguments = step_arguments(params, f"{params.filter_type}_filter")
    if params.filter_type == "highpass":
        return f"high-pass {arguments['freq_min']:g} Hz"
    return f"band-pass {arguments['freq_min']:g}-{arguments['freq_max']:g} Hz"


def _referenced(done: Processed, params: PreprocessingParams) -> Processed:
    n_channels = done.recording.get_num_channels()
    if params.denoising_strategy == "destripe":
        arguments = step_arguments(params, "highpass_spatial_filter")
        if problem := _undestripable(done.recording, arguments):
            done.warnings.append(f"destriped by a median reference instead: {problem}")
        else:
            done.recording = _apply(done.recording, {"highpass_spatial_filter": arguments})
            done.reference = "destriped (spatial high-pass)"
            return done
    if n_channels < MIN_REFERENCE_CHANNELS:
        what = f"not referenced: {n_channels} channels are too few for a median without spikes"
        done.warnings.append(what)
        return done
    arguments = step_arguments(params, "common_reference")
    arguments, done.reference = _reference_groups(done.recording, arguments)
    done.recording = _apply(done.recording, {"common_reference": arguments})
    return done


def _undestripable(recording: BaseRecording, arguments: dict[str, Any]) -> str:
    """Return why the spatial filter cannot be used; empty if it can."""
    n_channels, n_padded = recording.get_num_channels(), int(arguments.get("n_channel_pad") or 0)
    n_padded = max(n_padded, int(arguments.get("n_channel_taper") or 0), MIN_REFERENCE_CHANNELS)
    if n_channels < n_padded:
        return f"the spatial filter needs {n_padded} channels, there are {n_channels}"
    if len(set(recording.get_channel_groups())) > 1:
        return "the spatial filter needs a single shank (dispatch with split_groups)"
    return ""


def _reference_groups(
    recording: BaseRecording, arguments: dict[str, Any]
) -> tuple[dict[str, Any], str]:
    """Decide whether shanks are referenced each by itself, unless the arguments say.

    Multi-unit hash is a shank's own while movement and mains are on all of them: a median of the
    shank takes off both, a median of all shanks only the latter. So shanks with enough channels
    are treated alike whether they are jobs of their own (split_groups) or not. Shanks and
    tetrodes of few channels are better off with the median of all.
    """
    words = f"{arguments['reference']} {arguments['operator']}"
    if arguments["reference"] != "global" or "groups" in arguments:
        return arguments, words
    groups = np.asarray(recording.get_channel_groups())
    shanks = [list(recording.channel_ids[groups == g]) for g in np.unique(groups)]
    if len(shanks) < 2:
        return arguments, words
    if min(len(s) for s in shanks) < MIN_SHANK_CHANNELS or "ref_channel_ids" in arguments:
        return arguments, f"{words} of all shanks"
    return {**arguments, "groups": shanks}, f"{words} of each shank"


def _apply(recording: BaseRecording, steps: dict[str, dict[str, Any]]) -> BaseRecording:
    from spikeinterface.preprocessing import apply_preprocessing_pipeline

    pipeline = [{"name": name, "params": arguments} for name, arguments in steps.items()]
    with building(", ".join(steps)):
        return apply_preprocessing_pipeline(recording, pipeline)
