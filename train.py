"""Train a policy to follow instructions: demonstrations, reinforcement learning, test.

    python train.py                              # PPO with action tokens, about half an hour
    python train.py --preset quick               # minutes
    python train.py --agent sac --seed 1
    python train.py --demos 0                    # no demonstrations: success alone
    python train.py --resume runs/<run>          # resume where it stopped

Everything is written to a folder under runs/: curves, videos, tables, checkpoints, the best policy,
and report.html; and to Weights & Biases, online if you are logged in, else offline.
`python train.py --help` lists all options.
"""

import sys

from vla_gym.agents.learning.config import TrainConfig, parse
from vla_gym.agents.learning.demo_collection import gather_demos
from vla_gym.agents.learning.feature_vec_env import make_feature_env
from vla_gym.agents.learning.learners import make_learner
from vla_gym.agents.learning.parts import make_env, make_policy
from vla_gym.agents.learning.resolution import head_of, resolve_config
from vla_gym.agents.learning.run_folder import TrainingRun
from vla_gym.agents.learning.training import TrainingLoop
from vla_gym.agents.policies.blueprint import make_encoder
from vla_gym.cli import run_command


def main(config: TrainConfig) -> None:
    """Run one experiment."""
    venv = make_env(config)  # 1. environment: sub-environments in MuJoCo, stepped as one batch
    config = resolve_config(config, venv)  # fill in what the options leave open
    encoder = make_encoder(head_of(config))  # 2. encoder: a frozen CLIP
    policy = make_policy(config, encoder)  # 3. policy: features from CLIP -> head -> actions
    with TrainingRun(config) as run:  # its folder, log and report.html
        env = make_feature_env(policy, venv)  # features instead of images, for Stable-Baselines3
        demos = gather_demos(config, policy, env, run.folder)  # a few expert episodes (--demos)
        learner = make_learner(config, policy, env, demos)  # 4. learner: PPO or SAC
        with TrainingLoop(run, policy, learner, env, demos) as loop:  # 5. loop
            loop.warm_start()  # clone the demonstrations, or restore a checkpoint (--resume)
            loop.learn()  # reinforcement learning; the only reward is 1 on success
            loop.test()  # once, on unseen seeds, beside blind and random controls


if __name__ == "__main__":
    sys.exit(run_command(lambda: main(parse())))
