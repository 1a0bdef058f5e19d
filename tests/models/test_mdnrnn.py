import math
from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from worldmodel.mdn import BoundedLogSigma
from worldmodel.mdn.start import raw_for
from worldmodel.models.mdnrnn import MDNRNN, MDNRNNConfig, sample_latents

CONFIG = MDNRNNConfig(
    hidden=16,
    components=3,
    factorization="per_dim",
    log_sigma_min=-7.0,
    log_sigma_max=3.0,
    reward_head=True,
    end_head=True,
    restart_input=False,
    z_weight=1.0,
    reward_weight=1.0,
    end_weight=1.0,
    end_positive_weight=10.0,
)


def make(z_dim=4, action_dim=2, **changes):
    torch.manual_seed(0)
    return MDNRNN(replace(CONFIG, **changes), z_dim, action_dim)


def make_batch(b=3, t=9, z=4, a=2, seed=1):
    g = torch.Generator().manual_seed(seed)
    return {
        "mu": torch.randn(b, t + 1, z, generator=g),
        "logvar": torch.randn(b, t + 1, z, generator=g) - 3,
        "action": torch.randn(b, t, a, generator=g),
        "reward": torch.randn(b, t, generator=g),
        "end": (torch.rand(b, t, generator=g) < 0.2).float(),
        "start": torch.zeros(b, t).index_fill(1, torch.tensor(0), 1.0),
        "mask": torch.ones(b, t),
    }


def loss(model, batch, seed=5):
    torch.manual_seed(seed)
    return model.loss(batch)


def test_the_parameters_are_as_many_as_the_papers():
    car = replace(CONFIG, hidden=256, components=5, reward_head=False, end_head=False)
    doom = replace(car, hidden=512, end_head=True, restart_input=True)
    assert MDNRNN(car, 32, 3).paper_parameter_count() == 422_368
    assert MDNRNN(doom, 64, 1).paper_parameter_count() == 1_678_785


def test_the_loss_is_the_weighted_sum_of_its_parts():
    weights = {"z_weight": 2.0, "reward_weight": 0.5, "end_weight": 3.0}
    total, logs = loss(make(end_positive_weight=1.0, **weights), make_batch())
    parts = 2 * logs["z_nats_per_dim"] + 0.5 * logs["reward_nats"] + 3 * logs["end_bce"]
    torch.testing.assert_close(total.detach(), parts)
    assert not any(value.requires_grad for value in logs.values())
    assert all(value.shape == () for value in logs.values())


def test_noise_is_on_what_m_sees_and_only_while_it_learns():
    batch, seen = make_batch(), []
    batch["logvar"] = torch.full_like(batch["logvar"], -60.0)  # nothing else is drawn
    model = make(input_noise=0.5)
    model.sequence.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    z = slice(0, batch["mu"].shape[-1])
    _, logs = loss(model.train(), batch)
    added = seen[0][..., z] - batch["mu"][:, :-1]
    assert (added.std((1, 2)) > 0).all()
    assert added.std((1, 2)).max() < 0.75
    expected = model.predict(model.sequence(seen[0])[0])
    torch.testing.assert_close(
        logs["z_nats_per_dim"],
        -expected.z.log_prob_per_dim(batch["mu"][:, 1:]).mean().detach(),
    )
    seen.clear()
    loss(model.eval(), batch)
    torch.testing.assert_close(seen[0][..., z], batch["mu"][:, :-1])


def test_each_part_is_what_it_says():
    model, batch = make(), make_batch()
    model.set_reward_statistics(0.3, 2.0)
    total, logs = loss(model, batch)
    torch.manual_seed(5)
    z = sample_latents(batch["mu"], batch["logvar"])
    expected = model.predict(model.sequence(torch.cat([z[:, :-1], batch["action"]], -1))[0])
    torch.testing.assert_close(
        logs["z_nats_per_dim"], -expected.z.log_prob_per_dim(z[:, 1:]).mean().detach()
    )
    error = (expected.reward - batch["reward"]) / 2.0
    torch.testing.assert_close(logs["reward_mse"], error.square().mean().detach())
    constant = 0.5 * math.log(2 * math.pi)
    torch.testing.assert_close(logs["reward_nats"], 0.5 * logs["reward_mse"] + constant)
    torch.testing.assert_close(
        logs["end_bce"], functional.binary_cross_entropy(expected.end, batch["end"]).detach()
    )
    right = (expected.end > 0.5).float() == batch["end"]
    assert logs["end_accuracy"].item() == pytest.approx(right.float().mean().item())
    importance = torch.where(batch["end"] > 0, 10.0, 1.0)
    weighted = functional.binary_cross_entropy(expected.end, batch["end"], weight=importance)
    torch.testing.assert_close(total, logs["z_nats_per_dim"] + logs["reward_nats"] + weighted)


