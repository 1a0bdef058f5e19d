"""Shipped agents: small files that evaluate and serve as the original does."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir

from worldmodel.agent.agent import Agent
from worldmodel.agent.load import load_mdnrnn, load_vae
from worldmodel.agent.policy import load_policy
from worldmodel.config import CONF, build, with_agent
from worldmodel.envs.make import make_spec
from worldmodel.envs.vector import make_vector
from worldmodel.models.pictures import decode
from worldmodel.rollout.actor import Candidates
from worldmodel.rollout.play import Limits, play
from worldmodel.rollout.recording import EpisodeRecording
from worldmodel.run import checkpoint, safetensors_format
from worldmodel.run.registry import PIPELINE
from worldmodel.trained import load_agent
from worldmodel.types import UserError

ROOT = Path(__file__).resolve().parents[2]
TINY = ["experiment=tiny", "env=cart_pole"]


def test_pack_and_unpack(tmp_path):
    content = {
        "about": {"kind": "vae", "sizes": [1, 2], "offset": torch.arange(3.0)},
        "weights": {"a.b": torch.randn(4, 4), "n": torch.tensor(7)},
        "step": 3,
        "note": None,
    }
    path = tmp_path / "x.safetensors"
    path.write_bytes(safetensors_format.pack(content))
    back = safetensors_format.unpack(path)
    assert torch.equal(back["weights"]["a.b"], content["weights"]["a.b"])
    assert torch.equal(back["weights"]["n"], torch.tensor(7))
    assert torch.equal(back["about"].pop("offset"), content["about"].pop("offset"))
    assert back["about"] == content["about"]
    assert (back["step"], back["note"]) == (3, None)


def test_halves_matrices_alone_and_refuses_what_does_not_fit(tmp_path):
    halved = safetensors_format.halve(
        {"w": torch.randn(3, 3), "b": torch.randn(3), "n": torch.tensor(2)}
    )
    assert [halved[name].dtype for name in "wbn"] == [torch.float16, torch.float32, torch.int64]
    with pytest.raises(ValueError, match="w holds"):
        safetensors_format.halve({"w": torch.full((2, 2), 1e6)})

    with pytest.raises(UserError, match=r"x\.safetensors.*too large for float16"):
        checkpoint.save_safetensors(
            tmp_path / "x.safetensors", {"weights": {"w": torch.ones(2, 2) * 1e6}}
        )
    assert not list(tmp_path.iterdir())


def test_a_broken_file_is_one_sentence(tmp_path):
    (tmp_path / "best.safetensors").write_bytes(b"no header")
    with pytest.raises(UserError, match=r"best\.safetensors is not a readable checkpoint"):
        checkpoint.load(tmp_path / "best.pt")


@pytest.mark.slow
def test_a_shipped_agent_evaluates_and_serves(stages, stage, finished, tmp_path):
    finished("evaluate", *TINY)
    outcome = stage("export", *TINY)
    assert outcome.code == 0, outcome.err
    runs = tmp_path / "runs"
    target = runs / "pretrained" / "tiny"
    card = json.loads((target / "agent.json").read_text())
    assert card["overrides"] == TINY
    assert set(card["stages"]) == set(PIPELINE)
    assert {"figures", "minutes", "hardware", "commit"} <= set(card["stages"]["evaluate"])

    mine, shipped = runs / "tiny" / "seed0", target / "seed0"
    for name, load in (("train_vae", load_vae), ("train_mdnrnn", load_mdnrnn)):
        one, two = (load(root / name / "checkpoints" / "best.pt") for root in (mine, shipped))
        for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)
    one, two = (load_policy(root / "train_controller" / "checkpoints" / "best.pt")
                for root in (mine, shipped))  # fmt: skip
    np.testing.assert_array_equal(one.params, two.params)

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
    card = json.loads((runs / "pretrained" / "on" / "agent.json").read_text())
    assert set(card["stages"]) == {"train_controller", "evaluate"}
    assert list(card["before"]) == ["pretrained/tiny"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "z_dim", "features", "least"),
    [("car_racing", 32, 64, 100), ("take_cover", 64, 1088, 80)],
)
def test_the_agents_that_come_with_the_repository_load_see_and_play(name, z_dim, features, least):
    overrides = with_agent([f"runs={ROOT / 'runs'}", f"run=pretrained/{name}"])
    with initialize_config_dir(str(CONF), version_base="1.3"):
        env = build(compose("evaluate", overrides).env)
    spec = make_spec(env)
    root = ROOT / "runs" / "pretrained" / name / "seed0"
    vae = load_vae(root / "train_vae" / "checkpoints" / "best.pt")
    mdnrnn = load_mdnrnn(root / "train_mdnrnn" / "checkpoints" / "best.pt")
    policy = load_policy(root / "train_controller" / "checkpoints" / "best.pt").with_spec(spec)
    assert vae.config.z_dim == z_dim
    assert policy.controller().n_features == features
    vector = make_vector(env, spec, "fast" if env.fast_id else "gymnasium", 1)
    actor, recording = (
        Candidates(Agent(vae, mdnrnn, policy), policy.params[None]),
        EpisodeRecording(spec, 300),
    )
    played = play(actor, vector, [5], Limits(max_steps=300), recording)
    vector.close()
    assert played.returns[0] > least  # 234 and 300 where they were trained
    obs = recording.episodes([5])[0].obs[:-1]
    with torch.inference_mode():
        decoded = decode(vae, vae.encode(torch.from_numpy(obs))[0])
    assert np.square(decoded.astype(float) - obs).mean() < 0.004 * 255**2


def test_unfinished_runs_and_unknown_agents(stage):
    outcome = stage("ship", *TINY, "env.modules=[mine]")
    assert outcome.code == 1
    assert "env.modules=[mine]" in outcome.err
    outcome = stage("ship", *TINY, "+env.kwargs.sutton_barto_reward=true")
    assert outcome.code == 1
    assert "+env.kwargs.sutton_barto_reward=true" in outcome.err
    outcome = stage("ship", *TINY)
    assert outcome.code == 1
    assert "has not finished train_vae" in outcome.err
    outcome = stage("evaluate", "run=pretrained/nobody")
    assert outcome.code == 1
    assert "nobody" in outcome.err


@pytest.mark.slow
def test_an_agent_of_an_inferred_environment_evaluates(stage, finished, tmp_path):
    """It keeps the numbers: nothing is inferred anew where it is played."""
    gym = ["experiment=tiny", "env=gym", "env.id=CartPole-v1"]
    finished("evaluate", *gym)
    outcome = stage("export", *gym)
    assert outcome.code == 0, outcome.err
    card = json.loads((tmp_path / "runs/pretrained/tiny/agent.json").read_text())
    (cols,) = (text for text in card["overrides"] if text.startswith("env.crop_cols=["))
    assert {*gym, "env.obs=render", "env.crop=null", "env.frame_skip=1"} < set(card["overrides"])
    for folder in ("runs/pretrained/tiny", "elsewhere/copied"):
        if not (tmp_path / folder).exists():
            shutil.copytree(tmp_path / "runs/pretrained/tiny", tmp_path / folder)
        assert load_agent(tmp_path / folder)._env_config().frame_skip == 1
    outcome = stage("evaluate", "agent=tiny", "evaluate.videos=false")
    assert outcome.code == 0, outcome.err
    assert "rendered pictures" not in outcome.out
    played = json.loads((tmp_path / "runs/pretrained/tiny/seed0/evaluate/config.json").read_text())
    assert str(played["env"]["crop_cols"]).replace(" ", "") == cols.partition("=")[2]
    agent = load_agent(tmp_path / "runs/pretrained/tiny")
    env = agent.make_env()
    assert env.reset(seed=0)[0].shape == (64, 64, 3)
    env.close()


@pytest.mark.parametrize(
    "text",
    ["env.id=mine:Id-v0", "env.modules=[mine]", "env.wrappers=[os.system]", "env.obs=other",
     "env.explorer={_target_:os.system}", "env.crop_rows=[1,2];x", "env.fast_id=mine:Id-v0"],
)  # fmt: skip
def test_nor_can_it_say_more_of_an_environment_than_numbers(tmp_path, text):
    agent = tmp_path / "a" / "agent.json"
    agent.parent.mkdir()
    agent.write_text(json.dumps({"overrides": ["env=gym", text]}))
    with pytest.raises(UserError, match="a shipped agent may not"):
        with_agent([f"runs={tmp_path}", "run=a"])


def test_a_shipped_agent_can_not_name_code(tmp_path):
    agent = tmp_path / "a" / "agent.json"
    agent.parent.mkdir()
    agent.write_text(json.dumps({"overrides": ["env._target_=os.system"]}))
    with pytest.raises(UserError, match=r"os\.system"):
        with_agent([f"runs={tmp_path}", "run=a"])
    agent.write_text(json.dumps({"overrides": ["env=pong", "seed=3"]}))
    asked = with_agent([f"runs={tmp_path}", "run=a", "device=cpu"])
    assert asked == ["env=pong", "seed=3", "name=a", f"runs={tmp_path}", "device=cpu"]
