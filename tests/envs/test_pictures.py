"""Pictures are found in observations, and what is none is refused before anything is written."""

import gymnasium as gym
import numpy as np
import odd_worlds as odd
import pytest
from gymnasium import spaces
from odd_worlds import BYTES

from worldmodel.envs.make import EnvConfig, make_env, make_filmed, make_spec
from worldmodel.envs.pictures import find_pictures
from worldmodel.envs.wrappers import crop_resize
from worldmodel.types import UserError

SMALL = 48, 40


def config(name, **changes):
    return EnvConfig(f"odd/{name}-v0", max_episode_steps=12, **changes)


def first(name, **changes):
    """The picture that the models get, and the environment's own, after a step."""
    make_spec(config(name, **changes))
    env = make_env(config(name, **changes))
    env.reset(seed=3)
    obs = env.step(env.action_space.sample())[0]
    own = env.unwrapped.picture()
    env.close()
    return obs, own


def grey(self):
    return self.picture().mean(-1).astype(np.uint8)


def older(self):
    return np.full((48, 40, 3), 9, np.uint8)


def box(shape, low=0, high=255, dtype=np.uint8):
    return spaces.Box(low, high, shape, dtype)


# A name: the observation space, and what is observed of the World's picture.
COLOURED = {
    "Plain": (BYTES, odd.World.picture),
    "First": (box((3, *SMALL)), lambda self: self.picture().transpose(2, 0, 1)),
    "Alpha": (box((*SMALL, 4)), lambda self: np.dstack([self.picture(), grey(self)])),
    "Stack": (box((4, *SMALL, 3)), lambda self: np.stack([older(self)] * 3 + [self.picture()])),
    "Beside": (box((*SMALL, 6)), lambda self: np.dstack([older(self), self.picture()])),
    "Unit": (box((*SMALL, 3), 0, 1, np.float32), lambda self: np.float32(self.picture() / 255)),
    "Sides": (box((*SMALL, 3), -1, 1, np.float64), lambda self: self.picture() / 127.5 - 1),
    "Wide": (box((*SMALL, 3), 0, 255, np.int64), lambda self: self.picture().astype(np.int64)),
    "Dict": (spaces.Dict(screen=BYTES, speed=box((2,))),
             lambda self: {"screen": self.picture(), "speed": np.zeros(2, np.uint8)}),
    "Deep": (spaces.Dict(eyes=spaces.Dict(left=BYTES)),
             lambda self: {"eyes": {"left": self.picture()}}),
}  # fmt: skip
GREY = {
    "Grey": (box(SMALL), grey),
    "GreyLast": (box((*SMALL, 1)), lambda self: grey(self)[..., None]),
    "GreyFirst": (box((1, *SMALL)), lambda self: grey(self)[None]),
    "GreyStack": (box((4, *SMALL)),
                  lambda self: np.stack([older(self)[..., 0]] * 3 + [grey(self)])),
}  # fmt: skip


@pytest.mark.parametrize("name", [*COLOURED, *GREY])
def test_observed_pictures_of_any_form_are_found(name):
    odd.seeing(f"See{name}", *(COLOURED | GREY)[name])
    obs, own = first(f"See{name}")
    if name in GREY:
        own = own.mean(-1, keepdims=True).astype(np.uint8)
    assert np.array_equal(obs, crop_resize(own, None, None, 64))


def test_zeros_and_ones_are_black_and_white():
    space = spaces.MultiBinary(SMALL)
    odd.seeing("SeeBits", space, lambda self: (grey(self) > 99).astype(np.int8))
    obs, _ = first("SeeBits")
    assert {0, 255} <= set(np.unique(obs))


def test_of_several_pictures_one_is_chosen():
    both = spaces.Dict(left=BYTES, right=BYTES)
    odd.seeing("Both", both, lambda self: {"left": older(self), "right": self.picture()})
    obs, own = first("Both", key="right")
    assert np.array_equal(obs, crop_resize(own, None, None, 64))
    with pytest.raises(UserError, match=r"env\.key, of left, right"):
        make_spec(config("Both", obs="native"))
    with pytest.raises(UserError, match=r"env\.key=up .*left, right"):
        make_spec(config("Both", key="up"))
    with pytest.raises(UserError, match="same picture"):
        make_spec(config("Both", key="left"))


