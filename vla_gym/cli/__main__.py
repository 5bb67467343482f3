"""Makes ``python -m vla_gym.cli`` the same as ``vla-gym``."""

import sys

from vla_gym.cli import main

sys.exit(main())
