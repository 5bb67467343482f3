"""Images without OpenGL: an analytic rasteriser, compiled by numba.

From the bottom up: `compiling` (how, and where the machine code is kept), `layouts` (the arrays
that kernels read), `algebra` and `body_poses` (where everything is), `outlines` (which pixels a
shape can touch), `lighting`, `depth_order` (what shows), the kernels that fill rows of pixels
(`quadric_rows`, `box_rows`, `triangle_rows`, `texture_rows`), `geom_setup` (from a geom to the
numbers of its kernel) and `frame` (whole images). `scene_tables` reads a model, `abilities` says
what cannot be drawn, and `native_renderer` is what the rest of the package sees. Only `frame` and
what it uses import numba.
"""
