import numpy as np
import pytest
import torch
from page_engines import CAR, KEYS, RNN, STARTS, STEPS, Shades, Z, engine, models, places, reel

from worldmodel.envs.make import make_env
from worldmodel.models.pictures import decode
from worldmodel.page.engine import Engine

BEGIN = {"type": "begin", "start": 1, "seed": 7}
JOINT = {"factorization": "joint"}


def dream(page: Engine, steps: int, **asked):
    """The moments of a dream from its beginning on."""
    begun = page.answer(BEGIN)
    return [begun, *(page.answer({"type": "step", **asked}) for _ in range(steps))]


def zs(moments):
    return np.array([moment["z"] for moment in moments])


def opaque(frames):
    return np.concatenate([frames, np.full((*frames.shape[:-1], 1), 255, np.uint8)], -1)


def test_about_is_filled_in():
    about = engine(make_env=Shades).answer({"type": "open"})["about"]
    assert about["name"] == "small"
    assert (about["starts"], about["reel"], about["real"]) == (STARTS, STEPS, True)
    assert about["engine"] == "server"
    bare = engine(with_reel=False).answer({"type": "open"})["about"]
    assert (bare["reel"], bare["real"]) == (0, False)


def test_starts_are_what_v_decodes():
    frames = engine().answer({"type": "starts"})["frames"]
    np.testing.assert_array_equal(frames, opaque(decode(models()[0], places().z)))


def test_a_dream_begins_at_its_place():
    begun = engine().answer(BEGIN)
    assert begun["z"] == places().z[1].tolist()
    np.testing.assert_array_equal(begun["frame"], opaque(decode(models()[0], places().z[1:2]))[0])
    assert begun["action"] is None
    assert len(begun["agent_action"]) == 2
    assert (begun["step"], begun["score"], begun["reward"], begun["over"]) == (0, 0, 0, None)
    assert begun["mixture"] is begun["end_chance"] is None


def test_the_same_seed_gives_the_same_dream():
    page = engine()
    first, again = zs(dream(page, 4)), zs(dream(page, 4))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first, zs(dream(engine(), 4)))
    page.answer(BEGIN | {"seed": 8})
    other = page.answer({"type": "step"})
    assert not np.array_equal(other["z"], first[1])


def test_how_a_dream_may_end_does_not_change_its_draws():
    kept = [zs(dream(engine(dream={"end_threshold": 1.0}), 3, end=end))
            for end in ("never", "threshold")]  # fmt: skip
    np.testing.assert_array_equal(*kept)


@pytest.mark.parametrize("changes", [{}, JOINT, {"restart_input": True}])
@pytest.mark.parametrize("start", [0, 1])
@torch.inference_mode()
def test_temperature_0_is_the_mode_of_what_m_expects(changes, start):
    page = engine(**changes)
    _, mdnrnn, policy = models(**changes)
    begun = page.answer(BEGIN | {"start": start})
    z, state = places().z[[start]], places().state(mdnrnn, torch.tensor([start]))
    would_do = begun["agent_action"]
    for _ in range(3):
        moment = page.answer({"type": "step", "temperature": 0})
        features = torch.cat([z, state[0]], -1)
        own = policy.controller().act(torch.tensor(policy.params)[None], features[None])[0]
        assert would_do == moment["action"] == own[0].tolist()
        would_do = moment["agent_action"]
        state = mdnrnn.advance(z, own, state)
        expected = mdnrnn.predict(state[0])
        z = expected.z.likeliest_mean
        assert moment["z"] == z[0].tolist()
        assert moment["reward"] == float(expected.reward)
        assert moment["end_chance"] == float(expected.end_chance)
    assert moment["step"] == 3


def test_a_continuous_action_is_mixed():
    own = np.array(engine().answer(BEGIN)["agent_action"])
    for mix in (0, 0.25, 1):
        moment = dream(engine(), 1, action=[0.5, 0.25], mix=mix)[1]
        wanted = (1 - mix) * own + mix * np.array([0.5, 0.25])
        np.testing.assert_allclose(moment["action"], wanted, atol=1e-6)


