"""The step ``units_nwb``: the units of a job as an NWB file."""

from __future__ import annotations

from pathlib import Path

from pydantic import JsonValue

from dispatch_assets.sorting.step import UNITS, UNITS_NWB, Step, StepContext, StepOutcome


def _also_reads(context: StepContext) -> JsonValue:
    """Return what the session's files say, and the job of the clock: both may be mended later."""
    from dispatch_assets.sorting.nwb.session_files import session_facts

    job = context.job
    facts = session_facts(job, context.data_folder, context.params.nwb.rig_timezone)
    own_clocks: list[JsonValue] = [
        segment.model_dump(mode="json") for segment in job.concatenated or []
    ]
    clock: JsonValue = job.timestamps.model_dump(mode="json")
    return [clock, own_clocks, facts.model_dump(mode="json")]


def _run(context: StepContext, folder: Path) -> StepOutcome:
    from dispatch_assets.sorting.nwb import backend as nwb
    from dispatch_assets.sorting.nwb.facts import completed
    from dispatch_assets.sorting.nwb.file import build_file, writer_versions
    from dispatch_assets.sorting.nwb.part import FACTS_FILE, JOB_FILE, part_of, write_sources
    from dispatch_assets.sorting.nwb.session_files import session_facts

    params, job = context.params.nwb, context.job
    found = session_facts(job, context.data_folder, params.rig_timezone)
    facts = completed(found, params.subject, job.session_name)
    part = part_of(context, facts)
    path = folder / f"units{nwb.SUFFIX[params.backend]}"
    file = build_file([part], facts)
    n_spikes = sum(map(len, nwb.spike_times(file)))
    checks = nwb.write_file(file, path, params.backend)
    write_sources(part, folder)
    return StepOutcome(
        facts={
            "units": len(part.unit_ids),
            "spikes": n_spikes,
            "file": path.name,
            "size_mb": nwb.size_mb(path),
            "clock": job.timestamps.verdict,
            "session_start": facts.start.isoformat() if facts.start else "unknown",
            "subject": facts.subject["subject_id"],
        },
        files={"NWB": path.name, "Job": JOB_FILE, "Session": FACTS_FILE},
        checks=checks,
        warnings=facts.warnings,
        versions=writer_versions(),
    )


STEP = Step(
    UNITS_NWB,
    "the units in an NWB file, on the recording's clock",
    needs=(UNITS,),
    sections=("nwb",),
    code_version="2",
    run=_run,
    also_reads=_also_reads,
)
