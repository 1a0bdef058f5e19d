"""Atomic files, safe loading, and one sentence for what is wrong."""

import json
import pickle
import subprocess
import sys
import textwrap
import zipfile

import numpy as np
import pytest
import torch
from torch import nn

from worldmodel.run import checkpoint
from worldmodel.types import UserError


def test_round_trip(tmp_path):
    path = tmp_path / "deep" / "a.pt"
    checkpoint.save(path, {"weights": torch.arange(3), "step": 4, "names": ["a"]})
    loaded = checkpoint.load(path)
    assert torch.equal(loaded["weights"], torch.arange(3))
    assert loaded["step"] == 4
    assert [p.name for p in path.parent.iterdir()] == ["a.pt"]


def test_missing_names_the_stage(tmp_path):
    path = tmp_path / "train_vae" / "k1" / "checkpoints" / "a.pt"
    with pytest.raises(UserError, match=r"a\.pt is missing: run train_vae first"):
        checkpoint.load(path)


def test_a_file_of_nobody_is_not_to_be_deleted(tmp_path):
    """`evaluate.checkpoint=` may name any file of the system."""
    with pytest.raises(UserError, match=r"a\.pt is missing: name a checkpoint that is there"):
        checkpoint.load(tmp_path / "a.pt")
    (tmp_path / "a.pt").write_text("precious")
    with pytest.raises(UserError, match="name another one") as caught:
        checkpoint.load(tmp_path / "a.pt")
    assert "delete" not in str(caught.value)


def test_cut_off_file(tmp_path):
    path = tmp_path / "a.pt"
    checkpoint.save(path, {"weights": torch.randn(1000)})
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(UserError, match=r"a\.pt is not a readable checkpoint \(.+\)"):
        checkpoint.load(path)


@pytest.mark.parametrize("name", ["a.pt", "a.safetensors"])
def test_a_bit_that_flipped_is_found(tmp_path, name):
    """Wherever it is, but for where nothing is read: the file is refused, or holds the same."""
    path, content = tmp_path / name, {"weights": {"a": torch.randn(50)}, "step": 4}
    write = checkpoint.save if name == "a.pt" else checkpoint.save_safetensors
    write(path, content)
    whole, refused = path.read_bytes(), 0
    for place in np.random.default_rng(0).integers(8 * len(whole), size=100).tolist():
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        try:
            found = checkpoint.load(path)
        except UserError:
            refused += 1
            continue
        assert found["step"] == 4
        assert torch.equal(found["weights"]["a"], content["weights"]["a"])
    assert refused > 10


def test_what_unpacks_to_more_than_it_holds_is_not_unpacked(tmp_path):
    checkpoint.save(tmp_path / "a.pt", {"weights": torch.zeros(1_000_000)})
    with (
        zipfile.ZipFile(tmp_path / "a.pt") as plain,
        zipfile.ZipFile(tmp_path / "b.pt", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for part in plain.infolist():
            packed.writestr(part.filename, plain.read(part))
    assert (tmp_path / "b.pt").stat().st_size < 10_000
    with pytest.raises(UserError, match="unpacks to more than it holds"):
        checkpoint.load(tmp_path / "b.pt")


def test_json_stays_json(tmp_path):
    checkpoint.save_json(tmp_path / "a.json", {"a": [float("nan"), 1.5], "b": {"c": float("inf")}})
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": [None, 1.5], "b": {"c": None}}


class _Bomb:
    def __reduce__(self):
        return (open, ("bomb", "w"))


def test_a_strangers_code_does_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"weights": _Bomb()}, tmp_path / "a.pt")
    with pytest.raises(UserError, match="not a readable checkpoint"):
        checkpoint.load(tmp_path / "a.pt")
    (tmp_path / "b.pt").write_bytes(pickle.dumps(_Bomb()))
    with pytest.raises(UserError):
        checkpoint.load(tmp_path / "b.pt")
    assert not (tmp_path / "bomb").exists()


def test_other_shape_names_the_parameter(tmp_path):
    weights = nn.Linear(3, 2).state_dict()
    with pytest.raises(UserError, match=r"c\.pt does not fit.*bias is \(2,\).*\(4,\) here"):
        checkpoint.load_weights(nn.Linear(3, 4), weights, tmp_path / "c.pt")
    with pytest.raises(UserError, match="bias is None in the file"):
        checkpoint.load_weights(nn.Linear(3, 2), {"weight": weights["weight"]}, tmp_path / "c.pt")


def test_a_failed_write_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.json"
    checkpoint.save_json(path, {"a": 1})
    with pytest.raises(TypeError):
        checkpoint.save_json(path, {"a": object()})
    assert path.read_text() == '{\n  "a": 1\n}'
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_can_not_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"Could not write .*a\.json"):
        checkpoint.save_json(tmp_path / "file" / "a.json", {})


def test_a_broken_checkpoint_of_a_stage_asks_for_the_whole_stage(tmp_path):
    path = tmp_path / "train_vae" / "checkpoints" / "best.pt"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"delete \S+/train_vae and run train_vae again"):
        checkpoint.load(path)


@pytest.mark.slow
def test_full_disk_is_one_sentence_and_keeps_the_old_checkpoint(tmp_path):
    # The kernel refuses to let this process write files beyond the limit, as a full disk would.
    code = f"""
        import pathlib, resource, signal, torch
        from worldmodel.run import checkpoint
        from worldmodel.types import UserError
        path = pathlib.Path({str(tmp_path)!r}) / "a.pt"
        checkpoint.save(path, {{"step": 1}})
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            checkpoint.save(path, {{"step": 2, "big": torch.zeros(1_000_000)}})
        except UserError as error:
            print(error)
        assert checkpoint.load(path)["step"] == 1
        assert [p.name for p in path.parent.iterdir()] == ["a.pt"]
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "Could not write" in done.stdout
    assert "a.pt" in done.stdout
    assert len(done.stdout.strip().splitlines()) == 1
