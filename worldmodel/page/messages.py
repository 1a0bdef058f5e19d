"""What a page may ask of an engine: every message is checked here before anything is done."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from worldmodel.page.fields import (
    Fields,
    Rule,
    Vector,
    action_vector,
    number,
    one_of,
    several,
    shown,
    values_by_index,
    whole,
)
from worldmodel.types import EnvSpec, UserError

ENDS = ("sample", "threshold", "never")
ACTIONS, DRAWS, STEPS = 8, 8, 32  # of one look into the futures: at most 2048 frames
HOTTEST = 2.0
FARTHEST = 100.0  # of a latent that is set by hand: far beyond it V and M give no numbers
LARGEST = 1e30  # of an action, which is cut to its bounds afterwards: float32 can hold it
LONGEST_SYNC = 10_000  # steps
SEED = whole(0, (1 << 31) - 1)
SHARE = number(0, 1)
TEMPERATURE = number(0, HOTTEST)


@dataclass(frozen=True)
class Sizes:
    """What there is to ask for.

    Attributes:
        starts: places where a dream may begin.
        reel: steps of the reel; 0 without one.
        z_dim: latents.
        spec: the environment, which gives the actions.
        temperature, end: of a dream that is not told otherwise.
        real: whether there is the real environment.
    """

    starts: int
    reel: int
    z_dim: int
    spec: EnvSpec
    temperature: float
    end: str
    real: bool


@dataclass(frozen=True)
class Open:
    """What is this agent?"""


@dataclass(frozen=True)
class Starts:
    """Where may a dream begin?"""


@dataclass(frozen=True)
class Begin:
    """Begin a dream."""

    start: int
    seed: int


@dataclass(frozen=True)
class Step:
    """Dream on. `action` None leaves it to C; `watch` None looks at no mixture."""

    action: Vector | None
    mix: float
    temperature: float
    end: str
    pins: Mapping[int, float]
    watch: int | None


@dataclass(frozen=True)
class Effects:
    """What do these latents do to the picture?"""

    latents: tuple[int, ...]
    by: float


@dataclass(frozen=True)
class Futures:
    """What would follow from these actions?"""

    actions: tuple[Vector, ...]
    draws: int
    steps: int
    seed: int
    temperature: float


@dataclass(frozen=True)
class Follow:
    """Follow what was real, up to the step `at`."""

    at: int
    sync: int
    temperature: float
    seed: int


@dataclass(frozen=True)
class Real:
    """A step of the environment itself; with a `seed` the first frame of a new episode."""

    action: Vector | None
    mix: float
    seed: int | None


Message = Open | Starts | Begin | Step | Effects | Futures | Follow | Real


def read_message(given: object, sizes: Sizes) -> Message:
    """The message that is meant, every value of it within bounds.

    Needed are `start`; `latents` and `by`; `actions`, `draws` and `steps`; `at`. What else is
    missing or null has a value of its own: the dream's temperature and end, the seed 0, a mix of
    1, no action, no pins, nothing to watch, no sync.

    Args:
        given: what came, of any type.
        sizes: what there is to ask for.

    Raises:
        UserError: for anything else than a message with its own fields.
    """
    if not isinstance(given, Mapping):
        raise UserError("A message is an object with a type.")
    kind = given.get("type")
    read = _READERS.get(kind) if isinstance(kind, str) else None
    if read is None:
        raise UserError(f"There is no message {shown(kind)}: use one of {', '.join(_READERS)}.")
    fields = Fields(given)
    message = read(fields, sizes)
    fields.refuse_others()
    return message


def _read_begin(fields: Fields, sizes: Sizes) -> Begin:
    return Begin(fields.take("start", whole(0, sizes.starts - 1)), _seed(fields))


def _read_step(fields: Fields, sizes: Sizes) -> Step:
    action, mix = _steered(fields, sizes)
    end = fields.maybe("end", one_of(ENDS)) or sizes.end
    pins = fields.maybe("pins", values_by_index(sizes.z_dim, FARTHEST)) or {}
    watch = fields.maybe("watch", whole(0, sizes.z_dim - 1))
    return Step(action, mix, _temperature(fields, sizes), end, pins, watch)


def _read_effects(fields: Fields, sizes: Sizes) -> Effects:
    latents = several(whole(0, sizes.z_dim - 1), 1, sizes.z_dim)
    return Effects(fields.take("latents", latents), fields.take("by", number(0, FARTHEST)))


def _read_futures(fields: Fields, sizes: Sizes) -> Futures:
    actions = fields.take("actions", several(_action(sizes), 1, ACTIONS))
    draws, steps = fields.take("draws", whole(1, DRAWS)), fields.take("steps", whole(1, STEPS))
    return Futures(actions, draws, steps, _seed(fields), _temperature(fields, sizes))


def _read_follow(fields: Fields, sizes: Sizes) -> Follow:
    if not sizes.reel:
        raise UserError("This agent has no reel to follow.")
    at = fields.take("at", whole(0, sizes.reel))
    sync = fields.maybe("sync", whole(0, LONGEST_SYNC)) or 0
    return Follow(at, sync, _temperature(fields, sizes), _seed(fields))


def _read_real(fields: Fields, sizes: Sizes) -> Real:
    if not sizes.real:
        raise UserError("This engine has no real environment.")
    return Real(*_steered(fields, sizes), fields.maybe("seed", SEED))


def _steered(fields: Fields, sizes: Sizes) -> tuple[Vector | None, float]:
    """The visitor's action, if there is one, and its share."""
    action, mix = fields.maybe("action", _action(sizes)), fields.maybe("mix", SHARE)
    return action, 1.0 if mix is None else mix


def _action(sizes: Sizes) -> Rule[Vector]:
    return action_vector(sizes.spec, LARGEST)


def _temperature(fields: Fields, sizes: Sizes) -> float:
    given = fields.maybe("temperature", TEMPERATURE)
    return sizes.temperature if given is None else given


def _seed(fields: Fields) -> int:
    return fields.maybe("seed", SEED) or 0


_READERS: dict[str, Callable[[Fields, Sizes], Message]] = {
    "open": lambda fields, sizes: Open(),
    "starts": lambda fields, sizes: Starts(),
    "begin": _read_begin,
    "step": _read_step,
    "effects": _read_effects,
    "futures": _read_futures,
    "follow": _read_follow,
    "real": _read_real,
}
