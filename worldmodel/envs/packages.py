"""The packages and modules that environments come from, and what to do where they are missing."""

import contextlib
import importlib
import re
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import gymnasium as gym

from worldmodel.run.layout import install_command
from worldmodel.types import UserError


class Package(NamedTuple):
    """A package whose environments gymnasium does not know before its module is imported.

    `starts` are how its ids begin; `extra` brings it where pyproject.toml has one, else `pip`.
    """

    starts: tuple[str, ...]
    module: str
    pip: str
    extra: str | None = None


KNOWN = (
    Package(("ALE/",), "ale_py", "ale-py", "atari"),
    Package(("Doom-v", "DoomTakeCover-v"), "worldmodel.envs.doom", "vizdoom", "doom"),
    Package(("worldmodel/",), "worldmodel.envs.car_racing", "Box2D", "box2d"),
    Package(("Vizdoom",), "vizdoom.gymnasium_wrapper", "vizdoom", "doom"),
    Package(("MiniGrid-", "BabyAI-"), "minigrid", "minigrid"),
    Package(
        (
            "highway-", "merge-", "roundabout-", "parking-", "intersection-", "racetrack-",
            "u-turn-", "exit-", "two-way-", "lane-keeping-",
        ),
        "highway_env",
        "highway-env",
    ),
    Package(("FlappyBird-v",), "flappy_bird_gymnasium", "flappy-bird-gymnasium"),
    Package(("MiniWorld-",), "miniworld", "miniworld"),
    Package(("MinAtar/",), "minatar.gym", "MinAtar"),
    Package(("gym_pusht/",), "gym_pusht", "gym-pusht"),
    Package(("gymnasium_2048/", "TwentyFortyEight"), "gymnasium_2048", "gymnasium_2048"),
    Package(("Snake-v",), "gymnasium_snake_game", "gymnasium-snake-game"),
    Package(("tetris_gymnasium/",), "tetris_gymnasium.envs", "tetris-gymnasium"),
    Package(("PandaReach", "PandaPush", "PandaSlide", "PandaPick", "PandaStack", "PandaFlip"),
            "panda_gym", "panda-gym"),
    Package(("mo-", "deep-sea-treasure", "minecart-", "four-room-"), "mo_gymnasium",
            "mo-gymnasium"),
    Package(
        ("Fetch", "Hand", "AdroitHand", "AntMaze_", "PointMaze_", "FrankaKitchen"),
        "gymnasium_robotics",
        "gymnasium-robotics",
    ),
)  # fmt: skip

# What a message about a missing package mentions -> the extra of pyproject.toml that brings it.
_EXTRAS = {
    "box2d": "box2d",
    "classic-control": "classic",
    "pygame": "classic",
    "vizdoom": "doom",
    "ale": "atari",
    "ale_py": "atari",
    "envpool": "envpool",
}


def register(name: str, modules: Sequence[str] = ()) -> str:
    """Import what registers the environment `name`; its id without a module.

    These are `modules`, that of "module:id", and the package that ids of this beginning come from.

    Raises:
        UserError: for modules that are missing or can't be imported.
    """
    module, colon, bare = name.rpartition(":")
    for each in [*modules, *([module] if colon else [])]:
        import_module(each, name)
    package = known_package(bare)
    if package is not None and bare not in gym.registry:
        import_module(package.module, name)
        _register(package)
    return bare


def unknown_id(name: str, error: gym.error.Error, modules: Sequence[str] = ()) -> UserError:
    """What to say where gymnasium does not know an id after these modules were imported."""
    module, colon, bare = name.rpartition(":")
    imported = [*modules, *([module] if colon else [])]
    said = str(error).rstrip(".? ") + ("?" if "?" in str(error) else ".")
    if not isinstance(error, gym.error.NamespaceNotFound | gym.error.NameNotFound):
        return UserError(f"Unknown environment {name}: {said}")
    if imported:
        return UserError(
            f"Unknown environment {name}: {' and '.join(imported)} registers no {bare}; call "
            f"gymnasium.register({bare!r}, entry_point=…) there."
        )
    return UserError(
        f"Unknown environment {name}: {said} If a package or file of its own registers it, name "
        "that module in env.modules, or give env.id=module:id."
    )


