"""Images of many worlds: the renderer protocol and MuJoCo's OpenGL."""
