"""C: parameter counts, squashing, and one row of the batch at a time."""

from dataclasses import replace

import pytest
import torch

from worldmodel.config import build, compose
from worldmodel.models.controller import Controller, ControllerConfig, count_features
from worldmodel.types import EnvSpec


def spec(n_actions=None):
    continuous = n_actions is None
    return EnvSpec(
        id="CarRacing-v3",
        obs_shape=(64, 64, 3),
        action_low=(-1.0, 0.0, 0.0) if continuous else None,
        action_high=(1.0, 1.0, 1.0) if continuous else None,
        n_actions=n_actions,
        squash=("scale", "scale", "clip") if continuous else (),
        max_episode_steps=1000,
        frame_skip=1,
        reward_range=None,
        solved_at=900.0,
    )


def controller(inputs=("z", "h"), bias=True, n_actions=None, z_dim=32, hidden=256):
    config = ControllerConfig(inputs, bias, False, False)
    return Controller(config, spec(n_actions), torch.zeros(count_features(inputs, z_dim, hidden)))


def test_paper_sizes():
    assert controller().n_params == 867
    doom = Controller(
        ControllerConfig(("z", "h", "c"), False, False, False),
        EnvSpec("doom", (64, 64, 3), (-1.0,), (1.0,), None, ("scale",), 2100, 1, None, 750.0),
        torch.zeros(64 + 512 + 512),
    )
    assert doom.n_params == 1088


def test_squash_of_car_racing():
    c = controller(("z",), z_dim=1)
    params = torch.zeros(1, c.n_params)
    features = torch.tensor([[[2.0], [-2.0], [0.0]]])
    params[0, :3] = 1.0
    action = c.act(params, features)[0]
    tanh = torch.tanh(torch.tensor(2.0))
    torch.testing.assert_close(action[0], torch.stack([tanh, (tanh + 1) / 2, tanh]))
    torch.testing.assert_close(action[1], torch.stack([-tanh, (1 - tanh) / 2, torch.tensor(0.0)]))
    torch.testing.assert_close(action[2], torch.tensor([0.0, 0.5, 0.0]))


@pytest.mark.parametrize(
    ("squash", "reach"),
    [
        (("scale", "scale", "off"), (1.0, 1.0, 0.0)),
        (("scale", "scale*0.5", "clip*0.2"), (1.0, 0.5, 0.2)),
    ],
)
def test_an_action_reaches_as_far_as_its_factor(squash, reach):
    every = controller(("z",), z_dim=4)
    gentle = Controller(every.config, replace(spec(), squash=squash), torch.zeros(4))
    params, features = torch.randn(5, every.n_params), torch.randn(5, 3, 4)
    before, after = every.act(params, features), gentle.act(params, features)
    assert before.flatten(0, 1).any(0).all(), "an action that stays at 0 would pass with any factor"
    torch.testing.assert_close(after, before * torch.tensor(reach))


def test_layout_is_weights_row_by_row_then_biases():
    c = controller(("z", "h"), z_dim=2, hidden=1)
    params = torch.arange(float(c.n_params))[None] / 20
    features = torch.tensor([[[0.1, -0.2, 0.3]]])
    weight, bias = params[0, :9].view(3, 3), params[0, 9:]
    raw = torch.tanh(weight @ features[0, 0] + bias)
    torch.testing.assert_close(c.act(params, features)[0, 0, 0], raw[0])
    torch.testing.assert_close(c.act(params, features)[0, 0, 2], raw[2].clamp(0, 1))


def test_every_candidate_uses_its_own_parameters():
    c = controller(("z",), z_dim=4)
    params = torch.randn(5, c.n_params)
    features = torch.randn(5, 3, 4)
    together = c.act(params, features)
    assert together.shape == (5, 3, 3)
    for p in range(5):
        torch.testing.assert_close(
            together[p : p + 1], c.act(params[p : p + 1], features[p : p + 1])
        )


def test_discrete_actions_are_one_hot():
    c = controller(("z",), n_actions=4, z_dim=3)
    action = c.act(torch.randn(2, c.n_params), torch.randn(2, 6, 3))
    assert action.shape == (2, 6, 4)
    assert torch.equal(action.sum(-1), torch.ones(2, 6))
    assert torch.equal(action.max(-1).values, torch.ones(2, 6))


def test_unknown_input_is_named():
    with pytest.raises(ValueError, match=r"controller.inputs.*'x'"):
        ControllerConfig(("z", "x"), True, False, False)


def test_centring_is_a_change_of_bias():
    plain = controller(("z", "h"), z_dim=2, hidden=3)
    offset = torch.randn(5)
    config = ControllerConfig(("z", "h"), True, False, True)
    centred = Controller(config, spec(), offset)
    params = torch.randn(1, plain.n_params)
    moved = params.clone()
    moved[0, 15:] += params[0, :15].view(3, 5) @ offset
    parts = {"z": torch.randn(4, 2), "h": torch.randn(4, 3)}
    torch.testing.assert_close(
        centred.act(moved, centred.features(parts)[None]),
        plain.act(params, plain.features(parts)[None]),
    )


