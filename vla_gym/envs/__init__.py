"""Gymnasium environments: one batched core, a single-world view of it, tasks as data."""
