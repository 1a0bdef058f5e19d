"""Actions of any finite space reach the environment in its own form."""

import numpy as np
import odd_worlds as odd
import pytest
from gymnasium import spaces

from worldmodel.envs.explore import VariedRepeat, WhiteNoise
from worldmodel.envs.make import EnvConfig, make_env, make_spec
from worldmodel.types import EnvSpec, UserError

FINE = np.float64([-0.1, 0.0, -1.7]), np.float64([0.3, 0.7, 2.1])


def box(low, high, shape=None, dtype=np.float32):
    return spaces.Box(np.array(low, dtype) if shape is None else low,
                      np.array(high, dtype) if shape is None else high, shape, dtype)  # fmt: skip


CHOICES = {
    "Start": (spaces.Discrete(3, start=-1), 3),
    "One": (spaces.Discrete(1), 1),
    "Many": (spaces.Discrete(400), 400),
    "Multi": (spaces.MultiDiscrete([3, 2], start=[1, 5]), 6),
    "Table": (spaces.MultiDiscrete([[2, 2], [2, 3]]), 24),
    "Bits": (spaces.MultiBinary(3), 8),
    "Pair": (spaces.Tuple((spaces.Discrete(2), spaces.MultiBinary(2))), 8),
    "Named": (spaces.Dict(fire=spaces.Discrete(2, start=1), move=spaces.Discrete(3)), 6),
}
NUMBERS = {
    "Plain": (box([-1, 0], [1, 2]), 2),
    "Scalar": (box(-1, 1, ()), 1),
    "Square": (box(-1, 1, (2, 2)), 4),
    "Whole": (box(0, 10, (2,), np.int64), 2),
    "Byte": (box(0, 255, (1,), np.uint8), 1),
    "Fine": (box(*FINE, dtype=np.float64), 3),
    "Half": (box(-0.1, 0.7, (2,), np.float16), 2),
    "Odd": (box([-0.1, 0.0, -1.7], [0.3, 0.7, 2.1]), 3),
    "Flat": (box([-1, 0.5], [1, 0.5]), 2),
    "MultiMany": (spaces.MultiDiscrete([5, 5, 5], start=[0, 1, 2]), 3),
    "BitsMany": (spaces.MultiBinary([2, 4]), 8),
    "Mixed": (spaces.Dict(gas=box(0, 1, (1,)), gear=spaces.Discrete(4), tilt=box(-2, 2, ())), 3),
}


def config(name, **changes):
    return EnvConfig(f"odd/Act{name}-v0", explorer=WhiteNoise(), max_episode_steps=12, **changes)


def taken(env):
    return env.unwrapped.taken


@pytest.mark.parametrize("name", CHOICES)
def test_finite_spaces_are_one_choice(name):
    space, n = CHOICES[name]
    odd.acting(f"Act{name}", space)
    spec = make_spec(config(name))
    assert (spec.n_actions, spec.action_low, spec.squash) == (n, None, ())
    env = make_env(config(name))
    for start in range(0, n, 12):
        env.reset(seed=0)
        for index in range(start, min(start + 12, n)):
            env.step(spec.to_env(np.eye(n, dtype=np.float32)[index : index + 1])[0])
    assert len({repr(action) for action in taken(env)}) == n  # each once, and all allowed
    env.close()


def test_the_last_part_of_a_product_is_the_fastest():
    for name in ("Multi", "Pair", "Named"):
        odd.acting(f"Act{name}", CHOICES[name][0])
    orders = {}
    for name in ("Multi", "Pair", "Named"):
        env = make_env(config(name))
        env.reset(seed=0)
        for index in (0, 1, 2):
            env.step(index)
        orders[name] = taken(env)
    assert [action.tolist() for action in orders["Multi"]] == [[1, 5], [1, 6], [2, 5]]
    assert [bits.tolist() for _, bits in orders["Pair"]] == [[0, 0], [0, 1], [1, 0]]
    assert orders["Named"][1] == {"fire": 1, "move": 1}


@pytest.mark.parametrize("name", NUMBERS)
def test_other_spaces_are_one_vector_whose_every_value_is_allowed(name):
    space, length = NUMBERS[name]
    odd.acting(f"Act{name}", space)
    spec = make_spec(config(name))
    assert spec.action_dim == length
    assert not spec.discrete
    assert EnvSpec.from_dict(spec.to_dict()) == spec
    low, high = (np.array(side, np.float32) for side in (spec.action_low, spec.action_high))
    env = make_env(config(name))
    env.reset(seed=0)  # the environment itself says whether it may take them
    middle = (low + high) / 2
    for action in (low, high, middle, np.nextafter(high, np.inf), *varied(spec)):
        env.step(spec.to_env(action[None].astype(np.float32))[0])
    env.close()


