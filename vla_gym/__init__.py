"""Reinforcement learning of robot manipulation from language instructions.

Importing the package registers its environments with Gymnasium: ``gym.make("VLAPickPlace-v0")``.
A task of one's own: ``vla_gym.make(task)``.
"""

from vla_gym.envs.registration import ENV_IDS, make, make_vec, register_envs, register_task

__version__ = "0.2.0.dev0"
__all__ = ["ENV_IDS", "__version__", "make", "make_vec", "register_task"]

register_envs()