def test_a_visitors_action_is_cut_to_its_bounds():
    assert dream(engine(), 1, action=[-7, 1e30])[1]["action"] == [-1, 1]


def test_half_of_a_discrete_action_is_the_visitors():
    own = engine(KEYS).answer(BEGIN)["agent_action"]
    assert sorted(own) == [0, 0, 1]
    theirs = [1 - own[0], own[0], 0]
    for mix, done in ((0, own), (0.49, own), (0.5, theirs), (1, theirs)):
        moment = dream(engine(KEYS), 1, action=theirs, mix=mix)[1]
        assert moment["action"] == done


def test_pins_hold_latents():
    pinned = dream(engine(), 2, pins={"1": 1.5, "3": -2}, watch=1)
    free = dream(engine(), 1, watch=1)[1]
    for moment in pinned[1:]:
        assert (moment["z"][1], moment["z"][3]) == (1.5, -2)
    assert pinned[1]["z"][0] == free["z"][0]
    assert pinned[1]["mixture"] == free["mixture"]
    wanted = decode(models()[0], torch.tensor([pinned[2]["z"]]))
    np.testing.assert_array_equal(pinned[2]["frame"], opaque(wanted)[0])


@pytest.mark.parametrize("changes", [{}, JOINT])
def test_the_watched_mixture_is_the_one_that_was_drawn_from(changes):
    for latent in range(Z):
        moment = dream(engine(**changes), 1, temperature=0, watch=latent)[1]
        watched = moment["mixture"]
        assert {len(watched[name]) for name in ("weights", "mu", "sigma")} == {RNN.components}
        assert sum(watched["weights"]) == pytest.approx(1)
        assert min(watched["sigma"]) > 0
        likeliest = int(np.argmax(watched["weights"]))
        assert watched["mu"][likeliest] == watched["draw"] == moment["z"][latent]


def test_a_dream_is_cut_after_its_steps_and_is_then_over():
    page = engine()
    moments = dream(page, 5)
    assert [moment["over"] for moment in moments] == [None] * 5 + ["truncated"]
    assert moments[-1]["score"] == pytest.approx(sum(moment["reward"] for moment in moments))
    assert page.answer({"type": "step"}) == {
        "error": "This dream is over (truncated): begin another."
    }
    assert "frames" in page.answer({"type": "effects", "latents": [0], "by": 1})
    assert page.answer(BEGIN)["over"] is None
    assert page.answer({"type": "step"})["step"] == 1


def test_m_ends_a_dream_where_it_is_asked_to():
    page = engine(dream={"end_threshold": 1e-9})
    assert [dream(page, 1, end=end)[1]["over"] for end in ("threshold", "never")] == [
        "terminated",
        None,
    ]
    assert dream(engine(dream={"end_threshold": 1.0}), 1, end="threshold")[1]["over"] is None


def test_the_end_is_drawn_with_its_true_chance():
    page = engine()
    over, chances = [], []
    for seed in range(120):
        page.answer(BEGIN | {"seed": seed})
        moment = page.answer({"type": "step", "end": "sample"})
        over.append(moment["over"] == "terminated")
        chances.append(moment["end_chance"])
    chance = np.mean(chances)
    assert 0 < chance < 0.5  # as trained it is about a half, of ends that count ten times
    assert abs(np.mean(over) - chance) < 4 * np.sqrt(chance / 120)


def test_without_an_end_head_no_chance_is_told():
    moment = dream(engine(end_head=False), 1, end="sample")[1]
    assert moment["end_chance"] is moment["over"] is None


def test_a_step_reward_counts_env_steps():
    moments = dream(engine(dream={"step_reward": 0.5}, reward_head=False), 3)
    assert [moment["reward"] for moment in moments[1:]] == [0.5 * CAR.frame_skip] * 3
    assert moments[-1]["score"] == 1.5 * CAR.frame_skip
    assert dream(engine(reward_head=False), 1)[1]["reward"] == 0


