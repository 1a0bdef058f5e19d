"""Real rollouts: batches equal single rollouts, backends agree, the early cut is for training."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from worldmodel.agent.agent import Agent
from worldmodel.envs.make import make_spec
from worldmodel.envs.vector import GymVector
from worldmodel.rollout.actor import Candidates
from worldmodel.rollout.play import play
from worldmodel.rollout.real import BackendConfig, RealConfig, RealWorld, build_agent

SEEDS = [11, 12]


def params(small, count, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(0, 0.5, (count, small.controller.n_params)).astype(np.float32)


def world(small, workers, cut=None):
    return RealWorld(small.player, BackendConfig("gymnasium", 1, workers, 4), cut)


def test_precision_is_chosen_by_what_the_processor_has(monkeypatch):
    for there, chosen in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr("worldmodel.rollout.real.multiplies_bf16", lambda there=there: there)
        assert BackendConfig("fast", 1, 0, 4, "auto").chosen_precision == chosen
    assert BackendConfig("fast", 1, 0, 4, "bf16").chosen_precision == "bf16"
    with pytest.raises(ValueError, match=r"backend\.precision is 'half': use auto, fp32 or bf16"):
        BackendConfig("fast", 1, 0, 4, "half")


def test_a_player_encodes_in_its_precision(small):
    frames = torch.randint(0, 256, (3, 64, 64, 3), dtype=torch.uint8)
    expected = small.vae.encode(frames)[0]
    for precision in ("bf16", "fp32"):
        mu, _ = build_agent(replace(small.player, precision=precision)).vae.encode(frames)
        assert torch.equal(mu, expected) == (precision == "fp32")
        assert torch.allclose(mu, expected, atol=0.02)


def test_one_rollout_by_hand(small):
    """The agent's arithmetic, written out: V, C on (z, h), then M on (z, a)."""
    env = GymVector(small.env, small.spec)
    one = params(small, 1)
    with torch.inference_mode():
        obs = env.reset([3])
        state, total = small.mdnrnn.initial_state(1), 0.0
        for steps in range(1, 100):  # noqa: B007
            z, _ = small.vae.encode(torch.from_numpy(obs))
            x = torch.cat([z, state[0]], 1)[0].numpy()
            weight, bias = one[0, :-2].reshape(2, 12), one[0, -2:]
            action = np.eye(2, dtype=np.float32)[(weight @ x + bias).argmax()][None]
            state = small.mdnrnn.advance(z, torch.from_numpy(action), state)
            obs, reward, terminated, truncated = env.step(action, np.array([0]))
            total += reward[0]
            if terminated[0] or truncated[0]:
                break
    returns, lengths, finished = play(Candidates(small.agent(), one), env, [3])
    assert returns[0] == total
    assert lengths[0] == steps
    assert terminated[0]
    assert not finished[0], "a pole that fell has finished nothing"


@pytest.mark.parametrize(
    ("rule", "counts"), [(None, False), ("terminated", True), ("rewarded", False)]
)
def test_what_counts_as_finished_is_the_environments_to_say(small, rule, counts):
    # With Sutton and Barto's reward, the fall costs 1: it is no reward.
    config = replace(small.env, finished=rule, kwargs={"sutton_barto_reward": True})
    env = GymVector(config, make_spec(config))
    outcome = play(Candidates(small.agent(), params(small, 2)), env, [3, 3])
    assert (outcome.lengths < small.spec.max_episode_steps).all(), "both fall"
    assert outcome.finished.tolist() == [counts, counts]
    paid = replace(config, kwargs={})
    env = GymVector(paid, make_spec(paid))
    outcome = play(Candidates(small.agent(), params(small, 2)), env, [3, 3])
    assert outcome.finished.tolist() == [rule is not None] * 2


def test_a_batch_is_its_rollouts(small):
    agent, env, many = small.agent(), GymVector(small.env, small.spec), params(small, 3)
    returns, lengths, _ = play(Candidates(agent, many), env, SEEDS * 3)
    assert returns.shape == lengths.shape == (6,)
    assert len(np.unique(lengths)) > 1, "rollouts of different length make this test mean something"
    for p in range(3):
        for r, seed in enumerate(SEEDS):
            alone = play(Candidates(agent, many[p : p + 1]), env, [seed])
            assert alone.returns[0] == returns[2 * p + r]


