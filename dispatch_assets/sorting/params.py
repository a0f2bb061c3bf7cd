"""The parameters of the sorting chain, once: JSON file, Dagster resource, JSON schema.

Sections and names are those of the Allen Institute's params files where they mean the same, so
that their files work: `parse_sorting_params` says which parts of a file it leaves aside.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from dispatch_assets.complaints import MAX_DEPTH, is_nested
from dispatch_assets.errors import ParameterError, did_you_mean
from dispatch_assets.sorting.aind_params import translated

DEFAULT_SORTER = "spykingcircus2"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class PreprocessingParams(_Section):
    """How recordings are prepared for the sorter."""

    filter_type: Literal["highpass", "bandpass"] = Field(
        default="highpass", description="Which filter of default_preprocessing_pipeline is used."
    )
    denoising_strategy: Literal["cmr", "destripe"] = Field(
        default="cmr",
        description="cmr: common median reference; destripe: spatial high-pass filter.",
    )
    remove_out_channels: bool = Field(
        default=True, description="Leave out channels outside of the brain."
    )
    remove_bad_channels: bool = Field(
        default=True, description="Leave out dead and noisy channels."
    )
    min_preprocessing_duration: float = Field(
        default=120.0,
        ge=0,
        allow_inf_nan=False,
        description="Shorter recordings are refused, in s.",
    )
    max_bad_channel_fraction: float = Field(
        default=0.5, gt=0, le=1, description="Recordings with more bad channels are refused."
    )
    default_preprocessing_pipeline: dict[str, Any] = Field(
        default={},
        description="Arguments of single steps that differ from their defaults: phase_shift, "
        "highpass_filter, bandpass_filter, detect_and_remove_bad_channels, common_reference, "
        "highpass_spatial_filter.",
    )
    custom_preprocessing_pipeline: dict[str, Any] = Field(
        default={},
        description="Steps of SpikeInterface with their arguments, in order, instead of the above.",
    )
    motion: Literal["skip", "compute", "apply"] = Field(
        default="skip",
        description="compute: estimate the probe's motion and show it; apply: correct for it, too.",
    )
    motion_correction: dict[str, Any] = Field(
        default={}, description="preset and arguments of SpikeInterface's motion correction."
    )


class SpikesortingParams(_Section):
    """Which sorter, with which arguments."""

    sorter: str = Field(
        default=DEFAULT_SORTER, description="Any sorter that SpikeInterface knows by name."
    )
    sorter_params: dict[str, Any] = Field(
        default={}, description="Arguments of the sorter that differ from its defaults."
    )
    skip_motion_correction: bool = Field(
        default=False, description="Keep sorters from correcting for motion themselves."
    )
    min_drift_channels: int = Field(
        default=96,
        ge=0,
        description="Sorters correct for motion themselves from this many channels on.",
    )
    container: Literal["none", "docker", "singularity"] = Field(
        default="none", description="Run the sorter in a container of this kind."
    )
    container_image: str = Field(
        default="", description="Image of the container; empty: SpikeInterface's own."
    )

    @model_validator(mode="after")
    def _not_contradictory(self) -> Self:
        if self.container_image and self.container == "none":
            raise ValueError("container_image needs container: docker or singularity")
        for switch in ("apply_motion_correction", "do_correction"):
            if self.skip_motion_correction and self.sorter_params.get(switch) is True:
                raise ValueError(f"skip_motion_correction contradicts sorter_params.{switch}")
        return self


class PostprocessingParams(_Section):
    """What is computed about the units that the sorter found."""

    sparsity: dict[str, Any] = Field(
        default={"method": "radius", "radius_um": 100},
        description="Which channels belong to a unit: arguments of SpikeInterface's sparsity.",
    )
    duplicate_threshold: float = Field(
        default=0.9, gt=0, le=1, description="Share of common spikes that makes two units one."
    )
    min_spikes: int = Field(
        default=30, ge=0, description="Units with fewer spikes are dropped and counted."
    )
    extensions: dict[str, Any] = Field(
        default={}, description="Arguments of analyzer extensions that differ from their defaults."
    )


class CurationParams(_Section):
    """How units are labelled."""

    qc_thresholds: dict[str, Any] = Field(
        default={
            "rp_contamination": {"less": 0.5},
            "presence_ratio": {"greater": 0.8},
            "amplitude_cutoff": {"less": 0.1},
        },
        description="Limits of metrics that a good unit keeps; the Allen Institute's.",
    )
    good_thresholds: dict[str, Any] = Field(
        # Bombcell's limits, but for the certain contamination: 35 % is the most that is tested
        default={
            "snr": {"greater": 5},
            "rp_contamination": {"less": 0.1},
            "sliding_rp_violation": {"less": 0.35},
        },
        description="More limits that a good unit keeps: those that two neurons taken for one "
        "exceed.",
    )
    noise_thresholds: dict[str, Any] = Field(
        # Bombcell's limits, but for the decay over channels: short probes and tetrodes have none
        default={
            "num_positive_peaks": {"less": 2},
            "num_negative_peaks": {"less": 1},
            "peak_to_trough_duration": {"greater": 0.0001, "less": 0.00115},
            "waveform_baseline_flatness": {"less": 0.5},
            "peak_after_to_trough_ratio": {"less": 0.8},
        },
        description="Limits that the mean waveform of a neuron keeps; outside it is noise.",
    )
    bombcell: dict[str, Any] = Field(
        default={}, description="Thresholds of Bombcell that differ from its defaults."
    )
    bombcell_min_duration: float = Field(
        default=600.0, ge=0, description="Bombcell labels recordings of at least this, in s."
    )
    merge_presets: list[str] = Field(
        default=["similarity_correlograms", "temporal_splits", "x_contaminations"],
        description="SpikeInterface's recipes that propose merges; none is applied.",
    )


SUBJECT_FIELDS = (
    "subject_id",
    "species",
    "sex",
    "age",
    "date_of_birth",
    "strain",
    "genotype",
    "weight",
    "description",
)
"""Facts on a subject, as NWB's Subject names them."""


