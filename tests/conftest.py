"""Settings that every test runs under."""

import os

# tests run side by side, one core each
os.environ.setdefault("OMP_NUM_THREADS", "1")
# runs that tests make are nobody else's business
os.environ.setdefault("WANDB_MODE", "disabled")
