"""Learning to act: features, action heads, PPO and SAC for sparse success, checkpoints."""
