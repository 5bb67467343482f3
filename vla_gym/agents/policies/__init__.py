"""What acts: policies, their action heads, features and checkpoints."""