def test_padding_does_not_count():
    model, batch = make(), make_batch(b=1, t=6)
    batch["logvar"].fill_(-100.0)
    padded = {name: functional.pad(part, (0, 0) * (part.ndim - 2) + (0, 5), value=7.0)
              for name, part in batch.items()}  # fmt: skip
    padded["mask"][:, 6:] = 0
    short, long = loss(model, batch), loss(model, padded)
    torch.testing.assert_close(short, long)
    padded["reward"][:, 6:] = math.nan
    torch.testing.assert_close(loss(model, padded), long)


def test_latents_are_drawn_afresh_from_the_posterior():
    model, batch = make(), make_batch()
    assert loss(model, batch, 1)[0] != loss(model, batch, 2)[0]
    assert loss(model, batch, 1)[0] == loss(model, batch, 1)[0]
    draws = sample_latents(torch.full((50_000,), 2.0).half(), torch.full((50_000,), 1.0).half())
    assert draws.dtype == torch.float32
    assert draws.mean().item() == pytest.approx(2, abs=0.03)
    assert draws.var().item() == pytest.approx(math.e, rel=0.03)


def test_half_precision_storage_trains():
    batch = {name: part.half() for name, part in make_batch().items()}
    model = make()
    total, _ = loss(model, batch)
    total.backward()
    assert total.dtype == torch.float32
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_advancing_gives_the_state_that_the_sequence_reaches():
    model, batch = make(), make_batch()
    z, action = batch["mu"][:, :-1], batch["action"]
    features, last = model.sequence(torch.cat([z, action], -1))
    state = model.initial_state(3)
    for t in range(9):
        state = model.advance(z[:, t], action[:, t], state)
    torch.testing.assert_close(state, last, rtol=0, atol=1e-6)
    torch.testing.assert_close(
        model.predict(state[0]).reward, model.predict(features).reward[:, -1]
    )


def test_predictions_have_the_shapes_that_a_dream_needs():
    dream = make().predict(torch.randn(5, 16))
    assert dream.z.sample(temperature=1.1).shape == (5, 4)
    assert dream.reward.shape == dream.end.shape == (5,)
    assert ((dream.end > 0) & (dream.end < 1)).all()


def test_without_heads_nothing_is_predicted_besides_z():
    model = make(reward_head=False, end_head=False)
    total, logs = loss(model, make_batch())
    assert set(logs) == {"z_nats_per_dim"}
    torch.testing.assert_close(total.detach(), logs["z_nats_per_dim"])
    assert model.predict(torch.randn(5, 16)).reward is None
    assert model.predict(torch.randn(5, 16)).end is None


@pytest.mark.parametrize("unit", [1e-7, 1.0, 1e12])
def test_reward_units_do_not_change_what_is_learned(unit):
    small, large = make(), make()
    large.set_reward_statistics(100.0 * unit, 50.0 * unit)
    batch = make_batch()
    scaled = batch | {"reward": unit * (100 + 50 * batch["reward"])}
    torch.testing.assert_close(loss(small, batch)[0], loss(large, scaled)[0])
    hidden = torch.randn(5, 16)
    torch.testing.assert_close(
        large.predict(hidden).reward / unit, 100 + 50 * small.predict(hidden).reward
    )


def test_reward_statistics_are_stored_with_the_weights():
    trained, fresh = make(), make()
    trained.set_reward_statistics(1.5, 4.0)
    fresh.load_state_dict(trained.state_dict())
    assert fresh.reward_mean.item() == 1.5
    assert fresh.reward_std.item() == 4.0


