"""`python -m sherfctl`."""

import sys

from sherfctl.app import main

sys.exit(main())
