"""Making and examining the embedded CLIP."""