class NwbParams(_Section):
    """How units are written to NWB."""

    backend: Literal["hdf5", "zarr"] = Field(default="hdf5", description="Kind of NWB file.")
    subject: dict[str, Any] = Field(
        default={},
        description=f"What the sessions do not say of their subject: {', '.join(SUBJECT_FIELDS)}.",
    )
    rig_timezone: str = Field(
        default="",
        description="IANA time zone of rigs that write local time without one, such as "
        "America/Los_Angeles; empty: taken as UTC.",
    )

    @field_validator("subject")
    @classmethod
    def _known_facts(cls, subject: dict[str, Any]) -> dict[str, Any]:
        for name, value in subject.items():
            if name not in SUBJECT_FIELDS:
                raise ValueError(f"unknown {name!r}; known: {', '.join(SUBJECT_FIELDS)}")
            if not isinstance(value, str) or not value.strip():
                raise ValueError(f"{name} must be text")
        return subject

    @field_validator("rig_timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        if name:
            try:
                ZoneInfo(name)
            except (ValueError, OSError, ZoneInfoNotFoundError) as e:
                raise ValueError("no such IANA time zone is known here") from e
        return name


class SortingParams(_Section):
    """What the chain from a job to exported units does."""

    preprocessing: PreprocessingParams = Field(default=PreprocessingParams())
    spikesorting: SpikesortingParams = Field(default=SpikesortingParams())
    postprocessing: PostprocessingParams = Field(default=PostprocessingParams())
    curation: CurationParams = Field(default=CurationParams())
    nwb: NwbParams = Field(default=NwbParams())
    seed: int = Field(default=0, ge=0, lt=2**32, description="Seed of every random choice.")


def parse_sorting_params(values: Mapping[str, Any]) -> tuple[SortingParams, list[str]]:
    """Validate parameters of the chain; also an AIND params file.

    Parameters
    ----------
    values
        Sections by name.

    Returns
    -------
    SortingParams
        The parameters.
    list of str
        Parts of `values` that have no meaning here, each with the reason.

    Raises
    ------
    ParameterError
        Naming each parameter that is unknown or makes no sense.
    """
    if is_nested(values):
        raise ParameterError(f"are nested more than {MAX_DEPTH} levels deep", "the parameters")
    sections, notes = translated(values, _fields(), DEFAULT_SORTER)
    try:
        return SortingParams.model_validate(sections), notes
    except ValidationError as e:
        raise ParameterError("; ".join(_complaint(dict(x)) for x in e.errors())) from e


def _fields() -> dict[str, Mapping[str, Any]]:
    """Return the parameters of each section by name."""
    sections = {name: field.annotation for name, field in SortingParams.model_fields.items()}
    return {
        name: section.model_fields
        for name, section in sections.items()
        if isinstance(section, type) and issubclass(section, BaseModel)
    }


def _complaint(error: dict[str, Any]) -> str:
    name = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{name}: unknown parameter{_suggestion(error['loc'])}"
    message = str(error["msg"]).removeprefix("Value error, ")
    if isinstance(error.get("input"), dict) and error["type"] == "value_error":
        return f"{name}: {message}"  # of several of its parameters together
    return f"{name}: {message} (got {error.get('input')!r})"


def _suggestion(location: tuple[str, ...]) -> str:
    known = list(_fields().get(location[0], {}) if location[1:] else SortingParams.model_fields)
    guess = did_you_mean(str(location[-1]), known)
    return f", {guess}" if guess else f"; known: {', '.join(known)}"