def test_centring_needs_a_bias():
    with pytest.raises(ValueError, match="centre"):
        ControllerConfig(("z",), False, False, True)


def test_moved_parameters_act_as_before_on_features_of_another_centre():
    torch.manual_seed(0)
    old, new = (
        Controller(ControllerConfig(("z",), True, False, True), spec(), torch.randn(4))
        for _ in range(2)
    )
    params, z = torch.randn(old.n_params), torch.randn(1, 5, 4)
    before = old.act(params[None], old.features({"z": z}))
    after = new.act(new.rebase(params, old.offset)[None], new.features({"z": z}))
    torch.testing.assert_close(before, after)
    assert not torch.allclose(before, new.act(params[None], new.features({"z": z})))


def test_a_hidden_layer_by_hand():
    c = Controller(ControllerConfig(("z",), True, False, True, 40), spec(), torch.zeros(32))
    assert c.n_params == 1443  # as the paper counts it
    torch.manual_seed(0)
    params, z = torch.randn(2, c.n_params), torch.randn(2, 5, 32)
    one, rest = params[1, : 40 * 32].view(40, 32), params[1, 40 * 32 :]
    hidden = torch.tanh(z[1] @ one.T + rest[:40])
    raw = torch.tanh(hidden @ rest[40 : 40 + 120].view(3, 40).T + rest[160:])
    action = c.act(params, z)[1]
    torch.testing.assert_close(action[:, 0], raw[:, 0])
    torch.testing.assert_close(action[:, 1], (raw[:, 1] + 1) / 2)
    moved = Controller(c.config, spec(), torch.randn(32))
    again = moved.act(moved.rebase(params[1], c.offset)[None], moved.features({"z": z[1:]}))
    torch.testing.assert_close(again[0], action, atol=1e-5, rtol=1e-5)
    with pytest.raises(ValueError, match="hidden_units"):
        ControllerConfig(("z",), True, False, False, 0)


def with_axes(components, seed=0, features=6):
    torch.manual_seed(seed)
    config = ControllerConfig(("z",), True, False, True, None, components)
    axes = torch.randn(features, components)
    return Controller(config, spec(), torch.randn(features), axes)


def test_components_are_projections_of_centred_features():
    c, z = with_axes(2), torch.randn(5, 6)
    assert c.n_params == 3 * (2 + 1)
    torch.testing.assert_close(c.features({"z": z}), (z - c.offset) @ c.axes)


def test_moving_to_all_components_and_back_changes_nothing():
    plain = Controller(ControllerConfig(("z",), True, False, True), spec(), torch.randn(6))
    c, other, z = with_axes(6), with_axes(6, seed=1), torch.randn(1, 5, 6)
    params = torch.randn(plain.n_params)
    there = c.rebase(params, plain.offset)
    across = other.rebase(there, c.offset, c.axes)
    back = plain.rebase(across, other.offset, other.axes)
    expected = plain.act(params[None], plain.features({"z": z}))
    for who, moved in ((c, there), (other, across), (plain, back)):
        action = who.act(moved[None], who.features({"z": z}))
        torch.testing.assert_close(action, expected, atol=1e-4, rtol=1e-4)


def test_few_components_keep_what_they_span():
    c, z = with_axes(2), torch.randn(1, 5, 6)
    plain = Controller(ControllerConfig(("z",), True, False, True), spec(), c.offset)
    params = torch.randn(c.n_params)
    wide = plain.rebase(params, c.offset, c.axes)
    assert len(wide) == plain.n_params
    again = c.rebase(wide, plain.offset)
    torch.testing.assert_close(again, params, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(
        plain.act(wide[None], plain.features({"z": z})),
        c.act(params[None], c.features({"z": z})),
    )


@pytest.mark.parametrize(
    ("centre", "components", "message"), [(False, 2, "centre"), (True, 0, "components")]
)
def test_bad_components_name_the_key(centre, components, message):
    with pytest.raises(ValueError, match=message):
        ControllerConfig(("z",), True, False, centre, None, components)


def test_more_components_than_features_are_refused():
    with pytest.raises(ValueError, match="there are 6 features"):
        Controller(ControllerConfig(("z",), True, False, True, None, 7), spec(), torch.zeros(6))


LINEAR = ControllerConfig(("z", "h"), True, False, True)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("linear", {}),
        ("linear_z", {"inputs": ("z",)}),
        ("linear_pca", {"components": 48}),
        ("linear_zch", {"inputs": ("z", "h", "c"), "bias": False, "centre": False}),
        ("hidden_z", {"inputs": ("z",), "hidden_units": 40}),
    ],
)
def test_the_controllers_of_conf_differ_from_the_linear_one_in_these(name, changes):
    config = compose("collect", [f"controller={name}"])
    assert build(config.controller) == replace(LINEAR, **changes)
