"""Vision and language: the CLIP encoder, the grounding of words in pictures, its pretraining."""
