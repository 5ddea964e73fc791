"""`python -m litz` is the command `litz`."""

import sys

from litz.cli import main

sys.exit(main())
