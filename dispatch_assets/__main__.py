"""``python -m dispatch_assets`` is ``dispatch-assets``."""

from __future__ import annotations

import sys

from dispatch_assets.cli import main

if __name__ == "__main__":
    sys.exit(main())
