"""The worker's sequence models against torch, in a browser: the same from the same numbers."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from worldmodel.data.examples import load_examples
from worldmodel.mdn import Temperature
from worldmodel.page.pack import page_files
from worldmodel.page.systems import pack_system, system_files
from worldmodel.pen.drawn import begun_drawings
from worldmodel.pen.load import load_pen, load_writer
from worldmodel.pen.network import PenConfig, PenNetwork
from worldmodel.pen.own import read_drawing
from worldmodel.pen.strokes import simplify, to_steps, to_strokes
from worldmodel.pen.text import encode
from worldmodel.pen.window import WindowConfig, WindowNetwork, shifted
from worldmodel.run import checkpoint
from worldmodel.touch.network import TouchConfig, TouchNetwork
from worldmodel.touch.reply import last_seconds, load_touch, playable

STEPS = 40
TOLERANCE = 1e-4
HEATS = (1.0, 0.0, Temperature.graves(1.0), Temperature(0.5, 1.3, 1.0))
RUNS = Path("runs")
TINY = {
    "tiny_writing": ("writing", WindowConfig(2, 10, 3, 0.0, 4, -7.0, 3.0)),
    "tiny_state": ("pen", PenConfig(2, 11, False, 0.0, 4, "state", False, -7.0, 3.0)),
    "tiny_skip": ("pen", PenConfig(3, 9, True, 0.0, 3, "lift", True, -4.0, 1.0)),
    "tiny_apart": ("touch", TouchConfig(2, 13, 0.0, 5, "apart", -7.0, 3.0)),
}

CHECK = """async ({folder, rows, text, draws}) => {
  const {loadSystem} = await import("./systems.js");
  const bytes = async (path) => (await fetch(path)).arrayBuffer();
  const about = await (await fetch(folder + "/about.json")).json();
  const system = await loadSystem({about, model: await bytes(folder + "/model.safetensors"),
    kernel: await bytes("kernel.wasm")});
  const kinds = {
    writing() {
      const numbers = system.read(text);
      let state = system.initial();
      return (at) => {
        const input = at ? rows[at - 1] : [0, 0, 0];
        const seen = system.advance(input, numbers, state);
        state = seen.state;
        return {phi: Array.from(seen.phi), parts: seen.parts};
      };
    },
    pen() {
      let [states, place] = [system.layers.initial(), [0, 0]];
      const blank = new Array(system.layers.layers[0].inputs).fill(0);
      return (at) => {
        const step = at ? rows[at - 1] : [0, 0, 0];
        place = [place[0] + step[0], place[1] + step[1]];
        states = system.layers.advance(at ? system.input(step, place) : blank, states);
        return {phi: [], parts: system.layers.seen(states)};
      };
    },
    touch() {
      let states = system.layers.initial();
      return (at) => {
        states = system.layers.advance(system.input(rows[at], at ? rows[at - 1] : null), states);
        return {phi: [], parts: system.layers.seen(states)};
      };
    },
  };
  const step = kinds[about.kind]();
  const plain = ({logits, mu, logSigma, regression}) => ({logits, mu, logSigma, regression});
  return draws.map(({level, noise, heat, value}, at) => {
    const {phi, parts} = step(at);
    const outputs = system.heads.read(parts);
    const move = outputs.move ?? outputs.step;
    const drawn = (move.parts ?? [move]).map((part, i) => part.transport(level[i], noise[i], heat));
    const features = parts.flatMap((part) => Array.from(part));
    return {phi, features, drawn, nats: -move.logProb(value), pen: outputs.pen ?? [],
            mixtures: (move.parts ?? [move]).map(plain)};
  });
}"""


def saved_tiny(name, runs):
    """A finished run of a network with random weights."""
    kind, config = TINY[name]
    torch.manual_seed(3)
    made = {"writing": lambda: WindowNetwork(config, 5), "pen": lambda: PenNetwork(config),
            "touch": lambda: TouchNetwork(config)}  # fmt: skip
    model = made[kind]()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    if kind == "pen":
        model.place_scale.fill_(3.0)
    if kind == "touch":
        model.mean.copy_(torch.tensor([0.01, -0.02, -3.5]))
        model.deviation.copy_(torch.tensor([0.1, 0.2, 1.5]))
    about = {"kind": kind, **vars(config)}
    if kind == "writing":
        about |= {"characters": " abcd"}
    folder = runs / name / "seed0" / "train_sequence"
    checkpoint.save_safetensors(
        folder / "checkpoints" / "best.safetensors",
        {"about": about, "weights": model.state_dict()},
    )
    (folder / "DONE").write_text('{"id": "x", "inputs": {}, "grows": {}, "figures": {}}')
    return folder


def rows_of(kind, folder, model):
    """What is shown: steps in the network's units, or touches (T, 3)."""
    if (folder / "examples.npz").exists():
        item = max(load_examples(folder).items, key=len)[: STEPS + 1]
        if kind == "touch":
            return torch.from_numpy(playable(item)[:STEPS])
        rows = torch.from_numpy(item.copy())[:STEPS]
        rows[:, :2] /= model.scale
        rows[:, 2].clamp_(max=1)
        return rows
    draw = np.random.default_rng(5)
    if kind == "touch":
        rows = np.column_stack([draw.random((STEPS, 2)), 0.2 * draw.random(STEPS) + 1e-3])
    else:
        rows = np.column_stack([draw.normal(size=(STEPS, 2)), draw.integers(0, 2, STEPS)])
    return torch.from_numpy(rows.astype(np.float32))


