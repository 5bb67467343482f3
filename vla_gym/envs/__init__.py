"""Gymnasium environments: one batched core, a view of it with n = 1, tasks as data."""
