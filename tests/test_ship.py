"""Shipped agents: small files that evaluate and serve as the original does."""

import json

import pytest
import torch

from worldmodel import checkpoint, light
from worldmodel.conf import with_shipped
from worldmodel.rollout.load import load_controller, load_mdnrnn, load_vae
from worldmodel.stages import PIPELINE
from worldmodel.types import UserError

TINY = ["experiment=tiny", "env=cart_pole"]


def test_pack_and_unpack(tmp_path):
    content = {
        "about": {"kind": "vae", "sizes": [1, 2], "offset": torch.arange(3.0)},
        "weights": {"a.b": torch.randn(4, 4), "n": torch.tensor(7)},
        "step": 3,
        "note": None,
    }
    path = tmp_path / "x.safetensors"
    path.write_bytes(light.pack(content))
    back = light.unpack(path)
    assert torch.equal(back["weights"]["a.b"], content["weights"]["a.b"])
    assert torch.equal(back["weights"]["n"], torch.tensor(7))
    assert torch.equal(back["about"].pop("offset"), content["about"].pop("offset"))
    assert back["about"] == content["about"]
    assert (back["step"], back["note"]) == (3, None)


def test_halves_matrices_alone_and_refuses_what_does_not_fit(tmp_path):
    halved = light.halve({"w": torch.randn(3, 3), "b": torch.randn(3), "n": torch.tensor(2)})
    assert [halved[name].dtype for name in "wbn"] == [torch.float16, torch.float32, torch.int64]
    with pytest.raises(ValueError, match="w holds"):
        light.halve({"w": torch.full((2, 2), 1e6)})

    with pytest.raises(UserError, match=r"x\.safetensors.*too large for float16"):
        checkpoint.save_light(
            tmp_path / "x.safetensors", {"weights": {"w": torch.ones(2, 2) * 1e6}}
        )
    assert not list(tmp_path.iterdir())


def test_a_broken_file_is_one_sentence(tmp_path):
    (tmp_path / "best.safetensors").write_bytes(b"no header")
    with pytest.raises(UserError, match=r"best\.safetensors is not a readable checkpoint"):
        checkpoint.load(tmp_path / "best.pt")


@pytest.mark.slow
def test_a_shipped_agent_evaluates_and_serves(stages, stage, tmp_path):
    stages(" ".join(PIPELINE), *TINY)
    outcome = stage("ship", *TINY)
    assert outcome.code == 0, outcome.err
    runs = tmp_path / "runs"
    target = runs / "pretrained" / "tiny"
    told = json.loads((target / "agent.json").read_text())
    assert told["overrides"] == TINY
    assert set(told["stages"]) == set(PIPELINE)
    assert {"figures", "minutes", "hardware", "commit"} <= set(told["stages"]["evaluate"])

    mine, shipped = runs / "tiny" / "seed0", target / "seed0"
    for name, load in (("train_vae", load_vae), ("train_mdnrnn", load_mdnrnn)):
        one, two = (load(root / name / "checkpoints" / "best.pt") for root in (mine, shipped))
        for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)
    one, two = (load_controller(root / "train_controller" / "checkpoints" / "best.pt")
                for root in (mine, shipped))  # fmt: skip
    assert torch.equal(one[0], two[0])

    outcome = stage("evaluate", "run=pretrained/tiny")
    assert outcome.code == 0, outcome.err
    scores = [json.loads((root / "evaluate" / "summary.json").read_text())["mean"]
              for root in (mine, shipped)]  # fmt: skip
    assert scores[0] == pytest.approx(scores[1], rel=0.5)
    stages("collect encode", *TINY, "name=next", "upstream=pretrained/tiny")
    stages("train_controller", *TINY, "name=on", "upstream=pretrained/tiny",
           "start=pretrained/tiny", "evolve.generations=1")  # fmt: skip
    stages("evaluate", *TINY, "name=on", "upstream=pretrained/tiny")
    stages("ship", *TINY, "name=on", "ship.to=pretrained/on")
    told = json.loads((runs / "pretrained" / "on" / "agent.json").read_text())
    assert set(told["stages"]) == {"train_controller", "evaluate"}
    assert list(told["before"]) == ["pretrained/tiny"]


def test_unfinished_runs_and_unknown_agents(stage):
    outcome = stage("ship", *TINY, "env.frame_skip=2")
    assert outcome.code == 1
    assert "env.frame_skip=2" in outcome.err
    outcome = stage("ship", *TINY)
    assert outcome.code == 1
    assert "has not finished train_vae" in outcome.err
    outcome = stage("evaluate", "run=pretrained/nobody")
    assert outcome.code == 1
    assert "nobody" in outcome.err


def test_a_shipped_agent_can_not_name_code(tmp_path):
    agent = tmp_path / "a" / "agent.json"
    agent.parent.mkdir()
    agent.write_text(json.dumps({"overrides": ["env._target_=os.system"]}))
    with pytest.raises(UserError, match=r"os\.system"):
        with_shipped([f"runs={tmp_path}", "run=a"])
    agent.write_text(json.dumps({"overrides": ["env=pong", "seed=3"]}))
    asked = with_shipped([f"runs={tmp_path}", "run=a", "device=cpu"])
    assert asked == ["env=pong", "seed=3", "name=a", f"runs={tmp_path}", "device=cpu"]
