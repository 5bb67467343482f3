"""Vision and language: the CLIP encoder, the grounding of words in pictures, its pretraining."""

THERE = 0.45
"""Confidence from which a thing counts as being there. On 800 validation pictures it loses 4.7% of
what is there, and refuses 95.5% of what is not."""