@torch.inference_mode()
def golden(kind, folder, text):
    """Features, heads' outputs and what the window saw of each step, by torch; and the rows."""
    if kind == "writing":
        writer = load_writer(folder)
        model = writer.network
        rows = rows_of(kind, folder, model)
        numbers, lengths = map(torch.from_numpy, encode([text], writer.characters))
        features, phi, _ = model(shifted(rows[None]), model.read(numbers, lengths))
        return rows, features[0], model.heads(features[0]), phi[0]
    model = load_pen(folder) if kind == "pen" else load_touch(folder)
    rows = rows_of(kind, folder, model)
    if kind == "pen":
        features = model.features(rows[None])[0]
    else:
        features = model.sequence(model.inputs(rows[None]))[0][0]
    return rows, features, model.sequence.heads(features), features.new_zeros(len(rows), 0)


GENERATE = """async ({names, text, begun, call}) => {
  const {loadSystem} = await import("./systems.js");
  const {simplify, toSteps, toStrokes} = await import("./strokes.js");
  const {lastSeconds} = await import("./touch.js");
  const bytes = async (path) => (await fetch(path)).arrayBuffer();
  const load = async (name) => loadSystem({
    about: await (await fetch(name + "/about.json")).json(), kernel: await bytes("kernel.wasm"),
    model: await bytes(name + "/model.safetensors")});
  const [writing, handwriting, robojam] = await Promise.all(names.map(load));
  const cold = {temperature: 0, seed: 0};
  const written = writing.write({text, steps: 25, ...cold});
  let answer = written;
  while (!answer.over) {
    answer = writing.write_on({steps: 25});
    written.points.push(...answer.points);
    written.window.push(...answer.window);
  }
  const simple = begun.map((stroke) => simplify(stroke, 0.02));
  return {...written, over: answer.over, simple, steps: toSteps(simple),
    strokes: toStrokes(toSteps(simple)), heard: lastSeconds(call, 2),
    drawings: handwriting.draw({begun, count: 1, steps: 20, ...cold}).drawings,
    reply: robojam.reply({call, seconds: 2, ...cold}).reply};
}"""


def served(tmp_path, packed):
    """A folder of the page's modules and of these systems."""
    files = page_files()
    for each in packed:
        files |= system_files(each)
        (tmp_path / "site" / each.name).mkdir(parents=True)
    for path, content in files.items():
        (tmp_path / "site" / path).write_bytes(content)
    (tmp_path / "site" / "empty.html").write_text("<!doctype html><title>empty</title>")
    return tmp_path / "site"


