"""The same SpikeInterface calls as the sorting chain's, in one plain script.

``python -m benchmarks.by_hand RECORDING OUT RESULTS N_JOBS SEED`` preprocesses, sorts and analyses
a recording in SpikeInterface's binary format, with the sorter's parameters that the chain wrote
down in RESULTS; without any of the chain's checks, labels, figures or exports.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main(raw: Path, out: Path, results: Path, n_jobs: int, seed: int) -> None:
    """Run it."""
    import spikeinterface as si
    from spikeinterface import preprocessing
    from spikeinterface.sorters import run_sorter

    from dispatch_assets.sorting.params import PostprocessingParams
    from dispatch_assets.sorting.sorters.seeding import seeded
    from dispatch_assets.sorting.units.extensions import read_extensions

    si.set_global_job_kwargs(n_jobs=n_jobs, chunk_duration="1s", progress_bar=False)
    recording = preprocessing.astype(si.load(raw), "float32")
    filtered = preprocessing.highpass_filter(recording, freq_min=300.0)
    good = preprocessing.detect_and_remove_bad_channels(filtered, seed=seed, num_random_chunks=20)
    referenced = preprocessing.common_reference(good, reference="global", operator="median")
    rounded = preprocessing.astype(referenced, "int16", round=True)
    saved = rounded.save(folder=out / "recording", verbose=False)
    used = json.loads((results / "sorting" / "sorter_params.json").read_text())
    arguments = {k: v for k, v in used["sorter_params"].items() if k != "job_kwargs"}
    with seeded(seed):
        found = run_sorter(used["sorter_name"], saved, folder=out / "sorter", **arguments)
    found.save(folder=out / "sorting")
    analyzer = si.create_sorting_analyzer(
        found, saved, folder=out / "analyzer", format="binary_folder", radius_um=100
    )
    analyzer.compute(read_extensions(PostprocessingParams(), seed)[0])


if __name__ == "__main__":
    folders = [Path(word) for word in sys.argv[1:4]]
    main(folders[0], folders[1], folders[2], int(sys.argv[4]), int(sys.argv[5]))