def test_a_constant_reward_is_predicted_exactly_at_zero_error():
    model = make()
    model.set_reward_statistics(1.0, 1e-8)  # what is left of 0 in float32
    with torch.no_grad():
        for parameter in model.sequence.heads["reward"].parameters():
            parameter.zero_()
    batch = make_batch() | {"reward": torch.ones(3, 9)}
    assert loss(model, batch)[1]["reward_mse"].item() == 0
    assert torch.equal(model.predict(torch.randn(5, 16)).reward, torch.ones(5))


@pytest.mark.parametrize("factorization", ["per_dim", "joint"])
def test_training_learns_a_predictable_sequence(factorization):
    model = make(factorization=factorization, z_dim=2, action_dim=1, hidden=32)
    phase = torch.arange(31)[None] * 0.5 + torch.arange(8)[:, None]
    batch = {
        "mu": torch.stack([phase.sin(), phase.cos()], -1),
        "logvar": torch.full((8, 31, 2), -4.0),
        "action": torch.zeros(8, 30, 1),
        "reward": phase[:, 1:].sin(),
        "end": (phase[:, 1:].sin() > 0.9).float(),
        "mask": torch.ones(8, 30),
    }
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    first = {name: value.item() for name, value in model.loss(batch)[1].items()}
    for _ in range(150):
        total, logs = model.loss(batch)
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
    assert logs["z_nats_per_dim"] < first["z_nats_per_dim"] - 0.8
    assert logs["reward_mse"] < 0.2 * first["reward_mse"]
    assert logs["end_accuracy"] > 0.9


@pytest.mark.parametrize(
    ("key", "value"),
    [("hidden", 0), ("components", 0), ("factorization", "full"), ("log_sigma_min", 0.0),
     ("log_sigma_max", -1.0), ("z_weight", -1.0), ("reward_weight", math.nan),
     ("end_weight", -0.1), ("end_positive_weight", 0.0)],
)  # fmt: skip
def test_a_bad_number_is_named(key, value):
    with pytest.raises(ValueError, match=f"mdnrnn.{key}"):
        replace(CONFIG, **{key: value})


def test_the_restart_input_is_seen_at_the_first_step_only():
    model, batch = make(restart_input=True).eval(), make_batch()
    state = model.initial_state(3)
    assert [part.shape for part in state] == [(3, 16), (3, 16), (3, 1)]
    z, action = batch["mu"], batch["action"]
    for t in range(3):
        state = model.advance(z[:, t], action[:, t], state)
        assert (state[2] == 0).all()
    inputs = torch.cat([z[:, :3], action[:, :3], batch["start"][:, :3, None]], -1)
    torch.testing.assert_close(state[0], model.sequence(inputs)[0][:, -1])
    without = torch.cat([z[:, :3], action[:, :3], torch.zeros(3, 3, 1)], -1)
    assert not torch.allclose(state[0], model.sequence(without)[0][:, -1])


def test_coverage_is_that_of_the_next_z():
    """Of an M whose sigma is half of what it should be: 26 and 59 % lie in the middle 50 and 90."""
    model = make()
    model.eval()
    with torch.no_grad():
        for weight in model.sequence.heads["z"].parameters():
            weight.zero_()
        z, k = model.z_dim, model.config.components
        half = raw_for(BoundedLogSigma(-7.0, 3.0), torch.tensor(0.5).log())
        model.sequence.heads["z"].linear.bias[2 * z * k :] = half
    g = torch.Generator().manual_seed(0)
    batch = {
        "mu": torch.randn(64, 41, z, generator=g),
        "logvar": torch.full((64, 41, z), -30.0),
        "action": torch.zeros(64, 40, model.action_dim),
        "reward": torch.zeros(64, 40),
        "end": torch.zeros(64, 40),
        "mask": torch.ones(64, 40),
    }
    logs = model.loss(batch)[1]
    expected = [math.erf(0.67449 / 2 / math.sqrt(2)), math.erf(1.64485 / 2 / math.sqrt(2))]
    found = [logs[f"z_coverage_{percent}"].item() for percent in (50, 90)]
    assert found == pytest.approx(expected, abs=0.01)
    model.train()
    assert not [name for name in model.loss(batch)[1] if "coverage" in name]
