"""The Dagster layer: assets over the core, and what they need.

Modules in the order in which data flows: `environment` (settings), `resources`, `partitions`,
`io_managers`, `assets`, `checks`, `graph` (all of it put together) and `runner` (the command
``dispatch-assets materialize``).
"""
