"""Images of many simulations: the renderer protocol, native, by MuJoCo's OpenGL, and a window."""

from vla_gym.errors import RenderingError, UnknownNameError
from vla_gym.rendering.native.native_renderer import NativeRenderer
from vla_gym.rendering.opengl import OpenGLRenderer
from vla_gym.rendering.renderer import Renderer
from vla_gym.world.world import World

__all__ = ["RENDER_BACKENDS", "Renderer", "make_renderer"]

RENDER_BACKENDS = ("auto", "native", "opengl")
"""What draws: `NativeRenderer`, `OpenGLRenderer`, or the first of them that can draw the model."""


def make_renderer(
    world: World, size: int = 128, n_threads: int = 2, backend: str = "auto"
) -> Renderer:
    """A renderer; graphics libraries, or compiled kernels, are loaded by the first image.

    Args:
        world: The batch to render.
        size: Width and height of the images [px].
        n_threads: Threads that render.
        backend: A name in `RENDER_BACKENDS`.

    Raises:
        UnknownNameError: If there is no such backend.
        RenderingError: If the native renderer is asked for and cannot draw the model.
    """
    if backend not in RENDER_BACKENDS:
        raise UnknownNameError("render_backend", backend, RENDER_BACKENDS)
    if backend != "opengl":
        try:
            return NativeRenderer(world, size, n_threads)
        except RenderingError:
            if backend == "native":
                raise
    return OpenGLRenderer(world, size, n_threads)
