"""``python -m dispatch_assets_tests.fuzz --cases 10000 --seed 0``."""

import sys

from dispatch_assets_tests.fuzz.campaign import main

sys.exit(main(sys.argv[1:]))
