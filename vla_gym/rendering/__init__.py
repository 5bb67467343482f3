"""Images of many simulations: the renderer protocol, MuJoCo's OpenGL, and a window."""

from vla_gym.rendering.opengl import OpenGLRenderer
from vla_gym.rendering.renderer import Renderer
from vla_gym.world.world import World

__all__ = ["Renderer", "make_renderer"]


def make_renderer(world: World, size: int = 128, n_threads: int = 2) -> Renderer:
    """The renderer that fits this machine; graphics libraries are loaded by the first image.

    Args:
        world: The batch to render.
        size: Width and height of the images [px].
        n_threads: Threads that render.
    """
    return OpenGLRenderer(world, size, n_threads)
