"""The worker against torch, in a browser: the same steps from the same numbers."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import worldmodel
from worldmodel.agent.agent import Agent
from worldmodel.agent.policy import Policy
from worldmodel.dream.places import Places
from worldmodel.models.controller import ControllerConfig
from worldmodel.models.mdnrnn import MDNRNN, MDNRNNConfig
from worldmodel.models.vae import VAE, VAEConfig
from worldmodel.page.about import models, read_page
from worldmodel.page.pack import model_file, page_files
from worldmodel.run.safetensors_format import unpack
from worldmodel.types import EnvSpec

STEPS = 40
SHOWN = 8  # every so many steps the picture is compared as well
TINY = MDNRNNConfig(12, 3, "joint", -7.0, 3.0, True, True, True, 1.0, 1.0, 1.0, 10.0)
SPEC = EnvSpec("Tiny", (64, 64, 3), None, None, 3, (), 100, 2, None, None)
CONTROLLER = ControllerConfig(("z", "h", "c"), True, False, True, hidden_units=5, components=6)

CHECK = """async ({folder, models, gold}) => {
  const {loadDream} = await import("./engine.js");
  const bytes = async (path) => (await fetch(path)).arrayBuffer();
  const dream = await loadDream({about: {}, models, reel: null,
    model: await bytes(folder + "/model.safetensors"), kernel: await bytes("kernel.wasm")});
  return gold.map((step) => {
    const state = {hidden: step.hidden, cell: step.cell, restart: step.restart};
    const action = dream.policy.act(step.z, state);
    const after = dream.predictor.advance(step.z, step.action, state);
    const {mixture, reward, chance, end} = dream.predictor.predict(after);
    const z = mixture.transport(step.uniform, step.normal, step.temperature);
    const {perDim} = mixture.surprise(step.next_z);
    const frame = step.frame ? Array.from(dream.decoder.run(step.next_z)) : null;
    return {action, hidden: Array.from(after.hidden), cell: Array.from(after.cell), reward, chance,
            end, z: Array.from(z), nats: perDim, frame};
  });
}"""


def tiny():
    """Random weights: joint mixture, discrete actions, hidden layer, components, restart input."""
    torch.manual_seed(0)
    vae = VAE(VAEConfig(5, 0.5, (4, 6, 8, 10), (10, 6, 5), moving_nats=300.0)).eval()
    vae.mean_frame.uniform_()
    mdnrnn = MDNRNN(TINY, 5, 3).eval()
    mdnrnn.set_reward_statistics(2.0, 3.0)
    features = 5 + 2 * TINY.hidden
    policy = Policy.zeros(
        CONTROLLER, SPEC, np.random.default_rng(0).normal(size=features).astype(np.float32),
        np.random.default_rng(1).normal(size=(features, 6)).astype(np.float32),
    )  # fmt: skip
    params = np.random.default_rng(2).normal(size=len(policy.params)).astype(np.float32)
    places = Places(torch.randn(1, 5), torch.zeros(1, 12), torch.zeros(1, 12), torch.ones(1, 1))
    return Agent(vae, mdnrnn, policy.with_params(params)), places


def agent_of(name):
    if name == "tiny":
        return tiny()
    agent = worldmodel.load(name)
    return agent, replace(read_page(agent)[0])


def halved(agent, path):
    """The agent with the weights that the page has: float16 rounds those of the tiny one."""
    read = unpack(path)
    agent.vae.load_state_dict(read["vae"], strict=False)
    agent.mdnrnn.load_state_dict(read["mdnrnn"])
    return agent


@torch.inference_mode()
def golden(agent, places):
    """What torch does from the first place on, with the numbers that it drew."""
    m, generator = agent.mdnrnn, torch.Generator().manual_seed(0)
    z, state = places.z[:1], places.state(agent.mdnrnn, torch.tensor([0]))
    steps = []
    for index in range(STEPS):
        features = agent.controller.features({"z": z, "h": state[0], "c": state[1]})
        action = agent.controller.act(torch.tensor(agent.policy.params)[None], features[None])[0]
        after = m.advance(z, action, state)
        expected = m.predict(after[0])
        uniform = torch.rand(1, expected.z.picks, generator=generator)
        normal = torch.randn(1, m.z_dim, generator=generator)
        temperature = (1.0, 0.5, 1.3)[index % 3]
        next_z = expected.z.transport(uniform, normal, temperature)
        steps.append(SimpleNamespace(
            z=z, hidden=state[0], cell=state[1], action=action, uniform=uniform, normal=normal,
            temperature=temperature, next_z=next_z, restart=float(state[2]) if state[2:] else 0.0,
            after=after, expected=expected, nats=-expected.z.log_prob(next_z) / m.z_dim,
            frame=agent.vae.decode(next_z)[0] * 255 if index % SHOWN == 0 else None,
        ))  # fmt: skip
        z, state = next_z, after
    return steps


def plain(step):
    vectors = ("z", "hidden", "cell", "action", "uniform", "normal", "next_z")
    return {name: getattr(step, name)[0].tolist() for name in vectors} | {
        "temperature": step.temperature,
        "restart": step.restart,
        "frame": step.frame is not None,
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ["car_racing", "take_cover", "tiny"])
def test_the_worker_dreams_what_torch_dreams(browser, host, tmp_path, name):
    agent, places = agent_of(name)
    for path, content in page_files().items():
        (tmp_path / path).write_bytes(content)
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent" / "model.safetensors").write_bytes(model_file(agent, places))
    agent = halved(agent, tmp_path / "agent" / "model.safetensors")
    (tmp_path / "empty.html").write_text("<!doctype html><title>empty</title>")
    steps = golden(agent, places)
    with host(tmp_path) as address:
        view = browser.new_page()
        view.goto(f"{address}/empty.html")
        given = {"folder": "agent", "models": models(agent), "gold": [plain(one) for one in steps]}
        found = view.evaluate(CHECK, given)
        view.close()
    for step, worker in zip(steps, found, strict=True):
        np.testing.assert_allclose(worker["z"], step.next_z[0], rtol=0, atol=1e-4)
        np.testing.assert_allclose(worker["action"], step.action[0], rtol=0, atol=1e-5)
        np.testing.assert_allclose(worker["hidden"], step.after[0][0], rtol=0, atol=1e-5)
        np.testing.assert_allclose(worker["cell"], step.after[1][0], rtol=1e-5, atol=1e-5)
        assert worker["nats"] == pytest.approx(float(step.nats), abs=1e-4)
        for key, value in (("reward", step.expected.reward), ("end", step.expected.end),
                           ("chance", step.expected.end_chance)):  # fmt: skip
            assert (worker[key] is None) == (value is None)
            if value is not None:
                assert worker[key] == pytest.approx(float(value), abs=1e-4)
        if step.frame is not None:
            frame = np.array(worker["frame"]).reshape(64, 64, 4)
            assert np.abs(frame[..., :3] - step.frame.numpy()).max() <= 1
            assert (frame[..., 3] == 255).all()
