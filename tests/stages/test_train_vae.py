"""A V that sees too little of what moves is trained on."""

import pytest
import torch

from worldmodel.run import checkpoint
from worldmodel.run.layout import read_done
from worldmodel.train import fit

BASE = ("experiment=tiny", "env=cart_pole", "vae=moving_small")


def more(below, steps=4, share=0.9):
    target = "_target_: worldmodel.stages.train_vae.MoreConfig"
    return f"train_vae.more={{{target}, below: {below}, steps: {steps}, moving_share: {share}}}"


def best(folder):
    saved = checkpoint.load(folder / "checkpoints/best.pt")
    return saved["weights"], saved["about"]


@pytest.mark.slow
def test_it_goes_on_where_it_sees_too_little(stage, finished, tmp_path):
    finished("collect", *BASE)
    outcome = stage("train_vae", *BASE, more(1.0))
    assert outcome.code == 0, outcome.err
    assert "4 steps more, for that above all" in outcome.out
    folder = tmp_path / "runs/tiny/seed0/train_vae"
    weights, about = best(folder)
    assert about["moving_share"] == 0.9
    assert checkpoint.load(folder / "more/checkpoints/last.pt")["step"] == 4
    assert all(torch.equal(weights[key], part) for key, part in best(folder / "more")[0].items())
    first = checkpoint.load(folder / "checkpoints/last.pt")
    assert (first["step"], first["about"]["moving_share"]) == (6, 0.5)
    assert "moving_explained" in read_done(folder)["figures"]


@pytest.mark.slow
def test_it_stays_where_it_sees_enough(stage, finished, tmp_path):
    finished("collect", *BASE)
    outcome = stage("train_vae", *BASE, more(0.0), "train_vae.fit.steps=300",
                    "train_vae.fit.holdout_every=300", "train_vae.fit.checkpoint_every=300",
                    "train_vae.fit.learning_rate=2e-3")  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert read_done(tmp_path / "runs/tiny/seed0/train_vae")["figures"]["moving_explained"] > 0
    assert not (tmp_path / "runs/tiny/seed0/train_vae/more").exists()


@pytest.mark.slow
@pytest.mark.parametrize("step", [0, 2])
def test_it_goes_on_bitwise_after_an_interruption(stage, finished, tmp_path, monkeypatch, step):
    finished("collect", *BASE)
    finished("collect", *BASE, "name=whole")
    assert stage("train_vae", *BASE, more(1.0), "name=whole").code == 0
    update = fit._Training.update

    def interrupt(self, batches):
        if self._run.folder.name == "more" and self.step == step:
            raise KeyboardInterrupt
        update(self, batches)

    with monkeypatch.context() as patch:
        patch.setattr(fit._Training, "update", interrupt)
        assert stage("train_vae", *BASE, more(1.0)).code == 130
    outcome = stage("train_vae", *BASE, more(1.0))
    assert outcome.code == 0, outcome.err
    whole, again = (best(tmp_path / f"runs/{name}/seed0/train_vae") for name in ("whole", "tiny"))
    assert whole[1] == again[1]
    assert all(torch.equal(whole[0][key], again[0][key]) for key in whole[0])


def test_a_loss_without_motion_is_refused(stage, finished):
    finished("collect", *BASE)
    outcome = stage("train_vae", *BASE, "vae=tiny", more(1.0))
    assert outcome.code == 1
    assert "train_vae.more=null" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [((1.5,), "below is 1.5"), ((0.5, 0), "steps is 0"), ((0.5, 4, 2), "moving_share is 2")],
)
def test_impossible_numbers_are_refused(stage, finished, arguments, named):
    finished("collect", *BASE)
    outcome = stage("train_vae", *BASE, more(*arguments))
    assert outcome.code == 1
    assert named in outcome.err