def test_effects_move_one_latent_at_a_time():
    page = engine()
    z = page.answer(BEGIN)["z"]
    frames = page.answer({"type": "effects", "latents": [2, 0], "by": 2.5})["frames"]
    moved = torch.tensor([z] * 4)
    moved[0, 2], moved[1, 2], moved[2, 0], moved[3, 0] = -2.5, 2.5, -2.5, 2.5
    np.testing.assert_array_equal(frames, opaque(decode(models()[0], moved)))


def test_futures_leave_the_dream_as_it_is():
    asked = {"type": "futures", "actions": [[0, 0], [1, 1]], "draws": 3, "steps": 2, "seed": 5}
    page = engine()
    page.answer(BEGIN)
    frames = page.answer(asked)["frames"]
    assert frames.shape == (2 * 3 * 2, 64, 64, 4)
    np.testing.assert_array_equal(page.answer(asked)["frames"], frames)
    assert not np.array_equal(page.answer(asked | {"seed": 6})["frames"], frames)
    alone = page.answer(asked | {"actions": [[1, 1]]})["frames"]
    np.testing.assert_array_equal(alone, frames[6:])  # an action's future is not the others' affair
    assert page.answer({"type": "step"})["z"] == dream(engine(), 1)[1]["z"]


def test_a_future_is_what_the_dream_becomes():
    page = engine()
    page.answer(BEGIN)
    asked = {"type": "futures", "actions": [[0, 9]], "draws": 2, "steps": 3, "temperature": 0}
    frames = page.answer(asked)["frames"]
    moments = [page.answer({"type": "step", "action": [0, 9], "temperature": 0}) for _ in range(3)]
    for draw in (frames[:3], frames[3:]):
        wanted = np.array([moment["frame"] for moment in moments])
        assert np.abs(draw.astype(int) - wanted).max() <= 1  # a batch rounds otherwise


@pytest.mark.parametrize("kind", [{"type": "step"}, {"type": "effects", "latents": [0], "by": 1},
                                  {"type": "futures", "actions": [[0, 0]], "draws": 1,
                                   "steps": 1}])  # fmt: skip
def test_a_dream_has_to_begin_first(kind):
    assert engine().answer(kind) == {"error": "No dream has begun: send begin first."}


def follow(page: Engine, at: int, **asked):
    return page.answer({"type": "follow", "at": at, **asked})


@pytest.mark.parametrize("changes", [{}, JOINT, {"restart_input": True}])
@torch.inference_mode()
def test_surprise_is_that_of_an_m_that_saw_all_that_is_real(changes):
    page, film = engine(**changes), reel()
    _, mdnrnn, _ = models(**changes)
    first = follow(page, 0)
    assert first["surprise"] is first["surprises"] is None
    assert (first["at"], first["action"], first["reward"]) == (0, [0, 0], 0)
    mu, action, state = torch.tensor(film.mu), torch.tensor(film.action), mdnrnn.initial_state(1)
    for at in range(1, STEPS + 1):
        answer = follow(page, at)
        state = mdnrnn.advance(mu[at - 1 : at], action[at - 1 : at], state)
        expected = mdnrnn.predict(state[0]).z
        nats = -float(expected.log_prob(mu[at : at + 1])) / Z
        assert answer["surprise"] == pytest.approx(nats, rel=1e-4)
        if changes == JOINT:
            assert answer["surprises"] is None
        else:
            assert np.mean(answer["surprises"]) == pytest.approx(nats, rel=1e-4)
        assert answer["action"] == film.action[at - 1].tolist()
        assert answer["reward"] == film.reward[at - 1]
        np.testing.assert_array_equal(answer["frames"][0], opaque(film.frames[at]))


