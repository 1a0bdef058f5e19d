"""The page as files, and what the worker reads of them."""

import json
import re

import numpy as np
import pytest
import torch

import worldmodel
from worldmodel.page.about import read_page
from worldmodel.page.pack import (
    KERNEL,
    STATIC,
    WIDEST,
    bundle,
    eight_bits,
    pack_agent,
    page,
    page_files,
    site_of,
    write_folder,
    write_single,
)
from worldmodel.page.starts import Reel
from worldmodel.run.safetensors_format import unpack

SHIPPED = ["car_racing", "take_cover"]


@pytest.fixture(scope="module", params=SHIPPED)
def agent(request):
    return worldmodel.load(request.param)


def test_the_kernel_is_its_text_compiled():
    wasmtime = pytest.importorskip("wasmtime")
    text = (STATIC / "kernel.wat").read_text()
    assert (STATIC / KERNEL).read_bytes() == bytes(wasmtime.wat2wasm(text))


@pytest.mark.parametrize("entry", ["engine", "app"])
def test_a_bundle_is_one_script(entry):
    script = bundle(entry)
    assert not re.search(r"^(import|export)\b", script, re.M)
    assert "</script" not in script
    modules = re.findall(r"^const (\w+)\$ = ", script, re.M)
    assert modules[-1] == entry
    assert len(set(modules)) == len(modules)
    for names, module in re.findall(r"^const (\{.*\}) = (\w+)\$;$", script, re.M):
        returned = script.split(f"const {module}$ = ")[1].split("\nreturn {")[1].split("}")[0]
        assert {name.strip() for name in names[1:-1].split(",")} <= {
            name.strip() for name in returned.split(",")
        }


def test_nothing_is_asked_of_others():
    """No address but this page's own, in none of its files."""
    for name, content in page_files().items():
        text = re.sub(rb"^\s*(//|/\*).*$", b"", content, flags=re.M)
        text = text.replace(b"http://www.w3.org/2000/svg", b"")  # a name, not an address
        assert b"http://" not in text, name
        assert b"https://" not in text, name
    html = page(site_of(["a<b"], socket=None, files="."))
    assert "http://" not in html
    assert "https://" not in html
    told = html.split('id="site">')[1].split("</script>")[0]
    assert json.loads(told)["agents"] == [{"name": "a<b", "label": "a<b"}]


def test_a_folder_holds_the_page_and_its_agents(agent, tmp_path):
    packed = pack_agent(agent)
    size = write_folder([packed], tmp_path)
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    name = packed.name
    assert {f"{name}/about.json", f"{name}/model.safetensors", f"{name}/reel.safetensors",
            "index.html", "app.js", "engine.bundle.js", "style.css", KERNEL} <= found  # fmt: skip
    assert size == sum((tmp_path / path).stat().st_size for path in found)
    own = sum(path.stat().st_size for path in (tmp_path / name).iterdir())
    assert own < 13e6
    told = json.loads((tmp_path / name / "about.json").read_text())["about"]
    assert told["fps"] == {"car_racing": 12.5, "take_cover": 35}[name]
    assert sorted(told["latents"]) == list(range(told["z_dim"]))
    spread = np.array(told["spread"])[told["latents"]]
    assert (np.diff(spread) <= 0).all()


def test_what_the_worker_reads_is_the_agent(agent, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(pack_agent(agent).model)
    read = unpack(path)
    for name, weight in read["vae"].items():
        assert not name.startswith("encoder")
        torch.testing.assert_close(weight, agent.vae.state_dict()[name], rtol=0, atol=0)
    assert set(read["mdnrnn"]) == set(agent.mdnrnn.state_dict())
    np.testing.assert_array_equal(read["controller"]["params"], agent.policy.params)
    places, _ = read_page(agent)
    assert torch.equal(read["starts"]["hidden"], places.hidden)


def test_a_small_one_takes_8_mb_and_shows_the_same(agent, tmp_path):
    packed = pack_agent(agent, small=True)
    assert packed.reel is not None
    assert len(packed.model) + len(packed.reel) < 8e6
    (tmp_path / "reel.safetensors").write_bytes(packed.reel)
    reel, whole = Reel.read(tmp_path / "reel.safetensors"), read_page(agent)[1]
    assert np.abs(reel.frames.astype(int) - whole.frames).mean() < 4
    (tmp_path / "model.safetensors").write_bytes(packed.model)
    rows = unpack(tmp_path / "model.safetensors")["vae"]
    z = torch.from_numpy(whole.mu[::25])
    with torch.inference_mode():
        before = (agent.vae.decode(z) * 255).round()
        weight, kept = agent.vae.decoder[0].weight, agent.vae.decoder[0].weight.clone()
        weight.copy_(rows[WIDEST] * rows[f"{WIDEST}.scale"].view(-1, 1, 1, 1))
        after = (agent.vae.decode(z) * 255).round()
        weight.copy_(kept)
    assert (before - after).abs().max() <= 1


def test_eight_bits_hold_rows_of_zeros():
    weight = torch.tensor([[0.0, 0.0], [1.0, -0.5]])
    packed = eight_bits("w", weight)
    assert packed["w"].dtype == torch.int8
    back = packed["w"].float() * packed["w.scale"][:, None]
    torch.testing.assert_close(back, weight, rtol=0, atol=1 / 254)


def test_one_file_holds_everything(tmp_path):
    packed = pack_agent(worldmodel.load("car_racing"), small=True)
    size = write_single([packed], tmp_path / "dream.html")
    html = (tmp_path / "dream.html").read_text()
    assert len(html.encode()) == size
    assert 'src="' not in html
    assert 'href="data:,"' in html
    assert html.count("</script>") == html.count("<script")