def known_package(name: str) -> Package | None:
    """The package of an id, told by how it begins."""
    found = (package for package in KNOWN if name.startswith(package.starts))
    return next(found, None)


def import_module(module: str, name: str, role: str = "which registers") -> None:
    """Import a module for the sake of `name`: by default that which registers an environment.

    Raises:
        UserError: where it is missing, or can't be imported: then with the place of the mistake.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            importlib.import_module(module)
    except Exception as error:
        parts = module.split(".")
        itself = isinstance(error, ModuleNotFoundError) and error.name in {
            ".".join(parts[: end + 1]) for end in range(len(parts))
        }
        if itself:
            raise UserError(_missing(module, name, role)) from error
        extra = _extra(error) if isinstance(error, ImportError) else None
        if extra is not None:
            raise UserError(
                f"{name} needs a package that is missing: run {install_command(extra)}."
            ) from error
        raise UserError(
            f"The module {module}, {role} {name}, can't be imported: {describe(error)}."
        ) from error


@contextlib.contextmanager
def naming_missing_packages(name: str) -> Iterator[None]:
    """Turn what is missing while the environment `name` is built or first drawn into a UserError.

    Raises:
        UserError: for gymnasium's DependencyNotInstalled, and an ImportError.
    """
    try:
        yield
    except (gym.error.DependencyNotInstalled, ImportError) as error:
        extra = _extra(error)
        said = describe(error) if isinstance(error, ImportError) else str(error).rstrip(".")
        cure = f"run {install_command(extra)}" if extra else said
        raise UserError(f"{name} needs a package that is missing: {cure}.") from error


def describe(error: BaseException) -> str:
    """An error in one phrase: its kind, the file and line where it came about, and its words."""
    words = " ".join(str(error).split()).rstrip(". ")
    return f"{type(error).__name__} in {_place(error)}" + (f": {words}" if words else "")


def _place(error: BaseException) -> str:
    if isinstance(error, SyntaxError) and error.filename is not None:
        return f"{Path(error.filename).name}, line {error.lineno}"
    frames = [
        frame
        for frame in traceback.extract_tb(_own(error.__traceback__))
        if "importlib" not in frame.filename  # Python's own, frozen or not
    ]
    return f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else "it"


def resolve_wrapper(wrapper: Any) -> Callable[[gym.Env[Any, Any]], gym.Env[Any, Any]]:
    """A wrapper given as a name, "module.Class"; others are handed back.

    Raises:
        UserError: for a name that leads to nothing, and for what can't be called.
    """
    found = wrapper
    if isinstance(wrapper, str):
        module, _, name = wrapper.replace(":", ".").rpartition(".")
        if not module:
            raise UserError(_right_form(f"{wrapper!r} names no module"))
        import_module(module, name, "in which env.wrappers seeks")
        found = getattr(importlib.import_module(module), name, None)
        if found is None:
            raise UserError(_right_form(f"the module {module} has no {name}"))
    if not callable(found):
        raise UserError(_right_form(f"{wrapper!r} can't be called with an environment"))
    return found


def _right_form(problem: str) -> str:
    return (
        f"env.wrappers: {problem}: give each by its dotted name, env.wrappers=[mymodule.MyWrapper],"
        " or with arguments as {_target_: mymodule.MyWrapper, _partial_: true, key: value}."
    )


def _missing(module: str, name: str, role: str) -> str:
    package = next((each for each in KNOWN if each.module == module), None)
    if package is not None:
        cure = install_command(package.extra) if package.extra else f"pip install {package.pip}"
        return f"{name} needs a package that is missing: run {cure}."
    return (
        f"There is no module {module}, {role} {name}: is "
        f"{module.replace('.', '/')}.py in this directory, or its package installed?"
    )


def _register(package: Package) -> None:
    """Some packages register nothing before they are asked to."""
    ask = getattr(importlib.import_module(package.module), "register_envs", None)
    if ask is not None and not any(key.startswith(package.starts) for key in gym.registry):
        ask()


def _extra(error: Exception) -> str | None:
    words = set(re.findall(r"[\w-]+", str(error).lower()))
    return next((extra for mentioned, extra in _EXTRAS.items() if mentioned in words), None)


def _own(trace: TracebackType | None) -> TracebackType | None:
    """A traceback from where it leaves this file."""
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return trace