@pytest.mark.parametrize(
    "space",
    [
        box((4,)),
        box((7, 7, 3)),
        box((8, 8)),
        box((64, 64, 3), -np.inf, np.inf, np.float32),
        box((20, 64, 64, 64)),
        spaces.Dict(a=BYTES, b=BYTES)["a"] and spaces.Dict(goal=box((3,))),
        spaces.Discrete(5),
    ],
    ids=str,
)
def test_what_is_no_picture_or_too_small_is_not_found_unasked(space):
    assert find_pictures(space) == {}


def test_where_nothing_observed_is_a_picture_it_is_rendered():
    odd.drawing("Draws", odd.World.picture)
    obs, own = first("Draws")
    assert np.array_equal(obs, crop_resize(own, None, None, 64))
    with pytest.raises(UserError, match=r"env\.obs=render"):
        make_spec(config("Draws", obs="native"))


def test_small_pictures_are_taken_where_asked_for():
    odd.variant("Tiny", observation_space=box((8, 8, 3)),
                see=lambda self: self.picture()[20:28, ::5].copy())  # fmt: skip
    assert first("Tiny")[0].shape == (64, 64, 3)  # rendered
    assert first("Tiny", obs="native")[0].shape == (64, 64, 3)


RENDERED = {
    "Alpha": lambda self: np.dstack([self.picture(), grey(self)]),
    "Float": lambda self: self.picture() / 255,
    "First": lambda self: self.picture().transpose(2, 0, 1),
    "List": lambda self: [older(self), self.picture()],
    "Ints": lambda self: self.picture().astype(np.int32),
}


@pytest.mark.parametrize("name", RENDERED)
def test_rendered_pictures_of_any_form_become_bytes(name):
    odd.drawing(f"Draw{name}", RENDERED[name])
    obs, own = first(f"Draw{name}")
    assert np.array_equal(obs, crop_resize(own, None, None, 64))


def test_rendered_grey_and_masks_become_colours():
    odd.drawing("DrawGrey", grey)
    odd.drawing("DrawMask", lambda self: grey(self) > 99)
    assert np.ptp(first("DrawGrey")[0], axis=-1).max() == 0
    assert first("DrawMask")[0].max() == 255


def unwritten(self):
    raise NotImplementedError


@pytest.mark.parametrize(
    ("name", "render", "said"),
    [
        ("None", lambda self: None, "gives None"),
        ("Text", lambda self: "@..", "gives text"),
        ("Unwritten", unwritten, r"no render\(\): write it"),
        ("Row", lambda self: np.zeros(5), r"array \(5,\)"),
        ("Bright", lambda self: self.picture() / 1.0, r"from 0 to 200: .* in \[0, 1\]"),
        ("Still", older, r"same picture \(all of one colour\)"),
    ],
)
def test_rendered_pictures_that_are_none_are_refused(name, render, said):
    odd.drawing(f"Not{name}", render)
    with pytest.raises(UserError, match=rf"odd/Not{name}-v0.*{said}"):
        make_spec(config(f"Not{name}"))


def test_a_constructor_without_render_mode_can_observe_but_not_draw():
    odd.variant("NoMode", cls=odd.NoMode)
    assert first("NoMode")[0].shape == (64, 64, 3)
    odd.variant("NoInit", cls=odd.NoInit)
    for name in ("NoMode", "NoInit"):
        with pytest.raises(UserError, match=r"takes no render_mode.*env\.obs=native"):
            make_spec(config(name, obs="render"))


def test_observations_must_be_as_they_are_declared():
    odd.seeing("Lies", BYTES, lambda self: self.picture() / 255)
    with pytest.raises(UserError, match="float64, other than its observation_space"):
        make_spec(config("Lies"))


def test_a_picture_may_stand_still_for_a_while_but_not_for_good():
    def late(self):
        return self.picture() if self.t > 9 else older(self)

    odd.seeing("Late", BYTES, late)
    make_spec(config("Late"))
    odd.seeing("Never", BYTES, older)
    with pytest.raises(UserError, match=r"same picture.*100 random steps.*env\.obs=render"):
        make_spec(config("Never"))