def varied(spec):
    return VariedRepeat(WhiteNoise(), 1, 4)(spec, 0, 8)


def test_actions_have_the_type_that_the_environment_declares():
    odd.acting("ActWhole", NUMBERS["Whole"][0])
    odd.acting("ActFine", NUMBERS["Fine"][0])
    whole, fine = make_spec(config("Whole")), make_spec(config("Fine"))
    assert (whole.action_dtype, fine.action_dtype) == ("int64", "float64")
    assert whole.to_env(np.float32([[2.6, 11.0]])).tolist() == [[3, 10]]
    top = fine.to_env(np.float32([FINE[1]]))[0]
    assert (top <= FINE[1]).all()


def test_float32_goes_without_saying_so_that_files_stay_as_they_were():
    odd.acting("ActPlain", NUMBERS["Plain"][0])
    spec = make_spec(config("Plain"))
    assert "action_dtype" not in spec.to_dict()
    odd.acting("ActFine", NUMBERS["Fine"][0])
    fine = make_spec(config("Fine"))
    assert fine.to_dict()["action_dtype"] == "float64"
    old = EnvSpec.from_dict({k: v for k, v in fine.to_dict().items() if k != "action_dtype"})
    assert fine.differences(old) == []


def test_cut_numbers_give_every_choice_an_equal_share():
    odd.acting("ActMultiMany", NUMBERS["MultiMany"][0])
    env = make_env(config("MultiMany"))
    env.reset(seed=0)
    for x in (-1.0, -0.61, -0.59, 0.0, 1.0):
        env.step(np.full(3, x, np.float32))
    assert [action[0] for action in taken(env)] == [0, 0, 1, 2, 4]
    assert all((action - action[0] == [0, 1, 2]).all() for action in taken(env))


LARGEST = np.finfo(np.float32).max


@pytest.mark.parametrize(
    ("name", "space"),
    [
        ("Infinite", box(-np.inf, np.inf, (2,))),
        ("Above", box(0, np.inf, (2,))),
        ("Huge", box(-LARGEST, LARGEST, (2,))),
        ("Huge64", box(*[side * np.finfo(np.float64).max for side in (-1, 1)], (2,), np.float64)),
        ("AnyInt", box(*[getattr(np.iinfo(np.int64), side) for side in ("min", "max")], (2,),
                       np.int64)),
    ],
)  # fmt: skip
def test_unbounded_numbers_need_bounds_of_ones_own(name, space):
    odd.acting(f"Act{name}", space)
    with pytest.raises(UserError, match=r"no bounds.*env\.action_bounds=\[-1,1\]"):
        make_spec(config(name))
    spec = make_spec(config(name, action_bounds=[-1, 2]))
    assert spec.action_high == (2, 2)
    assert spec.action_low == ((0, 0) if name == "Above" else (-1, -1))
    env = make_env(config(name, action_bounds=[-1, 2]))
    env.reset(seed=0)
    env.step(spec.to_env(np.float32([[-1, 2]]))[0])
    assert taken(env)[0].tolist() == [spec.action_low[0], 2]


def test_bounds_of_ones_own_must_leave_room():
    odd.acting("ActAbove", box(5, np.inf, (2,)))
    odd.variant("ActAbove5", action_space=box(5, np.inf, (2,)))
    with pytest.raises(UserError, match="leaves no room"):
        make_spec(config("Above5", action_bounds=[-1, 1]))
    with pytest.raises(ValueError, match=r"env\.action_bounds"):
        config("Above5", action_bounds=[1, -1])


def test_other_spaces_are_refused_with_what_to_do():
    odd.acting("ActText", spaces.Text(5))
    with pytest.raises(UserError, match=r"Text.*ActionWrapper.*env\.wrappers"):
        make_spec(config("Text"))


def test_squash_is_given_for_each_number_of_the_vector():
    odd.acting("ActSquare", NUMBERS["Square"][0])
    squash = ("scale", "clip", "off", "scale*0.5")
    assert make_spec(config("Square", squash=squash)).squash == squash
    with pytest.raises(UserError, match=r"env\.squash has 1 entries but .* 4"):
        make_spec(config("Square", squash=["scale"]))
