"""Think slowly, act fast: plans in words, checked before and during execution."""
