import math

import pytest
from page_engines import CAR, KEYS

from worldmodel.page.messages import (
    Begin,
    Follow,
    Futures,
    Open,
    Real,
    Sizes,
    Starts,
    Step,
    read_message,
)
from worldmodel.types import UserError

SIZES = Sizes(3, 6, 4, CAR, 0.9, "sample", True)
KEY_SIZES = Sizes(3, 0, 4, KEYS, 0.9, "sample", False)
FUTURES = {"type": "futures", "actions": [[0, 0]], "draws": 1, "steps": 1}


def test_what_is_left_out_is_as_the_dream_has_it():
    assert read_message({"type": "open"}, SIZES) == Open()
    assert read_message({"type": "starts"}, SIZES) == Starts()
    assert read_message({"type": "begin", "start": 2}, SIZES) == Begin(2, 0)
    step = Step(None, 1.0, 0.9, "sample", {}, None)
    assert read_message({"type": "step"}, SIZES) == step
    named = ("action", "mix", "temperature", "end", "pins", "watch")
    assert read_message({"type": "step"} | dict.fromkeys(named), SIZES) == step
    assert read_message(FUTURES, SIZES) == Futures(((0.0, 0.0),), 1, 1, 0, 0.9)
    assert read_message({"type": "follow", "at": 6}, SIZES) == Follow(6, 0, 0.9, 0)
    assert read_message({"type": "real", "seed": 0}, SIZES) == Real(None, 1.0, 0)


def test_all_of_a_step_is_read():
    given = {"type": "step", "action": [0, -7.5], "mix": 0, "temperature": 0, "end": "never",
             "pins": {"3": -2, "0": 1.5}, "watch": 3}  # fmt: skip
    wanted = Step((0.0, -7.5), 0.0, 0.0, "never", {3: -2.0, 0: 1.5}, 3)
    assert read_message(given, SIZES) == wanted
    given = {"type": "step", "action": [0, 1, 0]}
    assert read_message(given, KEY_SIZES) == Step((0.0, 1.0, 0.0), 1.0, 0.9, "sample", {}, None)


@pytest.mark.parametrize("given", [None, 3, "open", [], {}, {"type": None}, {"type": ["open"]},
                                   {"type": "close"}])  # fmt: skip
def test_what_is_no_message_is_refused(given):
    with pytest.raises(UserError, match=r"message"):
        read_message(given, SIZES)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        *(({"type": "begin", "start": wrong}, "begin.start")
          for wrong in (None, -1, 3, 1.0, True, "1", [1], 10**30, math.nan)),
        *(({"type": "begin", "start": 0, "seed": wrong}, "begin.seed")
          for wrong in (-1, 1 << 31, 0.5, False, "0")),
        *(({"type": "step", "temperature": wrong}, "step.temperature")
          for wrong in (-0.1, 2.1, math.nan, math.inf, 10**400, True, "1", [1])),
        *(({"type": "step", "mix": wrong}, "step.mix") for wrong in (-0.1, 1.1, math.nan, "")),
        *(({"type": "step", "end": wrong}, "step.end") for wrong in ("", "Never", 1, ["never"])),
        *(({"type": "step", "watch": wrong}, "step.watch") for wrong in (-1, 4, "0", 0.0)),
        *(({"type": "step", "action": wrong}, "step.action")
          for wrong in ([], [0], [0, 0, 0], [0, math.nan], [0, math.inf], [0, None], [0, True],
                        "ab", {"0": 0}, 1, [[0], [0]])),
        *(({"type": "step", "pins": wrong}, "step.pins")
          for wrong in ([], "a", {"4": 0}, {"-1": 0}, {"01": 0}, {"x": 0}, {"0": "1"}, {"0": None},
                        {"0": math.nan}, {"0": 101}, {"9" * 50: 0}, {"\u0661": 0})),
        *(({"type": "effects", "latents": wrong, "by": 1}, "effects.latents")
          for wrong in (None, [], [4], [-1], [0.0], [0] * 5, "01", 0)),
        *(({"type": "effects", "latents": [0], "by": wrong}, "effects.by")
          for wrong in (None, -1, 101, math.inf)),
        *((FUTURES | {"actions": wrong}, "futures.actions")
          for wrong in (None, [], [0, 0], [[0, 0]] * 9, [[0, 0], [0]], [[0, math.nan]])),
        *((FUTURES | {"draws": wrong}, "futures.draws") for wrong in (None, 0, 9, 1.0)),
        *((FUTURES | {"steps": wrong}, "futures.steps") for wrong in (None, 0, 33)),
        *(({"type": "follow", "at": wrong}, "follow.at") for wrong in (None, -1, 7, 0.0)),
        *(({"type": "follow", "at": 0, "sync": wrong}, "follow.sync") for wrong in (-1, 1.0, 1e9)),
        *(({"type": "real", "seed": wrong}, "real.seed") for wrong in (-1, "", 1 << 31)),
    ],
)  # fmt: skip
def test_values_that_can_not_be_are_refused_by_name(given, named):
    with pytest.raises(UserError, match=rf"^{named} is .*: use .*\.$"):
        read_message(given, SIZES)


@pytest.mark.parametrize("wrong", [[1, 1, 0], [0, 0, 0], [0.5, 0.5, 0], [2, -1, 0], [1, 0]])
def test_a_discrete_action_is_one_hot(wrong):
    with pytest.raises(UserError, match=r"^step.action is"):
        read_message({"type": "step", "action": wrong}, KEY_SIZES)


@pytest.mark.parametrize("kind", ["open", "starts", "step", "begin"])
def test_unknown_fields_are_refused(kind):
    given = {"type": kind, "agent": "../other"} | ({"start": 0} if kind == "begin" else {})
    with pytest.raises(UserError, match=rf"^{kind} has no field 'agent'\.$"):
        read_message(given, SIZES)


def test_what_an_agent_does_not_have_is_refused():
    with pytest.raises(UserError, match=r"no reel"):
        read_message({"type": "follow", "at": 0}, KEY_SIZES)
    with pytest.raises(UserError, match=r"no real environment"):
        read_message({"type": "real", "seed": 0}, KEY_SIZES)


def test_a_sentence_repeats_little_of_what_is_wrong():
    with pytest.raises(UserError) as refused:
        read_message({"type": "x" * 10_000}, SIZES)
    assert len(str(refused.value)) < 200
