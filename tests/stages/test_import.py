"""Recordings become a finished collect stage, which the stages behind it go on from."""

import json

import cv2
import gymnasium as gym
import numpy as np
import pytest
from catch import Catch

from worldmodel.data.episodes import EpisodeStore

GAME = ["env=gym", "env.id=recorded"]
MINE = [*GAME, "name=mine", "import.source=mine.npz"]
TINY = ["experiment=tiny", "name=mine", "train_mdnrnn.windows.length=5"]


def played(steps, seed):
    """obs (T+1, 64, 64, 3), action, reward, terminated, truncated of the catching game."""
    env, rng = Catch(), np.random.default_rng(seed)
    obs = [env.reset(seed=seed)[0]]
    action = rng.integers(0, 3, steps)
    action[:3] = 0, 1, 2
    rows = []
    for choice in action:
        frame, *row, _ = env.step(choice)
        obs.append(frame)
        rows.append(row)
    reward, terminated, _ = map(np.array, zip(*rows, strict=True))
    return {"obs": np.stack(obs), "action": action, "reward": reward, "terminated": terminated,
            "truncated": np.arange(steps) == steps - 1}  # fmt: skip


def save(path, episodes, last=True, **more):
    """One file of several episodes, with the frames where they end or without them."""
    obs = [episode["obs"] if last else episode["obs"][:-1] for episode in episodes]
    columns = {name: np.concatenate([episode[name] for episode in episodes])
               for name in episodes[0] if name != "obs"}  # fmt: skip
    np.savez_compressed(path, **({"obs": np.concatenate(obs)} | columns | more))


def store(tmp_path, name="mine"):
    return EpisodeStore.open(tmp_path / "runs" / name / "seed0" / "collect" / "episodes")


def assert_same(store, episodes, last=True):
    assert store.indices() == list(range(len(episodes)))
    for index, expected in enumerate(episodes):
        episode = store.read(index)
        obs = expected["obs"] if last else expected["obs"][[*range(len(expected["obs"]) - 1), -2]]
        assert np.array_equal(episode.obs, obs)
        assert np.array_equal(episode.action.argmax(1), expected["action"])
        for name in ("reward", "terminated", "truncated"):
            assert np.array_equal(getattr(episode, name), expected[name])


@pytest.mark.slow
def test_later_stages_go_on_from_an_import(stage, stages, tmp_path):
    episodes = [played(20 + seed, seed) for seed in range(4)]
    save("mine.npz", episodes)
    stages("import", *MINE)
    assert_same(store(tmp_path), episodes)
    done = json.loads((tmp_path / "runs/mine/seed0/collect/DONE").read_text())
    assert done["figures"]["episodes"] == 4
    assert done["figures"]["frames"] == sum(len(episode["obs"]) for episode in episodes)
    stages("train_vae encode train_mdnrnn", *TINY, *GAME)
    outcome = stage("train_controller", *TINY, *GAME, "world=dream")
    assert outcome.code == 1
    assert "env.id=recorded stands for what imported episodes show" in outcome.err
    assert outcome.err.count("\n") == 1


@pytest.mark.slow
def test_of_an_environment_that_can_be_built_all_stages_go_on(stages, tmp_path):
    save("mine.npz", [played(30, seed) for seed in range(4)])
    game = ["env=gym", "env.id=catch:Catch-v0"]
    stages("import", *MINE, *game)
    spec = store(tmp_path).spec
    assert spec.id == "catch:Catch-v0"
    assert (spec.n_actions, spec.frame_skip, spec.max_episode_steps) == (3, 1, 150)
    limit = ["env.max_episode_steps=150"]  # the preset has another
    stages("train_vae encode train_mdnrnn train_controller", *TINY, *game, *limit)


@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("lengths", [True, False])
def test_episodes_are_told_apart_by_their_ends_or_lengths(stages, tmp_path, last, lengths):
    episodes = [played(12, 0), played(7, 1)]
    save("mine.npz", episodes, last, **({"lengths": np.array([12, 7])} if lengths else {}))
    stages("import", *MINE)
    assert_same(store(tmp_path), episodes, last)


def test_a_folder_of_npz_files_is_read_in_the_order_of_their_numbers(stages, tmp_path):
    episodes = [played(5 + seed, seed) for seed in range(11)]
    (tmp_path / "many").mkdir()
    for index, episode in enumerate(episodes):
        np.savez(tmp_path / "many" / f"{index}.npz", **episode)
    stages("import", *GAME, "name=mine", "import.source=many")
    assert_same(store(tmp_path), episodes)


