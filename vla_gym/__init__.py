"""Reinforcement learning of robot manipulation from plain words.

Importing the package registers its environments with Gymnasium: ``gym.make("VLAPickPlace-v0")``.
"""

from vla_gym.envs.registration import ENV_IDS, register_envs

__version__ = "0.1.0"
__all__ = ["ENV_IDS", "__version__"]

register_envs()
