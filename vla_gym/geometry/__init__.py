"""Rotations and the pinhole camera, in numpy."""
