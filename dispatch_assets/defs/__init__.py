"""The Dagster layer: assets over the core, and what they need.

Modules in the order in which data flows: `environment` (settings), `resources`, `partitions`,
`files` (what the store holds), `scan` (data root against store), `batch` (keys to jobs),
`io_managers`, `assets`, `checks`, `graph` (all of it put together) and `runner` (the command
``dispatch-assets materialize``). `files`, `scan` and `batch` know nothing of Dagster.
"""