@pytest.mark.slow
def test_without_chance_the_worker_makes_what_torch_makes(browser, host, tmp_path):
    """Whole texts, drawings and replies at temperature 0: where they end, and all on the way."""
    names = ["writing", "handwriting", "robojam"]
    folders = [runs_folder(RUNS, name) for name in names]
    angle = np.linspace(0, 5, 40)
    begun = [np.column_stack([np.cos(angle), np.sin(2 * angle)]), np.array([[0.5, -1], [0.4, 1.2]])]
    call = load_examples(folders[2]).items[1]
    text = "a world model"
    given = {"names": names, "text": text, "begun": [stroke.tolist() for stroke in begun],
             "call": call.tolist()}  # fmt: skip
    with host(served(tmp_path, [pack_system(name, RUNS, 0) for name in names])) as address:
        view = browser.new_page()
        view.goto(f"{address}/empty.html")
        found = view.evaluate(GENERATE, given)
        view.close()
    writer = load_writer(folders[0])
    numbers, lengths = map(torch.from_numpy, encode([text], writer.characters))
    read = writer.network.read(numbers, lengths)
    written = writer.network.write(read, 60 * len(text), 0.0)
    assert found["over"] == ("written" if bool(written.ended) else "given up")
    assert len(found["points"]) == len(written.steps[0])
    steps = written.steps[0].numpy()
    places = np.cumsum(steps[:, :2] * float(writer.network.scale), 0)
    np.testing.assert_allclose(found["points"], np.column_stack([places, steps[:, 2]]), atol=1e-2)
    np.testing.assert_allclose(found["window"], written.window[0], atol=1e-3)

    simple = [simplify(stroke, 0.02) for stroke in begun]
    for theirs, ours in zip(found["simple"], simple, strict=True):
        np.testing.assert_allclose(theirs, ours)
    np.testing.assert_allclose(found["steps"], to_steps(simple), atol=1e-6)
    for theirs, ours in zip(found["strokes"], to_strokes(to_steps(simple)), strict=True):
        np.testing.assert_allclose(theirs, ours - ours[0] + theirs[0], atol=1e-5)
    (tmp_path / "mine.json").write_text(json.dumps(given["begun"]))
    drawing = begun_drawings(str(tmp_path / "mine.json"), folders[1], 1)[0]
    unit = drawing[0, 0] / read_drawing(tmp_path / "mine.json")[0, 0]  # as large as it knows
    network = load_pen(folders[1])
    shown = torch.from_numpy(drawing.copy())
    shown[:, :2] /= network.scale
    shown[:, 2].clamp_(max=1)
    drawn = network.generate(1, 20, 0.0, begun=shown)[0][len(shown) :].numpy()
    drawn[:, :2] *= float(network.scale) / unit
    ours = to_strokes(drawn, down=False)
    for theirs, stroke in zip(found["drawings"][0]["strokes"], ours, strict=True):
        np.testing.assert_allclose(theirs, stroke + begun[-1][-1], atol=1e-2)

    heard = last_seconds(call, 2)
    np.testing.assert_allclose(found["heard"], heard, atol=1e-6)
    touch = load_touch(folders[2])
    reply = touch.generate(torch.from_numpy(playable(heard)), 1, 2.0, 0.0)[0]
    np.testing.assert_allclose(found["reply"], reply, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["writing", "handwriting", "robojam", "kanji", *TINY])
def test_the_worker_predicts_what_torch_predicts(browser, host, tmp_path, name):
    runs = tmp_path / "runs" if name in TINY else RUNS
    if name in TINY:
        saved_tiny(name, runs)
    packed = pack_system(name, runs, 0)
    kind = packed.about["kind"]
    site = served(tmp_path, [packed])
    text = "abcd dab" if name in TINY else "a world model"
    rows, features, outputs, phi = golden(kind, runs_folder(runs, name), text)
    head = outputs["move"] if kind != "touch" else outputs["step"]
    parts, groups = getattr(head, "parts", (head,)), getattr(head, "groups", None)
    generator = torch.Generator().manual_seed(0)
    level = [torch.rand(len(rows), 1, generator=generator) for _ in parts]
    noise = [torch.randn(len(rows), part.dim, generator=generator) for part in parts]
    value = torch.randn(len(rows), head.dim, generator=generator)
    heats = [Temperature.of(HEATS[at % len(HEATS)]) for at in range(len(rows))]
    draws = [
        {"level": [float(each[at]) for each in level], "noise": [e[at].tolist() for e in noise],
         "heat": {"mixture": heat.mixture, "scale": heat.scale}, "value": value[at].tolist()}
        for at, heat in enumerate(heats)
    ]  # fmt: skip
    with host(site) as address:
        view = browser.new_page()
        view.goto(f"{address}/empty.html")
        given = {"folder": name, "rows": rows.tolist(), "text": text, "draws": draws}
        found = view.evaluate(CHECK, given)
        view.close()
    assert groups in (None, ((0, 1), (2,)))
    nats = -head.log_prob(value)
    for at, worker in enumerate(found):
        close(worker["phi"], phi[at])
        close(worker["features"], features[at])
        close(worker["nats"], nats[at], scale=max(1.0, abs(float(nats[at]))))
        if kind != "touch":
            close(worker["pen"], outputs["pen"].logits[at].reshape(-1))
        for part, theirs, drawn, lev, noi in zip(
            parts, worker["mixtures"], worker["drawn"], level, noise, strict=True
        ):
            close(theirs["logits"], part.logits[at])
            close(theirs["mu"], part.mu[at].reshape(-1))
            close(theirs["logSigma"], part.log_sigma[at].reshape(-1))
            if part.regression is not None:
                close(theirs["regression"], part.regression[at].reshape(-1))
            close(drawn, part.transport(lev, noi, heats[at])[at])


def runs_folder(runs, name):
    return runs / ("pretrained" if runs == RUNS else "") / name / "seed0" / "train_sequence"


def close(theirs, ours, scale=1.0):
    ours = np.asarray(ours, np.float64)
    theirs = np.asarray(theirs, np.float64)
    assert theirs.shape == ours.shape
    if ours.size:
        assert np.abs(theirs - ours).max() <= TOLERANCE * scale
