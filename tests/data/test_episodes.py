"""The episode store: whole episodes or none, and damage is named."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import zipfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from toy_episodes import SPEC, fill, make_episode

from worldmodel.data.episodes import EpisodeStore, chunk_spans
from worldmodel.data.split import split
from worldmodel.types import UserError

HERE = Path(__file__).parents[1]


def place(store, index):
    return store.root / f"{index:06d}.zip"


def unpack(store, *indices):
    """Leave episodes as earlier versions wrote them: a folder of files each."""
    for index in indices:
        with zipfile.ZipFile(place(store, index)) as file:
            file.extractall(store.root / f"{index:06d}")
        place(store, index).unlink()


def chunks(store, index, name="obs"):
    unpack(store, index)
    return sorted(p for p in (store.root / f"{index:06d}" / name / "c").rglob("*") if p.is_file())


def change(store, index, key, content):
    """Other content of one key of an episode; without it if it is None."""
    path = place(store, index)
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    parts[key] = content
    with zipfile.ZipFile(path, "w") as file:
        for name, part in parts.items():
            if part is not None:
                file.writestr(name, part)


def test_round_trip(store):
    again = EpisodeStore.open(store.root)
    assert again.indices() == [0, 1, 2, 3, 4, 5]
    assert again.lengths() == {0: 30, 1: 300, 2: 7, 3: 260, 4: 45, 5: 12}
    assert again.spec == SPEC
    for index, steps in again.lengths().items():
        there, here = again.read(index), make_episode(index, steps)
        for name in ("obs", "action", "reward", "terminated", "truncated"):
            np.testing.assert_array_equal(getattr(there, name), getattr(here, name))
            assert getattr(there, name).dtype == getattr(here, name).dtype
        assert there.seed == here.seed


def test_a_file_for_each_episode_and_equal_bytes_for_equal_ones(store, tmp_path):
    names = sorted(path.name for path in store.root.iterdir())
    assert names == [*(f"{index:06d}.zip" for index in range(6)), "metadata.json"]
    again = fill(tmp_path / "again", [30, 300])
    for index in (0, 1):
        assert place(again, index).read_bytes() == place(store, index).read_bytes()


def test_episodes_of_earlier_versions_are_read_adopted_and_replaced(store, tmp_path):
    unpack(store, 1, 3)
    assert (store.root / "000001" / "obs" / "zarr.json").exists()
    test_round_trip(store)
    other = EpisodeStore.create(tmp_path / "other", {"spec": SPEC.to_dict()}, 1)
    other.adopt(store, [0, 1])
    assert other.indices() == [0, 1]
    np.testing.assert_array_equal(other.read(1).obs, store.read(1).obs)
    other.write(1, make_episode(1, 11))
    assert other.lengths() == {0: 30, 1: 11}
    assert len(EpisodeStore.open(other.root).read(1)) == 11
    assert len(store.read(1)) == 300, "what was shared is as it was"


@pytest.mark.parametrize(("start", "stop"), [(0, 301), (3, 5), (149, 152), (250, 301), (0, 1)])
def test_read_frames_is_a_slice(store, start, stop):
    np.testing.assert_array_equal(
        store.read_frames(1, start, stop), make_episode(1, 300).obs[start:stop]
    )


@pytest.mark.parametrize("frames", [1, 2, 249, 250, 251, 1000, 1001])
def test_chunks_cover_an_episode_in_equal_parts(frames):
    spans = chunk_spans(frames)
    assert spans[0][0] == 0
    assert spans[-1][1] == frames
    assert all(left[1] == right[0] for left, right in pairwise(spans))
    assert max(stop - start for start, stop in spans) <= 250


def test_missing_store(tmp_path):
    with pytest.raises(UserError, match="nothing holds no episodes: run collect first"):
        EpisodeStore.open(tmp_path / "nothing")


def test_broken_metadata(store):
    (store.root / "metadata.json").write_text("{")
    with pytest.raises(UserError, match=r"metadata\.json is broken"):
        EpisodeStore.open(store.root)


def test_another_environment(store):
    other = replace(SPEC, frame_skip=4).to_dict()
    with pytest.raises(UserError, match="frame_skip is 1 there and 4 here"):
        EpisodeStore.create(store.root, {"spec": other}, 1)


def test_what_a_controller_does_with_its_outputs_is_not_the_environment(store):
    other = replace(SPEC, squash=("off",) * SPEC.action_dim).to_dict()
    assert EpisodeStore.create(store.root, {"spec": other}, 1).indices() == store.indices()


def cut(path):
    path.write_bytes(path.read_bytes()[:20])


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("damage", [cut, flip, Path.unlink])
def test_a_damaged_chunk_names_its_episode(store, damage):
    damage(chunks(store, 1)[1])
    with pytest.raises(
        UserError, match=r"000001 is damaged.*delete it and the file .*DONE, then run"
    ):
        store.read(1)
    with pytest.raises(UserError, match="000001"):
        store.read_frames(1, 200, 210)
    assert len(store.read_frames(1, 0, 10)) == 10, "the chunk before it is whole"
    assert len(store.read(0)) == 30


@pytest.mark.parametrize("steps", [0, -1, 10**9, "many", None])
def test_a_size_that_can_not_be_is_refused_before_anything_is_unpacked(store, steps):
    """As in a file that was made to fill the memory."""
    group = {"zarr_format": 3, "node_type": "group", "attributes": {"steps": steps, "seed": 0}}
    change(store, 1, "zarr.json", json.dumps(group))
    with pytest.raises(UserError, match=r"000001\.zip is damaged"):
        EpisodeStore.open(store.root).read_reward(1)


@pytest.mark.parametrize("name", ["obs", "action", "reward"])
@pytest.mark.parametrize("key", ["shape", "chunks"])
def test_so_is_a_header_of_another_size_than_its_episode(store, name, key):
    with zipfile.ZipFile(place(store, 1)) as file:
        header = json.loads(file.read(f"{name}/zarr.json"))
    size = (
        header["shape"] if key == "shape" else header["chunk_grid"]["configuration"]["chunk_shape"]
    )
    size[0] = 10**9
    change(store, 1, f"{name}/zarr.json", json.dumps(header))
    with pytest.raises(UserError, match=f"{name} is .* was written"):
        store.read(1)


def test_a_file_that_is_cut_or_altered_names_its_episode(store):
    whole, refused = place(store, 1).read_bytes(), 0
    for spot in range(0, len(whole), 997):
        place(store, 1).write_bytes(whole[:spot])
        with pytest.raises(UserError, match=r"000001\.zip is damaged"):
            EpisodeStore.open(store.root).read(1)
        flipped = bytearray(whole)
        flipped[spot] ^= 4
        place(store, 1).write_bytes(flipped)
        try:
            again = EpisodeStore.open(store.root).read(1)
        except UserError:
            refused += 1
            continue
        np.testing.assert_array_equal(again.obs, make_episode(1, 300).obs)
        np.testing.assert_array_equal(again.reward, make_episode(1, 300).reward)
    assert refused > 3


def test_a_chunk_that_is_missing_is_not_taken_for_zeros(store):
    change(store, 1, "reward/c/0", None)
    with pytest.raises(UserError, match="reward/c/0"):
        store.read(1)


def test_lost_description_names_its_episode(store):
    change(store, 2, "zarr.json", None)
    with pytest.raises(UserError, match="000002"):
        EpisodeStore.open(store.root).lengths()


def test_what_a_killed_writer_left_is_swept(store):
    scratch = store.root / ".writing-abc" / "new"
    scratch.mkdir(parents=True)
    assert EpisodeStore.open(store.root).indices() == [0, 1, 2, 3, 4, 5]
    EpisodeStore.create(store.root, {"spec": SPEC.to_dict()}, 1)
    assert not scratch.parent.exists()


@pytest.mark.slow
def test_sigkill_while_writing_leaves_whole_episodes(tmp_path):
    code = f"""
        import sys; sys.path.insert(0, {str(HERE)!r})
        from pathlib import Path
        from toy_episodes import fill
        fill(Path({str(tmp_path)!r}) / "e", [2000] * 1000)
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)])
    deadline = time.time() + 60
    while not (tmp_path / "e" / "000003.zip").exists() and time.time() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    store = EpisodeStore.open(tmp_path / "e")
    assert len(store.indices()) >= 4
    for index in store.indices():
        assert len(store.read(index)) == 2000


