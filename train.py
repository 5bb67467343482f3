"""Learn to do what one is told: an experiment from demonstrations to a tested policy.

    python train.py                              # PPO with action tokens, about half an hour
    python train.py --preset quick               # minutes
    python train.py --agent sac --seed 1
    python train.py --demos 0                    # no demonstrations: success alone
    python train.py --resume runs/<run>          # go on where it stopped

Everything lands in a folder under runs/: curves, films, tables, checkpoints, the best policy, and
report.html; and in Weights & Biases, online if you are logged in and offline otherwise.
`python train.py --help` lists all options.
"""

import sys

from vla_gym.agents.learning.config import TrainConfig, parse
from vla_gym.agents.learning.training import Run
from vla_gym.cli import run_command


def main(config: TrainConfig) -> None:
    """Run one experiment."""
    run = Run(config)  # environment, CLIP, head, learner, log
    try:
        run.warm_start()  # clone a few expert episodes (--demos), or restore (--resume)
        run.learn()  # reinforcement learning; the only reward is 1 on success
        run.test()  # once, on seeds never seen, beside blind and random controls
    finally:
        run.close()  # report.html, artifacts


if __name__ == "__main__":
    sys.exit(run_command(lambda: main(parse())))