def test_a_crop_in_which_nothing_moves_is_named():
    odd.variant("World", cls=odd.World)
    with pytest.raises(UserError, match=r"env\.crop_rows=null"):
        make_spec(config("World", crop_rows=[40, 48]))


def test_a_minigrid_that_first_stands_still_passes():
    pytest.importorskip("minigrid", reason="minigrid is not installed")
    spec = make_spec(EnvConfig("MiniGrid-Empty-5x5-v0", max_episode_steps=100))
    assert spec.n_actions == 7


def test_frames_of_another_size_than_v_takes_are_refused():
    odd.variant("World", cls=odd.World)
    with pytest.raises(UserError, match=r"env\.size is 96"):
        make_spec(config("World", size=96))


@pytest.mark.parametrize("cls", [odd.OldReset, odd.OldStep])
def test_the_api_of_old_gym_is_named(cls):
    odd.variant(cls.__name__, cls=cls)
    with pytest.raises(UserError, match=r"another API.*\(observation, info\)"):
        make_spec(config(cls.__name__))


def test_rewards_and_ends_may_be_arrays_of_one():
    odd.variant("Arrays", cls=odd.Arrays)
    env = make_env(config("Arrays"))
    env.reset(seed=0)
    _, reward, terminated, truncated, _ = env.step(0)
    assert (reward, terminated, truncated) == (1.0, False, False)
    assert isinstance(terminated, bool)
    odd.variant("Vector", cls=odd.Vector)
    with pytest.raises(UserError, match="odd/Vector-v0 pays 2 rewards"):
        make_spec(config("Vector"))


def test_an_environment_that_fails_at_once_is_told_with_the_place():
    odd.variant("Fails", step=lambda self, action: {}["engine"])
    with pytest.raises(UserError, match=r"fails in its first steps: KeyError in test_pictures.py"):
        make_spec(config("Fails"))


@pytest.mark.parametrize("name", ["SameCanvas", "NoMode"])
def test_frames_do_not_change_afterwards(name):
    odd.variant(name, cls=getattr(odd, name))
    env = make_env(config(name))
    before, _ = env.reset(seed=0)
    kept = before.copy()
    after = env.step(0)[0]
    assert np.array_equal(before, kept)
    assert not np.array_equal(before, after)


def film(name):
    env = make_filmed(config(name))
    env.reset(seed=3)
    env.step(0)
    return env.render(), env.unwrapped.picture()


def test_films_show_what_the_environment_draws():
    odd.variant("Tinted", render=lambda self: 255 - self.picture())
    shown, own = film("Tinted")
    assert np.array_equal(shown, 255 - own)
    odd.variant("Canvas", cls=odd.SameCanvas)
    assert np.array_equal(*film("Canvas"))


@pytest.mark.parametrize(
    "render", [unwritten, lambda self: None, older, lambda self: np.zeros(5)],
    ids=["unwritten", "none", "still", "row"],
)  # fmt: skip
def test_films_show_what_is_observed_where_nothing_is_drawn(render, request):
    name = f"Film{request.node.callspec.id}"
    odd.variant(name, render=render)
    assert np.array_equal(*film(name))


def test_films_need_no_render_mode():
    odd.variant("NoMode", cls=odd.NoMode)
    assert np.array_equal(*film("NoMode"))


def test_stacks_of_gymnasium_show_their_newest_frame():
    make_spec(EnvConfig("CarRacing-v3", wrappers=(stacked,)))
    env = make_env(EnvConfig("CarRacing-v3", wrappers=(stacked,)))
    plain = make_env(EnvConfig("CarRacing-v3"))
    env.reset(seed=0), plain.reset(seed=0)
    action = np.float32([0.5, 1, 0])
    for _ in range(3):
        assert np.array_equal(env.step(action)[0], plain.step(action)[0])
    env.close()
    plain.close()


def stacked(env):
    return gym.wrappers.FrameStackObservation(env, 4)
