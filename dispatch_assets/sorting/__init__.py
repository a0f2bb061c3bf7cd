"""From a job to sorted, checked and exported units, through SpikeInterface; knows no Dagster."""
