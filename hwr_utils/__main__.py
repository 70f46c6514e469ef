"""`python -m hwr_utils` is `hwr`."""

import sys

from hwr_utils.cli import main

sys.exit(main())
