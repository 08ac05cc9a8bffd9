"""`python -m slipstream.cli`: the same as `slip`."""

import sys

from slipstream.cli.main import main

sys.exit(main())
