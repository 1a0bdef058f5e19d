"""The page in a real browser as it is served, with broken files, and with odd agents."""

import re
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import pytest
from page_agents import CAR, DREAM, KEYS, page_agent
from page_engines import Shades

import worldmodel
from worldmodel.models.controller import ControllerConfig
from worldmodel.models.vae import VAEConfig
from worldmodel.page.about import describe, read_page
from worldmodel.page.engine import Engine
from worldmodel.page.pack import (
    agent_files,
    pack_agent,
    page,
    page_files,
    site_of,
    write_folder,
)
from worldmodel.page.server import serve
from worldmodel.page.show import MEDIA
from worldmodel.page.visit import BUSY

pytestmark = pytest.mark.slow  # a browser that loads 8 or 11 MB

SENTENCE = r"[\w.][^\n]{10,200}\."


@contextmanager
def served(agents, make_env=Shades, visitors=2):
    """The address of the real server, with the token, and its server."""
    packed = [pack_agent(agent) for agent in agents]
    site = site_of([each.name for each in packed], socket="/socket", files=".")
    files = {"": page(site).encode()} | page_files()
    for each in packed:
        files |= agent_files(each)
    kinds = {path: MEDIA["." + path.rsplit(".")[-1]] if path else MEDIA[".html"] for path in files}
    said = []
    server = serve(
        [partial(real_engine, agent, make_env) for agent in agents],
        {f"/{path}": (content, kinds[path]) for path, content in files.items()},
        host="127.0.0.1", port=0, visitors=visitors, say=said.append,
    )  # fmt: skip
    try:
        yield server
        assert said == []
    finally:
        server.close()


def real_engine(agent, make_env):
    places, reel = read_page(agent)
    about = describe(agent, places, reel, engine="server", real=True)
    return Engine(agent.vae, agent.mdnrnn, agent.policy, places, reel, about, make_env)


def test_the_real_environment_beside_the_dream(viewing):
    agent = worldmodel.load("car_racing")
    with served([agent], agent.make_env) as server, viewing() as view:
        view.open(server.address)
        assert "runs on the server" in view.page.inner_text("#facts")
        view.steps(2)
        dreamt = view.pixels()
        view.set("#seed", 5)
        view.settle()
        view.page.click("#show-real")
        view.until("document.body.dataset.show === 'real' && spy.asked.at(-1).type === 'real'")
        view.settle()
        assert view.asked("real")[-1]["seed"] == 5
        first = view.pixels()
        assert first != dreamt
        assert view.page.locator(".stage canvas:visible").count() == 4
        assert view.page.is_disabled("#temperature")
        view.page.focus("#screen")
        view.page.keyboard.down("ArrowLeft")
        view.steps(2)
        view.page.keyboard.up("ArrowLeft")
        assert view.action()[0] == -1
        assert view.pixels() != first
        view.page.keyboard.press("n")
        view.until("spy.asked.at(-1).seed === 6")
        view.settle()
        view.page.click("#show-dream")
        view.settle()
        assert view.data("step") == "0"
        view.steps()


def test_the_worker_on_a_page_that_is_served(viewing, tmp_path):
    with served([page_agent(tmp_path / "small")]) as server, viewing() as view:
        view.open(f"{server.address}&engine=worker")
        assert "runs in this browser" in view.page.inner_text("#facts")
        view.steps(2)
        assert view.page.is_hidden("#show-real")
        view.page.click("#show-reel")
        view.settle()
        view.steps(2)
        assert view.data("step") == "2"


def test_a_server_that_is_gone_is_missed_in_a_sentence(viewing, tmp_path):
    with served([page_agent(tmp_path / "small")]) as server, viewing(quiet=False) as view:
        view.open(server.address)
        view.steps(2)
        server.close()
        view.page.click("#step")
        assert re.fullmatch(SENTENCE, view.said())
        assert "worldmodel page" in view.said()
        view.page.click("#play")
        view.until("document.body.dataset.playing === '0'")


def test_who_comes_too_late_is_told_so(viewing, tmp_path):
    with (
        served([page_agent(tmp_path / "small")], visitors=1) as server,
        viewing() as one,
        viewing(quiet=False) as two,
    ):
        one.open(server.address)
        two.page.goto(server.address)
        assert two.said_finally("All places are taken") == BUSY


def test_without_the_token_there_is_no_page(viewing, tmp_path):
    with served([page_agent(tmp_path / "small")]) as server, viewing(quiet=False) as view:
        answer = view.page.goto(server.address.partition("?")[0])
        assert answer.status == 403
        assert view.page.inner_text("body").strip() == "Open the whole address, with its token."


@pytest.fixture
def small_site(tmp_path):
    write_folder([pack_agent(page_agent(tmp_path / "small"))], tmp_path / "site")
    return tmp_path / "site"


