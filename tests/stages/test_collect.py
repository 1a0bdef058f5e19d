"""Collected data: no reset rows, whole episodes survive a kill, the rest is made later."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from worldmodel.agent.agent import Agent
from worldmodel.data.episodes import EpisodeStore
from worldmodel.envs.vector import GymVector
from worldmodel.rollout.actor import Explore, MixedActor
from worldmodel.rollout.play import play
from worldmodel.rollout.record import record

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "collect.py"


def test_every_transition_once_and_no_reset_row(small):
    seeds = [4, 5, 6]
    explore = Explore(small.env, small.spec, 30)
    episodes = dict(record(GymVector(small.env, small.spec), explore, seeds))
    plans = explore.plans
    assert len({len(episode) for episode in episodes.values()}) > 1
    for row, seed in enumerate(seeds):
        episode = episodes[row]
        env = GymVector(small.env, small.spec)
        obs = env.reset([seed])
        np.testing.assert_array_equal(episode.obs[0], obs[0])
        for t in range(len(episode)):
            obs, reward, terminated, truncated = env.step(plans[row, t][None], np.array([0]))
            np.testing.assert_array_equal(episode.obs[t + 1], obs[0])
            assert episode.reward[t] == reward[0]
            assert episode.terminated[t] == terminated[0]
            assert episode.truncated[t] == truncated[0]
        assert episode.terminated[-1] or episode.truncated[-1]
        assert not episode.terminated[:-1].any()


def test_a_plan_that_ends_first_truncates(small):
    explore = Explore(small.env, small.spec, 3)
    ((_, episode),) = record(GymVector(small.env, small.spec), explore, [4])
    assert len(episode) == 3
    assert episode.truncated.tolist() == [False, False, True]


def driven(small, share, seeds=(4, 5, 6), noise=0.0):
    """Episodes of an agent from which the explorer takes over, and who played them."""
    agent = Agent(small.vae, small.mdnrnn, small.controller)
    rng = np.random.default_rng(0)
    params = rng.normal(0, 1, small.controller.n_params).astype(np.float32)
    actor = MixedActor(agent, params, Explore(small.env, small.spec, 30), noise, share, 3.0)
    return dict(record(GymVector(small.env, small.spec), actor, seeds)), actor


def test_without_disturbance_the_agent_plays_as_it_does_elsewhere(small):
    episodes, actor = driven(small, 0.0)
    agent = Agent(small.vae, small.mdnrnn, small.controller)
    returns, *_ = play(agent, GymVector(small.env, small.spec), actor._params[None], [4, 5, 6])
    for row in range(3):
        assert episodes[row].reward.sum() == returns[0, row]


def test_the_explorer_takes_over_and_the_agent_is_told(small):
    episodes, actor = driven(small, 1.0)
    assert actor._turns.any()
    assert not actor._turns.all()
    for row, episode in episodes.items():
        turns = actor._turns[row, : len(episode)]
        np.testing.assert_array_equal(
            episode.action[turns], actor._explore.plans[row, : len(episode)][turns]
        )
    # M was fed what was done: by hand, with the first episode's own actions.
    episode, state = episodes[0], small.mdnrnn.initial_state(1)
    with torch.inference_mode():
        for obs, action, turn in zip(episode.obs, episode.action, actor._turns[0], strict=False):
            z, _ = small.vae.encode(torch.from_numpy(obs[None]))
            x = torch.cat([z, state[0]], 1)
            weights = torch.from_numpy(actor._params)
            mine = (x @ weights[:-2].view(2, 12).T + weights[-2:]).argmax()
            assert turn or action.argmax() == mine
            state = small.mdnrnn.advance(z, torch.from_numpy(action[None]), state)


def test_noise_makes_every_episode_another_agents(small):
    still, actor = driven(small, 0.0)
    noisy, _ = driven(small, 0.0, noise=2.0)
    changed = [not np.array_equal(still[row].action, noisy[row].action) for row in still]
    assert sum(changed) >= 2
    alone, _ = driven(small, 0.0, seeds=(5,), noise=2.0)
    np.testing.assert_array_equal(alone[0].action, noisy[1].action)
    explore = Explore(small.env, small.spec, 30)
    zero = np.zeros(small.controller.n_params, np.float32)
    many = MixedActor(actor._agent, zero, explore, 0.3, 0.0, 1.0)
    spreads = [many._vary(seed).std() for seed in range(200)]
    assert np.mean(spreads) == pytest.approx(0.15, abs=0.02)  # uniform from 0 to 0.3
    assert max(spreads) < 0.5


def test_turns_have_the_share_and_the_length_that_were_asked_for(small):
    explore = Explore(small.env, small.spec, 20_000)
    agent = Agent(small.vae, small.mdnrnn, small.controller)
    actor = MixedActor(
        agent, np.zeros(small.controller.n_params, np.float32), explore, 0.0, 0.5, 8.0
    )
    turns = np.stack([actor._draw_turns(seed) for seed in range(40)])
    assert turns.mean() == pytest.approx(0.25, abs=0.05)  # uniform from 0 to 0.5
    starts = (np.diff(turns.astype(int), axis=1) == 1).sum()
    assert turns.sum() / starts == pytest.approx(8, rel=0.05)


def test_killed_in_the_middle_then_completed(stage, tmp_path):
    overrides = ["experiment=tiny", "env=cart_pole", "env.max_episode_steps=200", "collect.envs=1"]
    endless = [*overrides, f"runs={tmp_path / 'runs'}", "collect.episodes=1000000"]
    process = subprocess.Popen([sys.executable, str(SCRIPT), *endless], stdout=subprocess.DEVNULL)
    folder = tmp_path / "runs/tiny/seed0/collect/episodes"
    deadline = time.time() + 60
    while not (folder / "000004").exists() and time.time() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    kept = EpisodeStore.open(folder).indices()
    assert len(kept) > 4
    wanted = len(kept) + 5
    before = {index: EpisodeStore.open(folder).read(index) for index in kept}
    assert stage("collect", *overrides, f"collect.episodes={wanted}").code == 0
    store = EpisodeStore.open(folder)
    assert store.indices() == list(range(wanted))
    for index, episode in before.items():
        np.testing.assert_array_equal(store.read(index).obs, episode.obs)
    seeds = [store.read(index).seed for index in range(wanted)]
    assert len(set(seeds)) == wanted
    assert json.loads((folder.parent / "DONE").read_text())["figures"]["episodes"] == wanted


def test_interrupt_is_one_sentence(tmp_path):
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), f"runs={tmp_path / 'runs'}", "experiment=tiny",
         "env=cart_pole", "collect.episodes=5000"],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    folder = tmp_path / "runs/tiny/seed0/collect/episodes"
    deadline = time.time() + 60
    while not (folder / "000002").exists() and time.time() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.strip() == "interrupted; the same command goes on from the last checkpoint."
    assert EpisodeStore.open(folder).indices()
    assert not (folder.parent / "DONE").exists()


def test_a_resumed_collect_keeps_which_episodes_are_its_own(stages, tmp_path):
    tiny = ["experiment=tiny", "env=cart_pole"]
    other = [*tiny, "name=new", "collect.replay=old", "collect.replay_episodes=2"]
    stages("collect", *tiny, "name=old", "collect.episodes=3")
    stages("collect", *other, "collect.episodes=2")
    folder = tmp_path / "runs/new/seed0/collect/episodes"
    first = EpisodeStore.open(folder)
    kept = {index: first.read(index).seed for index in first.indices()}
    assert first.newest_from == 3
    assert [index for index in kept if index >= 3] == [3, 4]
    assert len(kept) == 4
    # Meanwhile the other run has grown, into the indices that are taken here.
    stages("collect", *tiny, "name=old", "collect.episodes=5")
    stages("collect", *other, "collect.episodes=4")
    again = EpisodeStore.open(folder)
    assert again.newest_from == 3
    assert again.indices() == [*kept, 5, 6]
    assert {index: again.read(index).seed for index in kept} == kept
    assert EpisodeStore.open(tmp_path / "runs/old/seed0/collect/episodes").newest_from == 0


def test_a_store_from_before_newest_from_goes_on(stages, tmp_path):
    tiny = ["experiment=tiny", "env=cart_pole"]
    other = [*tiny, "name=new", "collect.replay=old"]
    stages("collect", *tiny, "name=old", "collect.episodes=3")
    stages("collect", *other, "collect.episodes=1")
    path = tmp_path / "runs/new/seed0/collect/episodes/metadata.json"
    metadata = json.loads(path.read_text())
    del metadata["newest_from"]
    path.write_text(json.dumps(metadata))
    stages("collect", *other, "collect.episodes=2")
    store = EpisodeStore.open(path.parent)
    assert store.indices() == [0, 1, 2, 3, 4]
    assert store.newest_from == 0