@torch.inference_mode()
def test_a_synced_dream_begins_again_from_what_is_real():
    vae, mdnrnn, _ = models()
    film = reel()
    mu, action, state = torch.tensor(film.mu), torch.tensor(film.action), mdnrnn.initial_state(1)
    page, free = engine(), engine()
    at_first = follow(page, 0, temperature=0, sync=1)["frames"]
    np.testing.assert_array_equal(at_first[1], at_first[2])
    for at in range(1, STEPS + 1):
        frames = follow(page, at, temperature=0, sync=1)["frames"]
        state = mdnrnn.advance(mu[at - 1 : at], action[at - 1 : at], state)
        foreseen = mdnrnn.predict(state[0]).z.likeliest_mean
        wanted = opaque(decode(vae, torch.cat([mu[at : at + 1], foreseen])))
        np.testing.assert_array_equal(frames[1:], wanted)
        if at > 1:
            assert not np.array_equal(follow(free, at, temperature=0)["frames"][2], frames[2])


def test_following_is_the_same_step_by_step_and_at_once():
    page = engine()
    slow = [follow(page, at, seed=3, sync=2) for at in range(STEPS + 1)]
    for at in (STEPS, 2, 2, 0, 4):
        answer, wanted = follow(page, at, seed=3, sync=2), slow[at]
        np.testing.assert_array_equal(answer.pop("frames"), wanted["frames"])
        assert answer == {name: wanted[name] for name in answer}
    other = follow(engine(), STEPS, seed=4, sync=2)
    assert not np.array_equal(other["frames"][2], slow[STEPS]["frames"][2])


def test_the_real_environment_is_played_and_freed():
    env = Shades()
    page = engine(make_env=lambda: env)
    assert page.answer({"type": "real"}) == {
        "error": "No episode has begun: send real with a seed first."
    }
    begun = page.answer({"type": "real", "seed": 3})
    wanted = Shades().reset(seed=3)[0]
    np.testing.assert_array_equal(begun["frame"], opaque(wanted))
    assert begun["reconstruction"].shape == (64, 64, 4)
    own = begun["agent_action"]
    moment = page.answer({"type": "real"})
    np.testing.assert_array_equal(env.done[0], np.array(own, np.float32))
    assert moment["reward"] == pytest.approx(sum(own), rel=1e-5)
    assert 0 < moment["end_chance"] < 1
    moments = [page.answer({"type": "real", "action": [1, 1]}) for _ in range(2)]
    assert [moment["over"] for moment in moments] == [None, "terminated"]
    assert moments[1]["score"] == pytest.approx(4 + sum(own), rel=1e-5)
    assert page.answer({"type": "real"}) == {
        "error": "This episode is over (terminated): begin another."
    }
    again = page.answer({"type": "real", "seed": 3})
    np.testing.assert_array_equal(again["frame"], begun["frame"])
    page.close()
    assert env.closed
    page.close()


def test_c_sees_in_the_real_environment_what_it_sees_anywhere(small):
    """With the real thing, frames, actions and all, C acts as an agent does."""
    params = np.random.default_rng(0).standard_normal(small.policy.params.shape)
    agent = small.agent(params.astype(np.float32))
    about = {"dream": {"temperature": 1, "end": "never", "end_threshold": 0.5, "max_steps": 5,
                       "step_reward": None}}  # fmt: skip
    page = Engine(small.vae, small.mdnrnn, agent.policy, places(), None, about,
                  lambda: make_env(small.env))  # fmt: skip
    env = make_env(small.env)
    try:
        moment, (obs, _) = page.answer({"type": "real", "seed": 1}), env.reset(seed=1)
        agent.reset()
        for _ in range(4):
            np.testing.assert_array_equal(moment["frame"], opaque(obs))
            action = agent.act(obs)
            obs = env.step(action)[0]
            moment = page.answer({"type": "real"})
            assert int(np.argmax(moment["action"])) == action
    finally:
        env.close()
        page.close()


def test_a_bad_message_is_answered_by_a_sentence_and_harms_nothing():
    page = engine()
    page.answer(BEGIN)
    for bad in (None, {"type": "begin", "start": STARTS}, {"type": "step", "watch": Z},
                {"type": "real"}, {"type": "step", "temperature": float("nan")}):  # fmt: skip
        assert list(page.answer(bad)) == ["error"]
    assert page.answer({"type": "step"})["z"] == dream(engine(), 1)[1]["z"]