BREAKAGES = {
    "no about": ("small/about.json", None),
    "broken about": ("small/about.json", b'{"about": '),
    "no model": ("small/model.safetensors", None),
    "empty model": ("small/model.safetensors", b""),
    "page for a model": ("small/model.safetensors", b"<!doctype html><title>Not found</title>"),
    "half a model": ("small/model.safetensors", 0.5),
    "no reel": ("small/reel.safetensors", None),
    "half a reel": ("small/reel.safetensors", 0.5),
    "no kernel": ("kernel.wasm", None),
    "broken kernel": ("kernel.wasm", b"no kernel"),
    "no worker": ("engine.bundle.js", None),
    "broken worker": ("engine.bundle.js", b"const;"),
}


@pytest.mark.parametrize("name", BREAKAGES)
def test_broken_files_are_told_of_in_a_sentence(viewing, host, small_site, name):
    path, content = BREAKAGES[name]
    broken = small_site / path
    if content is None:
        broken.unlink()
    else:
        whole = broken.read_bytes()
        broken.write_bytes(whole[: len(whole) // 2] if isinstance(content, float) else content)
    with host(small_site) as address, viewing(quiet=False) as view:
        view.page.goto(f"{address}/")
        said = view.said_finally("(?!Loading|This page does)")
        assert re.fullmatch(SENTENCE, said), said
        assert re.search("load|export|write|update", said), said
        assert not any("Uncaught" in error for error in view.errors if path != "engine.bundle.js")


NO_SIMD = """
  const {Worker: Hired} = window;
  const crippled = `WebAssembly.instantiate = () => Promise.reject(new Error("no SIMD"));`;
  window.Worker = class extends Hired {
    constructor(address) {
      const whole = new URL(address, location.href).href;
      const script = `${crippled} importScripts(${JSON.stringify(whole)});`;
      super(URL.createObjectURL(new Blob([script], {type: "text/javascript"})));
    }
  };
"""


def test_an_old_browser_is_told_so(viewing, host, small_site):
    with host(small_site) as address, viewing(NO_SIMD, quiet=False) as view:
        view.page.goto(f"{address}/")
        assert view.said_finally("This browser") == (
            "This browser has no WebAssembly with SIMD, which the dream needs: update it."
        )


ODD = {
    "eighteen actions": {"spec": KEYS},
    "joint, with few actions": {"spec": replace(KEYS, n_actions=3), "factorization": "joint",
                                "components": 3},
    "odd sizes, what moves": {"z": 5, "hidden": 7, "components": 3, "vae": VAEConfig(
        5, 0.5, (4, 6, 8, 10), (10, 6, 5), moving_nats=300.0)},
    "one of each": {"z": 1, "hidden": 1, "components": 1, "steps": 1,
                    "vae": VAEConfig(1, 0.5, (4, 6, 8, 10), (1, 1, 1))},
    "still, no heads": {"still": True, "reward_head": False, "end_head": False,
                        "dream": replace(DREAM, step_reward=1.0)},
    "no reel, one start, C with a hidden layer": {
        "steps": 0, "starts": 1, "controller": ControllerConfig(
            ("z", "h", "c"), True, False, True, hidden_units=5, components=None)},
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_odd_agents(viewing, host, tmp_path, name):
    odd = ODD[name]
    agent = page_agent(tmp_path / "od d#é%41", **{"spec": CAR, **odd})
    write_folder([pack_agent(agent)], tmp_path / "site")
    with host(tmp_path / "site") as address, viewing() as view:
        view.open(f"{address}/")
        view.set("#end", "never")
        view.page.focus("#screen")
        view.page.keyboard.down("2" if "spec" in odd else "ArrowLeft")
        view.play(until=("Number(document.getElementById('screen').dataset.step) > 2",))
        view.page.keyboard.up("2")
        view.page.keyboard.up("ArrowLeft")
        assert view.asked("step")[-1]["mix"] == 1
        view.steps(2)
        for button in ("#futures", "#effects"):
            view.page.click(button)
            view.settle()
        assert view.page.is_disabled("#show-reel") == (odd.get("steps") == 0)
        if odd.get("steps") != 0:
            view.page.click("#show-reel")
            view.settle()
            view.steps(odd.get("steps", 6))
            count = odd.get("steps", 6)
            said = f"The recording is over after {count} step{'s'[: count > 1]}."
            assert view.page.inner_text("#ended") == said
            view.steps()
            assert (view.data("step"), view.data("over")) == ("0", "")
        assert view.page.inner_text("#status") == ""
        assert "NaN" not in view.page.inner_text("body")


def test_a_folder_that_is_opened_from_disk_says_what_it_needs(viewing, small_site):
    with viewing(quiet=False) as view:
        view.page.goto((small_site / "index.html").as_uri())
        view.page.wait_for_selector(".unserved", state="visible")
        assert view.page.inner_text("#status").startswith("This page does not open from disk: ")