def test_draws_of_z_follow_from_the_seed_alone(small):
    config = replace(small.controller.config, sample_z=True)
    agent = Agent(small.vae, small.mdnrnn, replace(small.policy, config=config))
    env = GymVector(small.env, small.spec)
    many = params(small, 3)
    many[2] = many[0]
    returns, lengths, _ = play(Candidates(agent, many), env, SEEDS * 3)
    np.testing.assert_array_equal(returns[:2], returns[4:])
    assert len(np.unique(lengths)) > 1
    for r, seed in enumerate(SEEDS):
        alone = Candidates(agent, many[1:2])
        assert play(alone, env, [seed]).returns[0] == returns[2 + r]
        assert alone._playing._noise.std() > 0.5


@pytest.mark.slow
def test_serial_and_process_agree(small):
    many = params(small, 5)
    serial, process = world(small, 0), world(small, 2)
    one = serial.evaluate(many, SEEDS, generation=None)
    two = process.evaluate(many, SEEDS, generation=None)
    process.close()
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])


@pytest.mark.slow
def test_groups_at_once_are_groups_one_by_one(small):
    real = world(small, 2)
    many = params(small, 7)
    groups = [(many[:3], [11, 12]), (many[3:6], [13, 14]), (many[6:], [15, 16])]
    together = real.evaluate_groups(groups, generation=0)
    for group, (returns, lengths) in zip(groups, together, strict=True):
        alone = real.evaluate(*group, generation=0)
        np.testing.assert_array_equal(returns, alone[0])
        np.testing.assert_array_equal(lengths, alone[1])
    real.close()


@pytest.mark.parametrize(
    ("cut", "pays"),
    [(RealConfig(None, 4, 0.0), True), (RealConfig(4, None, 0.0), False)],
    ids=["max_steps", "no_reward_steps"],
)
def test_cuts_hold_in_training_only(small, cut, pays):
    # With Sutton and Barto's reward, CartPole pays nothing but -1 for the fall.
    env = replace(small.env, kwargs={"sutton_barto_reward": not pays})
    player = replace(small.player, env=env)
    real = RealWorld(player, BackendConfig("gymnasium", 1, 0, 4), cut)
    many = params(small, 2)
    assert (real.evaluate(many, SEEDS, generation=0)[1] == 4).all()
    assert (real.evaluate(many, SEEDS, generation=None)[1] > 4).all()


def test_what_pays_is_not_cut_for_want_of_reward(small):
    many = params(small, 2)
    cut, whole = (
        world(small, 0, RealConfig(1, None, 0.0)).evaluate(many, SEEDS, generation=generation)[1]
        for generation in (0, None)
    )
    np.testing.assert_array_equal(cut, whole)


def test_the_step_cap_grows_with_the_generations(small):
    real = world(small, 0, RealConfig(None, 4, 2.5))
    many = params(small, 2)
    assert real.evaluate(many, SEEDS, generation=0)[1].max() == 4
    assert real.evaluate(many, SEEDS, generation=2)[1].max() == 9


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("no_reward_steps", (0, None, 0.0)),
        ("max_steps", (None, 0, 0.0)),
        ("max_steps_growth", (1, 1, -1.0)),
    ],
)
def test_bad_cuts_name_the_key(key, values):
    with pytest.raises(ValueError, match=key):
        RealConfig(*values)


def test_sampled_z_is_reproducible_and_differs_from_the_mean(small):
    config = replace(small.controller.config, sample_z=True)
    agent = Agent(small.vae, small.mdnrnn, replace(small.policy, config=config))
    obs = GymVector(small.env, small.spec).reset([1, 2])
    ids, many = np.arange(2), params(small, 1)
    seen = []
    for seed in (0, 0, 1):
        playing = agent.rollouts(many, 2, [seed, seed + 10])
        playing.act(obs, ids)
        seen.append(playing._features.clone())
    assert torch.equal(seen[0], seen[1])
    assert not torch.equal(seen[0], seen[2])