def test_frames_are_cropped_and_scaled_and_numbers_are_bounded_by_the_data(stages, tmp_path):
    rng = np.random.default_rng(0)
    frames = rng.random((7, 90, 120, 3), np.float32)
    action = rng.normal(size=(6, 2))
    np.savez("mine.npz", frames=frames, actions=action)
    stages("import", *MINE, "env.crop_rows=[0,80]", "env.frame_skip=4")
    made = store(tmp_path)
    assert np.allclose(made.spec.action_low, action.min(0))
    assert np.allclose(made.spec.action_high, action.max(0))
    assert made.spec.max_episode_steps == 24
    episode = made.read(0)
    assert episode.obs.shape == (7, 64, 64, 3)
    expected = cv2.resize(np.rint(frames[3, :80] * 255).astype(np.uint8), (64, 64),
                          interpolation=cv2.INTER_AREA)  # fmt: skip
    assert np.array_equal(episode.obs[3], expected)
    assert np.allclose(episode.action, action, atol=1e-6)
    assert not episode.reward.any()
    assert episode.truncated.tolist() == [False] * 5 + [True]


def test_an_import_that_failed_goes_on_or_begins_anew_where_files_were_mended(stage, tmp_path):
    good, bad = played(8, 0), played(9, 1)
    folder = tmp_path / "many"
    folder.mkdir()
    np.savez(folder / "0.npz", **good)
    np.savez(folder / "1.npz", **(bad | {"obs": np.zeros_like(bad["obs"])}))
    call = [*GAME, "name=mine", "import.source=many"]
    for _ in range(2):
        outcome = stage("import", *call)
        assert outcome.code == 1
        assert "1.npz, episode 0 shows one colour" in outcome.err
        assert store(tmp_path).indices() == [0]
    np.savez(folder / "1.npz", **bad)  # of the same size
    assert "2/2 episodes" in stage("import", *call).out
    assert_same(store(tmp_path), [good, bad])
    (tmp_path / "runs/mine/seed0/collect/DONE").unlink()
    episodes = [bad, good, played(3, 2)]
    for index, episode in enumerate(episodes):
        np.savez(folder / f"{index}.npz", **episode)
    assert stage("import", *call).code == 0
    assert_same(store(tmp_path), episodes)


def test_a_second_import_of_the_same_is_done_already_and_of_others_is_refused(stage, stages):
    save("mine.npz", [played(8, 0)])
    save("other.npz", [played(9, 0)])
    stages("import", *MINE)
    assert "done already" in stage("import", *MINE).out
    outcome = stage("import", *GAME, "name=mine", "import.source=other.npz")
    assert outcome.code == 1
    assert "mine.npz" in outcome.err
    assert "another name" in outcome.err


def test_episodes_that_were_played_are_not_mixed_with_imported_ones(stage, stages, finished):
    finished("collect", "env=cart_pole", "experiment=tiny")
    save("mine.npz", [played(8, 0)])
    outcome = stage("import", *GAME, "name=tiny", "import.source=mine.npz")
    assert outcome.code == 1
    assert "in another way" in outcome.err


def film(path, frames):
    height, width = frames.shape[1:3]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (width, height))
    assert writer.isOpened()
    for frame in frames:
        writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    writer.release()


@pytest.mark.parametrize("kind", ["npz", "npy", "csv"])
@pytest.mark.parametrize("last", [True, False])
def test_films_with_actions_beside_them(stages, tmp_path, kind, last):
    folder = tmp_path / "films"
    folder.mkdir()
    episodes = [played(9, 0), played(6, 1)]
    for index, episode in enumerate(episodes):
        path = folder / f"run{index}"
        film(path.with_suffix(".avi"), episode["obs"] if last else episode["obs"][:-1])
        columns = {name: episode[name] for name in ("action", "reward", "terminated")}
        if kind == "npz":
            np.savez(path.with_suffix(".npz"), **columns)
        elif kind == "npy":
            np.save(path.with_suffix(".npy"), columns["action"])
        else:
            rows = zip(*columns.values(), strict=True)
            lines = [",".join(columns), *(",".join(map(str, row)) for row in rows)]
            path.with_suffix(".csv").write_text("\n".join(lines))
    stages("import", *GAME, "name=mine", "import.source=films")
    made = store(tmp_path)
    assert made.spec.n_actions == 3
    for index, episode in enumerate(episodes):
        read = made.read(index)
        assert np.array_equal(read.action.argmax(1), episode["action"])
        assert read.obs.shape == episode["obs"].shape
        assert np.abs(read.obs[:-1].astype(int) - episode["obs"][:-1]).mean() < 4
        if kind != "npy":
            assert np.array_equal(read.reward, episode["reward"].astype(np.float32))


def test_a_csv_of_several_numbers(stages, tmp_path):
    (tmp_path / "films").mkdir()
    film(tmp_path / "films" / "a.avi", played(3, 0)["obs"])
    (tmp_path / "films" / "a.csv").write_text("action_0,action_1\n0.5,-1\n0,1\n0.25,0\n")
    stages("import", *GAME, "name=mine", "import.source=films")
    assert store(tmp_path).read(0).action.tolist() == [[0.5, -1], [0, 1], [0.25, 0]]