@pytest.mark.slow
def test_full_disk_is_one_sentence(tmp_path):
    # The kernel refuses files beyond the limit, as a full disk would.
    code = f"""
        import sys; sys.path.insert(0, {str(HERE)!r})
        import resource, signal
        import numpy as np
        from dataclasses import replace
        from pathlib import Path
        from toy_episodes import SPEC, fill, make_episode
        from worldmodel.types import UserError
        store = fill(Path({str(tmp_path)!r}) / "e", [5, 5])
        noise = np.random.default_rng(0).integers(0, 256, (2001, 8, 8, 3), np.uint8)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
        try:
            store.write(2, replace(make_episode(2, 2000), obs=noise))
        except UserError as error:
            print(error)
        assert store.indices() == [0, 1], store.indices()
        assert not list(store.root.glob(".writing*"))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "Could not write" in done.stdout
    assert "000002" in done.stdout


def test_wrong_shapes_are_refused(store):
    episode = make_episode(6, 10)
    with pytest.raises(ValueError, match="obs of an episode of 10 steps"):
        store.write(6, replace(episode, obs=episode.obs[:-1]))
    with pytest.raises(ValueError, match="action"):
        store.write(6, replace(episode, action=np.zeros((10, 2), np.float32)))


def test_rewriting_replaces(store):
    store.write(0, make_episode(0, 11))
    assert store.lengths()[0] == 11
    assert len(EpisodeStore.open(store.root).read(0)) == 11


@pytest.mark.parametrize("count", [2, 3, 10, 100])
def test_split_is_disjoint_whole_and_repeatable(count):
    train, holdout = split(range(count), 0.2, seed=1)
    assert sorted(train + holdout) == list(range(count))
    assert len(holdout) == max(1, round(0.2 * count))
    assert (train, holdout) == split(list(range(count))[::-1], 0.2, seed=1)
    if count == 100:
        assert holdout != split(range(count), 0.2, seed=2)[1]


def test_split_of_one_episode_holds_it_on_both_sides():
    assert split([7], 0.2, seed=0) == ([7], [7])


def test_an_empty_store(tmp_path):
    assert fill(tmp_path / "e", []).indices() == []
