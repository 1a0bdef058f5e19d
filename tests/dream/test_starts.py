"""Where dreams begin: M follows what came before, and nothing of another episode."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from worldmodel.data.episodes import EpisodeStore
from worldmodel.data.latents import LatentStore, LatentWriter
from worldmodel.dream.dynamics import DreamConfig, Dynamics
from worldmodel.dream.starts import Starts
from worldmodel.dream.world import DreamWorld
from worldmodel.types import Episode

LENGTHS = (5, 3)


@pytest.fixture(scope="module")
def store(small, tmp_path_factory) -> LatentStore:
    folder: Path = tmp_path_factory.mktemp("starts")
    episodes = EpisodeStore.create(folder / "episodes", {"spec": small.spec.to_dict()}, 1)
    rng = np.random.default_rng(0)
    for index, steps in enumerate(LENGTHS):
        frames = np.zeros((steps + 1, *small.spec.obs_shape), np.uint8)
        action = rng.standard_normal((steps, small.spec.action_dim)).astype(np.float32)
        no = np.zeros(steps, bool)
        episode = Episode(frames, action, np.zeros(steps, np.float32), no, no, index)
        episodes.write(index, episode)
    with LatentWriter(folder / "latents", episodes, 4) as writer:
        for index, steps in enumerate(LENGTHS):
            mu = rng.standard_normal((steps + 1, 4)).astype(np.float32)
            writer.append(index, mu, np.full_like(mu, -2), episodes.read(index))
    return LatentStore.open(folder / "latents")


def test_there_is_a_place_for_every_step(store):
    starts = Starts.anywhere(store, 2, 0.0)
    assert len(starts) == sum(LENGTHS)
    assert starts.at.tolist() == [0, 1, 2, 3, 4, 6, 7, 8], "frames 5 and 9 are ends"
    assert starts.since.tolist() == [0, 0, 0, 1, 2, 6, 6, 6]


def test_first_frames_come_as_often_as_asked_for(store):
    starts = Starts.anywhere(store, 2, 0.5)
    assert sorted(starts.at.tolist()) == [0] * 5 + [1, 2, 3, 4] + [6] * 5 + [7, 8]
    assert (starts.since <= starts.at).all()


@pytest.mark.parametrize(("row", "episode", "t"), [(0, 0, 0), (1, 0, 1), (4, 0, 4), (7, 1, 2)])
def test_state_is_that_of_m_after_it_watched(small, store, row, episode, t):
    burn_in = 3
    starts = Starts.anywhere(store, burn_in, 0.0)
    # Two at once, so that M has followed one of them for longer than the other.
    rows = torch.tensor([row, 0])
    with torch.inference_mode():
        found = starts.state(small.mdnrnn, rows)
        z = starts.z(rows, torch.zeros(2, 4))[0]
        state, there = small.mdnrnn.initial_state(1), store.episode(episode)
        for k in range(max(0, t - burn_in), t):
            mu, action = (torch.tensor(part[k : k + 1]) for part in (there.mu, there.action))
            state = small.mdnrnn.advance(mu, action, state)
    np.testing.assert_array_equal(z, there.mu[t])
    for part, expected in zip(found, state, strict=True):
        np.testing.assert_allclose(part[:1], expected, atol=1e-6)


def test_only_an_episodes_first_frame_is_told_to_m_as_such(small, store):
    torch.manual_seed(0)
    config = replace(small.mdnrnn.config, restart_input=True)
    mdnrnn = type(small.mdnrnn)(config, 4, small.spec.action_dim).eval()
    rows = torch.tensor([0, 1, 3, 5])  # at frames 0, 1, 3 of the first episode, 0 of the second
    assert Starts.anywhere(store, 0, 0.0).state(mdnrnn, rows)[2].flatten().tolist() == [1, 0, 0, 1]
    with torch.inference_mode():
        found = Starts.anywhere(store, 1, 0.0).state(mdnrnn, rows)
        there = store.episode(0)
        mu, action = (torch.tensor(part[2:3]) for part in (there.mu, there.action))
        hidden, cell, flag = mdnrnn.initial_state(1)
        inside = mdnrnn.advance(mu, action, (hidden, cell, 0 * flag))
        wrong = mdnrnn.advance(mu, action, (hidden, cell, flag))
    np.testing.assert_allclose(found[0][2:3], inside[0], atol=1e-6)
    assert not np.allclose(found[0][2:3], wrong[0], atol=1e-4)
    assert found[2].flatten().tolist() == [1, 0, 0, 1]


def test_first_frames_start_from_nothing(small):
    mu = torch.arange(12.0).view(3, 4)
    starts = Starts.first_frames(mu, torch.zeros(3, 4))
    rows = torch.tensor([2, 0])
    assert torch.equal(starts.z(rows, torch.ones(2, 4)), mu[rows] + 1)
    assert all((part == 0).all() for part in starts.state(small.mdnrnn, rows)[:2])


def test_an_ensemble_watches_with_its_own_m(small, store):
    torch.manual_seed(3)
    other = type(small.mdnrnn)(small.mdnrnn.config, 4, small.spec.action_dim).eval()
    config = DreamConfig(1.0, "threshold", 1.0, 4, 3, 0.0, None, 0.0, "fp32")
    starts = Starts.anywhere(store, 3, 0.0)
    dynamics = Dynamics(small.mdnrnn, starts, config, 1, "cpu", [small.mdnrnn, other])
    rows, member = torch.tensor([4, 4]), torch.tensor([0, 1])
    with torch.inference_mode():
        begun = dynamics.begin(rows, torch.zeros(2, 4), member)
        mine, others = (starts.state(m, rows) for m in (small.mdnrnn, other))
    for k in range(2):
        np.testing.assert_array_equal(begun.agent_state[k], mine[k])
        np.testing.assert_array_equal(begun.predictor_state[k][0], mine[k][0])
        np.testing.assert_array_equal(begun.predictor_state[k][1], others[k][1])


def test_twins_begin_alike_and_seeds_apart(small, store):
    config = DreamConfig(1.0, "threshold", 1.0, 6, 3, 0.0, None, 0.0, "fp32")
    world = DreamWorld(
        Dynamics(small.mdnrnn, Starts.anywhere(store, 3, 0.0), config, 1, "cpu"), small.controller
    )
    params = np.ones((2, small.controller.n_params), np.float32)
    returns, _ = world.evaluate(params, [1, 2, 3], generation=0)
    np.testing.assert_allclose(returns[0], returns[1], rtol=1e-5)
    assert len(np.unique(returns[0].round(5))) == 3
