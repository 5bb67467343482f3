"""Pretraining and evaluation of the embedded CLIP."""
