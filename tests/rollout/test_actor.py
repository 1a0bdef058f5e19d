"""Who plays: no reset rows in what is recorded, and an explorer that takes over now and then."""

from itertools import islice

import numpy as np
import pytest
import torch

from worldmodel.envs.vector import GymVector
from worldmodel.rollout.actor import Candidates, Explore, MixedActor
from worldmodel.rollout.play import Limits, play
from worldmodel.rollout.recording import EpisodeRecording


def recorded(small, actor, seeds, steps=30):
    recording, env = EpisodeRecording(small.spec, steps), GymVector(small.env, small.spec)
    play(actor, env, seeds, Limits(max_steps=steps), recording)
    return recording.episodes(seeds)


def test_every_transition_once_and_no_reset_row(small):
    seeds = [4, 5, 6]
    explore = Explore(small.env.explorer, small.spec, 30)
    episodes = recorded(small, explore, seeds)
    assert len({len(episode) for episode in episodes}) > 1
    for row, (seed, episode) in enumerate(zip(seeds, episodes, strict=True)):
        env = GymVector(small.env, small.spec)
        obs = env.reset([seed])
        assert episode.seed == seed
        np.testing.assert_array_equal(episode.obs[0], obs[0])
        for t in range(len(episode)):
            planned = explore.planned(row, t)[None]
            obs, reward, terminated, truncated = env.step(planned, np.array([0]))
            np.testing.assert_array_equal(episode.obs[t + 1], obs[0])
            assert episode.reward[t] == reward[0]
            assert episode.terminated[t] == terminated[0]
            assert episode.truncated[t] == truncated[0]
        assert episode.terminated[-1] or episode.truncated[-1]
        assert not episode.terminated[:-1].any()


def test_a_limit_that_comes_first_truncates(small):
    (episode,) = recorded(small, Explore(small.env.explorer, small.spec, 3), [4], steps=3)
    assert len(episode) == 3
    assert episode.truncated.tolist() == [False, False, True]


def mixed(small, share, noise=0.0):
    params = np.random.default_rng(0).normal(0, 1, len(small.policy.params))
    explore = Explore(small.env.explorer, small.spec, 30)
    return MixedActor(small.agent(params), explore, noise, share, 3.0)


def driven(small, share, seeds=(4, 5, 6), noise=0.0):
    """Episodes of an agent from which the explorer takes over, and who played them."""
    actor = mixed(small, share, noise)
    return recorded(small, actor, seeds), actor


def turns_of(actor, seeds, steps):
    return np.array([list(islice(actor._draw_turns(seed), steps)) for seed in seeds])


def test_without_the_explorer_the_agent_plays_as_it_does_elsewhere(small):
    episodes, actor = driven(small, 0.0)
    agent = actor._agent
    candidates = Candidates(agent, agent.policy.params[None])
    returns, *_ = play(candidates, GymVector(small.env, small.spec), [4, 5, 6])
    for episode, expected in zip(episodes, returns, strict=True):
        assert episode.reward.sum() == expected


def test_the_explorer_takes_over_and_m_sees_what_was_done(small):
    episodes, actor = driven(small, 1.0)
    turns = turns_of(actor, (4, 5, 6), 30)
    assert turns.any()
    assert not turns.all()
    for row, episode in enumerate(episodes):
        for t in np.flatnonzero(turns[row, : len(episode)]):
            np.testing.assert_array_equal(episode.action[t], actor._explore.planned(row, t))
    # M was fed what was done: by hand, with the first episode's own actions.
    episode, state = episodes[0], small.mdnrnn.initial_state(1)
    weights = torch.from_numpy(actor._agent.policy.params)
    with torch.inference_mode():
        for obs, action, turn in zip(episode.obs, episode.action, turns[0], strict=False):
            z, _ = small.vae.encode(torch.from_numpy(obs[None]))
            x = torch.cat([z, state[0]], 1)
            mine = (x @ weights[:-2].view(2, 12).T + weights[-2:]).argmax()
            assert turn or action.argmax() == mine
            state = small.mdnrnn.advance(z, torch.from_numpy(action[None]), state)


def test_noise_makes_every_episode_another_agents(small):
    still, _ = driven(small, 0.0)
    noisy, _ = driven(small, 0.0, noise=2.0)
    changed = [
        not np.array_equal(one.action, other.action)
        for one, other in zip(still, noisy, strict=True)
    ]
    assert sum(changed) >= 2
    (alone,), _ = driven(small, 0.0, seeds=(5,), noise=2.0)
    np.testing.assert_array_equal(alone.action, noisy[1].action)
    many = MixedActor(small.agent(), Explore(small.env.explorer, small.spec, 30), 0.3, 0.0, 1.0)
    spreads = [many._vary(seed).std() for seed in range(200)]
    assert np.mean(spreads) == pytest.approx(0.15, abs=0.02)  # uniform from 0 to 0.3
    assert max(spreads) < 0.5


def test_turns_have_the_share_and_the_length_that_were_asked_for(small):
    explore = Explore(small.env.explorer, small.spec, 20_000)
    actor = MixedActor(small.agent(), explore, 0.0, 0.5, 8.0)
    turns = turns_of(actor, range(40), 20_000)
    assert turns.mean() == pytest.approx(0.25, abs=0.05)  # uniform from 0 to 0.5
    starts = (np.diff(turns.astype(int), axis=1) == 1).sum()
    assert turns.sum() / starts == pytest.approx(8, rel=0.05)


def test_memory_follows_what_is_played_not_the_limit(small):
    """With a limit of 10⁹ steps a plan, or a record, of all of them would not fit."""
    seeds, steps = [4, 5, 6], 10**9
    explore = Explore(small.env.explorer, small.spec, steps)
    actor = MixedActor(small.agent(), explore, 0.0, 0.5, 8.0)
    shorter = Explore(small.env.explorer, small.spec, 30)
    twice = (explore, shorter), (actor, MixedActor(small.agent(), shorter, 0.0, 0.5, 8.0))
    for who, other in twice:
        recording = EpisodeRecording(small.spec, steps)
        play(who, GymVector(small.env, small.spec), seeds, Limits(max_steps=30), recording)
        for long, short in zip(
            recording.episodes(seeds), recorded(small, other, seeds), strict=True
        ):
            np.testing.assert_array_equal(long.action, short.action)
            np.testing.assert_array_equal(long.obs, short.obs)


def test_a_plan_goes_on_beyond_its_first_block(small, monkeypatch):
    monkeypatch.setattr("worldmodel.rollout.actor.BLOCK", 4)
    explore = Explore(small.env.explorer, small.spec, 30)
    episodes = recorded(small, explore, [4, 5, 6])
    assert max(map(len, episodes)) > 8
    for row, episode in enumerate(episodes):
        taken = [explore.planned(row, t) for t in range(len(episode))]
        np.testing.assert_array_equal(episode.action, taken)
    first = [explore.planned(0, t).argmax() for t in range(16)]
    assert first[:4] != first[4:8] or first[8:12] != first[12:]
