"""What every input format promises. A new format subclasses `InputFormatContract` in ten lines.

The subclass writes one good session with everything the format has to offer (two segments,
several shanks, an LFP band, streams that are left out) and says what is in it.
"""

from __future__ import annotations

from dispatch_assets_tests.formats.contract_jobs import JobsContract, longest_list
from dispatch_assets_tests.formats.contract_planning import PlanningContract
from dispatch_assets_tests.formats.sample_session import SECONDS

__all__ = ["SECONDS", "InputFormatContract", "longest_list"]


class InputFormatContract(PlanningContract, JobsContract):
    """Tests that a format passes; see `SampleSession` for what a subclass has to say."""
