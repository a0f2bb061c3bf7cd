"""From a raw recording to one that a sorter can use.

``fitness`` says whether a recording can be sorted at all, ``bad_channels`` which of its channels
are left out, ``pipeline`` and ``processing`` which filters it goes through, ``scaling`` and
``saving`` how it becomes int16 on disk, ``motion`` how the probe moved, ``figures`` draws it all.
"""

from dispatch_assets.sorting.preprocessing.pipeline import check_pipeline

__all__ = ["check_pipeline"]