def test_a_minari_dataset(stages, tmp_path, monkeypatch):
    minari = pytest.importorskip("minari")
    pytest.importorskip("h5py")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    gym.register("CatchByName-v0", "catch:Catch", max_episode_steps=150)
    buffers = []
    for seed in range(2):
        episode = played(20, seed)
        buffers.append(minari.data_collector.EpisodeBuffer(
            id=seed, seed=seed, observations=episode["obs"], actions=episode["action"],
            rewards=episode["reward"], terminations=episode["terminated"],
            truncations=episode["truncated"], infos={},
        ))  # fmt: skip
    minari.create_dataset_from_buffers(
        "catch/random-v0", buffers, env="CatchByName-v0", algorithm_name="random",
        author="tests", author_email="tests@example.com", code_permalink="none",
    )  # fmt: skip
    stages("import", *GAME, "name=mine", "import.source=catch/random-v0")
    stages("import", *GAME, "name=path", f"import.source={tmp_path}/minari/catch/random-v0")
    data = minari.load_dataset("catch/random-v0")
    for name in ("mine", "path"):
        made = store(tmp_path, name)
        assert made.spec.n_actions == 3
        assert made.indices() == [0, 1]
        for index, episode in enumerate(data.iterate_episodes()):
            assert np.array_equal(made.read(index).obs, episode.observations)
            assert np.array_equal(made.read(index).action.argmax(1), episode.actions)
            assert np.array_equal(made.read(index).reward, episode.rewards.astype(np.float32))


def broken(**changes):
    def make():
        episode = played(8, 0) | changes
        np.savez(
            "mine.npz", **{name: value for name, value in episode.items() if value is not None}
        )

    return make


def cut_off():
    np.savez("mine.npz", **played(8, 0))
    with open("mine.npz", "r+b") as file:
        file.truncate(9000)


def unfit_films(text, frames=4):
    def make():
        import pathlib

        pathlib.Path("films").mkdir()
        film("films/a.avi", played(frames - 1, 0)["obs"])
        if text is not None:
            pathlib.Path("films/a.csv").write_text(text)

    return make


OBJECTS = np.array([[1], [1, 2]], dtype=object)
BAD = [
    (broken(obs=None), "mine.npz has no obs"),
    (broken(action=None), "mine.npz has no action"),
    (broken(action=OBJECTS), "mine.npz: action holds Python objects"),
    (broken(obs=OBJECTS), "mine.npz: obs holds Python objects"),
    (broken(reward=np.zeros(3)), "mine.npz: reward has the shape (3,), but there are 8 actions"),
    (broken(reward=np.full(8, np.nan)), "reward holds a number that is not finite"),
    (broken(action=np.array(["a"] * 8)), "mine.npz: action holds <U1, not numbers"),
    (broken(action=np.full(8, -1)), "takes 0 to"),
    (broken(obs=np.zeros((5, 8, 8, 3), np.uint8)), "mine.npz: obs has 5 frames for 8 actions"),
    (broken(obs=np.zeros((9, 64), np.uint8)), "mine.npz: obs has the shape (9, 64)"),
    (broken(obs=np.zeros((9, 64, 64, 7), np.uint8)), "mine.npz, episode 0"),
    (broken(obs=np.zeros((9, 64, 64, 3), np.uint8)), "shows one colour"),
    (broken(obs=np.full((9, 64, 64, 3), 40.0)), "numbers in [0, 1]"),
    (broken(lengths=np.array([3, 4])), "lengths must be the steps of each episode, in sum 8"),
    (broken(lengths=np.array([8]), terminated=np.arange(8) == 3), "ends in step 3 and goes on"),
    (broken(observations=np.zeros(3)), "mine.npz has both obs and observations"),
    (broken(action=np.full(8, np.inf)), "not all finite"),
    (cut_off, "mine.npz"),
    (lambda: None, "import.source=mine.npz does not exist"),
]
FILMS = [
    (unfit_films(None), "a.avi needs one file of actions beside it"),
    (unfit_films("action\n1\nleft\n0\n"), "a.csv, line 3: 'left' has no number for action"),
    (unfit_films("reward\n1\n"), "a.csv has no column action"),
    (unfit_films("action\n1\n0\n"), "a.avi has 4 frames for 2 actions"),
    (unfit_films("action\n"), "has no steps"),
]


@pytest.mark.parametrize(("make", "sentence"), BAD + FILMS)
def test_what_does_not_fit_is_told_in_one_sentence(stage, make, sentence):
    source = "films" if (make, sentence) in FILMS else "mine.npz"
    make()
    outcome = stage("import", *GAME, "name=mine", f"import.source={source}")
    assert outcome.code == 1
    assert sentence in outcome.err
    assert outcome.err.count("\n") == 1
    assert "Traceback" not in outcome.err


def test_actions_outside_of_the_environment_are_refused(stage):
    save("mine.npz", [played(8, 0)])
    outcome = stage("import", *MINE, "env.id=CartPole-v1")
    assert outcome.code == 1
    assert "action goes from 0 to 2, but CartPole-v1 takes 0 to 1" in outcome.err


def test_what_is_missing_from_the_call_is_asked_for(stage):
    assert "import.source is null" in stage("import", *GAME, "name=mine").err
    save("mine.npz", [played(8, 0)])
    outcome = stage("import", *MINE, "import.action_low=[0]")
    assert "import.action_low and import.action_high go together" in outcome.err
