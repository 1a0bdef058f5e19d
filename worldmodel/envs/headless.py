"""What has to be set so that environments draw where there is no display."""

import ctypes
import importlib.util
import os
import sys

# Asked for the driver "dummy" by name, these draw nothing; "offscreen" is as invisible.
_BLACK_WITH_DUMMY = ("highway_env",)

_chosen: set[str] = set()  # values of SDL_VIDEODRIVER that come from here, not from the user


def draw_without_display(module: str = "") -> None:
    """Set the environment variables that are unset, for an environment of the package `module`.

    - Without SDL_VIDEODRIVER and SDL_AUDIODRIVER, pygame asks for a display and a sound card.
    - Without MUJOCO_GL, MuJoCo asks for a window; EGL draws without, or else OSMesa.
    - Without PYGLET_HEADLESS, pyglet does so too.
    """
    driver = "offscreen" if module.partition(".")[0] in _BLACK_WITH_DUMMY else "dummy"
    if os.environ.get("SDL_VIDEODRIVER") in (None, *_chosen):
        os.environ["SDL_VIDEODRIVER"] = driver
        _chosen.add(driver)
    os.environ.setdefault("SDL_AUDIODRIVER", "dummy")
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    if sys.platform != "linux" or "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ:
        return
    os.environ.setdefault("PYGLET_HEADLESS", "1")
    if "MUJOCO_GL" not in os.environ and importlib.util.find_spec("mujoco") is not None:
        found = [name for name, library in _GL_LIBRARIES.items() if _loads(library)]
        if found:
            os.environ["MUJOCO_GL"] = found[0]


_GL_LIBRARIES = {"egl": "libEGL.so.1", "osmesa": "libOSMesa.so.8"}


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
