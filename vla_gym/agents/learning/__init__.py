"""What learns: training configuration, PPO, SAC, cloning, curricula."""
