"""Rotations and the pinhole camera."""

Vec3 = tuple[float, float, float]
"""Three numbers, as a plain value."""
