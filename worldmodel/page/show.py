"""The page of some agents: served to a browser, or written as files."""

import webbrowser
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from worldmodel.dream.places import FILE, STAGE
from worldmodel.page.about import describe, name_of, read_page
from worldmodel.page.access import Site
from worldmodel.page.engine import Engine
from worldmodel.page.pack import (
    agent_files,
    pack_agent,
    page,
    page_files,
    site_of,
    write_folder,
    write_single,
)
from worldmodel.page.server import serve
from worldmodel.page.starts import write_page
from worldmodel.page.systems import PackedSystem, pack_systems, system_files
from worldmodel.run.layout import SHIPPED_AS
from worldmodel.trained import TrainedAgent, load_agent
from worldmodel.types import UserError

MEDIA = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".wasm": "application/wasm",
    ".safetensors": "application/octet-stream",
}


@dataclass(frozen=True)
class PageConfig:
    """`out` null serves the page at `host` and `port` to so many `visitors` at once, and `open`
    opens the browser there; a folder gets files for any static host, a path that ends in .html one
    file that opens from disk. `small` packs what is written into fewer bytes."""

    out: str | None
    small: bool
    open: bool
    host: str
    port: int
    visitors: int

    def __post_init__(self) -> None:
        if not 0 <= self.port < 1 << 16:
            raise ValueError(f"page.port is {self.port}: use 0 to 65535; 0 is a free one")
        if self.out is not None and not self.out.strip():
            raise ValueError(
                "page.out is empty: name a folder or a file, or null to serve the page"
            )
        if self.visitors < 1:
            raise ValueError(f"page.visitors is {self.visitors}: it must be at least 1")


def show(
    config: PageConfig,
    names: Sequence[object],
    runs: str,
    seed: int,
    modules: Sequence[str],
    systems: Sequence[object] = (),
) -> None:
    """Serve the page of the agents, with sequence models beside them, until Ctrl-C, or write it.

    Raises:
        UserError: if an agent or model is not there, or the page can't be written or served.
    """
    if not names or not all(isinstance(name, str) and name for name in names):
        raise UserError("agent names an agent, or several as [a,b].")
    if not isinstance(modules, list) or not all(isinstance(name, str) for name in modules):
        raise UserError(f"modules is {modules}: it must be a list of names, such as [mine].")
    agents = [_load(str(name), Path(runs), seed, modules) for name in names]
    called = [name_of(agent) for agent in agents]
    twice = sorted({name for name in called if called.count(name) > 1})
    if twice:
        raise UserError(f"Several agents are called {twice[0]}: export one under another name.")
    beside = pack_systems(systems, called, Path(runs), seed)
    if config.out is not None:
        _write(agents, beside, Path(config.out), config.small)
        return
    server = serve(
        [partial(_engine, agent) for agent in agents],
        _site(agents, beside),
        host=config.host,
        port=config.port,
        visitors=config.visitors,
        say=_say,
    )
    print(f"{server.address}\nCtrl-C ends it.", flush=True)
    if config.open:
        webbrowser.open(server.address)
    with suppress(KeyboardInterrupt):
        server.wait()
    _say("closed.")


def _load(name: str, runs: Path, seed: int, modules: Sequence[str]) -> TrainedAgent:
    """The agent; what its page shows is recorded if it is not there."""
    exported = runs / SHIPPED_AS / name
    agent = load_agent(exported if exported.is_dir() else name, seed, modules=tuple(modules))
    folder = agent.origin.stage(STAGE)
    if not (folder / FILE).exists():
        _say(f"recording real steps of {name} for its page, in {folder} …")
        write_page(agent, folder)
    return agent


def _engine(agent: TrainedAgent) -> Engine:
    places, reel = read_page(agent)
    about = describe(agent, places, reel, engine="server", real=True)
    return Engine(agent.vae, agent.mdnrnn, agent.policy, places, reel, about, agent.make_env)


def _write(
    agents: Sequence[TrainedAgent], systems: Sequence[PackedSystem], out: Path, small: bool
) -> None:
    packed = [pack_agent(agent, small) for agent in agents]
    write: Callable[..., int] = write_single if out.suffix.lower() == ".html" else write_folder
    size = write(packed, out, systems)
    hint = "open it in a browser" if out.suffix.lower() == ".html" else "any static host serves it"
    print(f"{out}: {size / 1e6:.1f} MB; {hint}")


def _site(agents: Sequence[TrainedAgent], systems: Sequence[PackedSystem]) -> Site:
    """All files of the page, by the path at which they are asked for."""
    packed = [pack_agent(agent) for agent in agents]
    names = [each.name for each in packed]
    site = site_of(names, socket="/socket", files=".", systems=systems)
    files = {"": page(site).encode()} | page_files()
    for each in packed:
        files |= agent_files(each)
    for system in systems:
        files |= system_files(system)
    return {f"/{name}": (content, _media(name)) for name, content in files.items()}


def _media(name: str) -> str:
    return MEDIA[Path(name).suffix] if name else MEDIA[".html"]


def _say(sentence: str) -> None:
    print(sentence, flush=True)
