"""The page as files: a folder that any static host serves, or one file that opens from disk."""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from worldmodel.dream.places import Places
from worldmodel.page.about import describe, models, read_page
from worldmodel.page.starts import REEL
from worldmodel.page.systems import PackedSystem, system_files
from worldmodel.run import checkpoint, safetensors_format
from worldmodel.trained import TrainedAgent
from worldmodel.types import UserError

STATIC = Path(__file__).parent / "static"
KERNEL = "kernel.wasm"
INT8 = 127
LOSSY = 85  # quality of the frames of a small reel
WIDEST = "decoder.0.weight"  # of V, (inputs, outputs, 5, 5): half of what a page has to load
ENCODER = ("encoder.", "to_mu.", "to_logvar.")  # weights of V that a dream has no use for
IMPORT = re.compile(r"^import (\{[^}]*\}) from \"\./(\w+)\.js\";$", re.M)
EXPORT = re.compile(r"^export ((?:async function|function|class|const) (\w+))", re.M)
SITE = '<script type="application/json" id="site">{}</script>'


@dataclass(frozen=True)
class Packed:
    """An agent as the worker takes it: what it is told, and two files of tensors."""

    name: str
    told: Mapping[str, Any]
    model: bytes
    reel: bytes | None


def pack_agent(agent: TrainedAgent, small: bool = False) -> Packed:
    """Take what the page needs of an agent: V's decoder, M, C, its places and its reel.

    Args:
        agent: a trained one.
        small: V's widest layer in 8 bits, which moves no pixel by more than one grey level of 256,
            and the reel's frames as lossy WebP.

    Raises:
        UserError: if the agent was exported without places, or a weight is too large for float16.
    """
    places, reel = read_page(agent)
    about = describe(agent, places, reel, engine="worker", real=False)
    path = agent.origin.stage("page") / REEL
    return Packed(
        name=about["name"],
        told={"about": about, "models": models(agent)},
        model=model_file(agent, places, small),
        reel=None if reel is None else reel.packed(LOSSY) if small else path.read_bytes(),
    )


def model_file(agent: TrainedAgent, places: Places, small: bool = False) -> bytes:
    """Weights in half precision, parameters and places in full, as one safetensors file.

    With `small` the widest layer is int8 beside a `scale` for each of its inputs.

    Raises:
        UserError: if a weight is too large for float16.
    """
    vae = {name: weight for name, weight in agent.vae.state_dict().items()
           if not name.startswith(ENCODER)}  # fmt: skip
    policy = agent.policy
    controller = {"params": torch.tensor(policy.params), "offset": torch.tensor(policy.offset)}
    if policy.axes is not None:
        controller["axes"] = torch.tensor(policy.axes)
    try:
        halved = {"vae": safetensors_format.halve(vae),
                  "mdnrnn": safetensors_format.halve(agent.mdnrnn.state_dict())}  # fmt: skip
        if small:
            halved["vae"] |= eight_bits(WIDEST, vae[WIDEST])
    except ValueError as error:
        raise UserError(f"The agent can't be packed: {error}.") from error
    starts = {name: getattr(places, name) for name in ("z", "hidden", "cell", "restart")}
    return safetensors_format.pack(halved | {"controller": controller, "starts": starts})


def eight_bits(name: str, weight: Tensor) -> dict[str, Tensor]:
    """A weight (inputs, …) as int8, and what each input's row is to be multiplied by."""
    largest = weight.flatten(1).abs().amax(1).clamp(min=torch.finfo(torch.float32).tiny)
    scale = largest / INT8
    rounded = (weight / scale.view(-1, *[1] * (weight.ndim - 1))).round().to(torch.int8)
    return {name: rounded, f"{name}.scale": scale}


def bundle(entry: str) -> str:
    """A module of the page and all that it imports as one script; each keeps its own scope."""
    parts: dict[str, str] = {}

    def add(name: str) -> None:
        if name in parts:
            return
        source = (STATIC / f"{name}.js").read_text()
        for _, imported in IMPORT.findall(source):
            add(imported)
        exported = ", ".join(found for _, found in EXPORT.findall(source))
        body = EXPORT.sub(r"\1", IMPORT.sub(r"const \1 = \2$;", source))
        parts[name] = f"const {name}$ = (() => {{\n{body}\nreturn {{ {exported} }};\n}})();"

    add(entry)
    return "\n".join(parts.values())


def page(site: Mapping[str, Any]) -> str:
    """index.html that knows its site."""
    html = (STATIC / "index.html").read_text()
    assert html.count(SITE) == 1
    return html.replace(SITE, SITE.replace("{}", _embedded(site)))


def site_of(
    names: Sequence[str],
    *,
    socket: str | None,
    files: str | None,
    systems: Sequence[PackedSystem] = (),
) -> dict[str, Any]:
    """What the page is told of its site."""
    agents = [{"name": name, "label": name.replace("_", " ")} for name in names]
    listed = [each.listed for each in systems]
    return {"agents": agents, "systems": listed, "socket": socket, "files": files}


def page_files() -> dict[str, bytes]:
    """The page's own files but index.html, by name."""
    kinds = (".js", ".css", ".wasm")
    files = {path.name: path.read_bytes() for path in STATIC.iterdir() if path.suffix in kinds}
    return files | {"engine.bundle.js": bundle("engine").encode()}


def agent_files(packed: Packed) -> dict[str, bytes]:
    """An agent's files, by their paths."""
    files = {"about.json": json.dumps(packed.told).encode(), "model.safetensors": packed.model}
    if packed.reel is not None:
        files["reel.safetensors"] = packed.reel
    return {f"{packed.name}/{name}": content for name, content in files.items()}


def write_folder(
    agents: Sequence[Packed], folder: Path, systems: Sequence[PackedSystem] = ()
) -> int:
    """Write the page for any static host; returns the bytes written.

    Raises:
        UserError: if a file can't be written.
    """
    site = site_of([each.name for each in agents], socket=None, files=".", systems=systems)
    files = page_files() | {"index.html": page(site).encode()}
    for each in agents:
        files |= agent_files(each)
    for system in systems:
        files |= system_files(system)
    for name, content in files.items():
        with checkpoint.atomic(folder / name) as file:
            file.write(content)
    return sum(map(len, files.values()))


def write_single(agents: Sequence[Packed], path: Path, systems: Sequence[PackedSystem] = ()) -> int:
    """Write the page as one file that opens from disk; returns the bytes written.

    Raises:
        UserError: if it can't be written.
    """
    names = [each.name for each in agents]
    html = page(site_of(names, socket=None, files=None, systems=systems))
    kernel = (STATIC / KERNEL).read_bytes()
    parts = [_script(bundle("engine"), 'type="text/plain" id="engine"')]
    for index, each in enumerate(agents):
        content = dict(each.told) | {
            "model": _text(each.model),
            "reel": None if each.reel is None else _text(each.reel),
            "kernel": _text(kernel),
        }
        kind = f'type="application/json" id="agent-{index}"'
        parts.append(_script(_embedded(content), kind))
    for index, system in enumerate(systems):
        content = {"about": system.about, "model": _text(system.model), "kernel": _text(kernel)}
        kind = f'type="application/json" id="system-{index}"'
        parts.append(_script(_embedded(content), kind))
    parts.append(_script(bundle("app")))
    style = f"<style>\n{(STATIC / 'style.css').read_text()}\n</style>"
    html = _replaced(html, '<link rel="stylesheet" href="style.css">', style)
    html = _replaced(html, '<script type="module" src="app.js"></script>', "\n".join(parts))
    with checkpoint.atomic(path) as file:
        file.write(html.encode())
    return len(html.encode())


def _replaced(html: str, old: str, new: str) -> str:
    before, found, after = html.partition(old)
    assert found, f"index.html lacks {old}"
    return before + new + after


def _script(content: str, attributes: str = "") -> str:
    return f"<script{' ' + attributes if attributes else ''}>\n{content}\n</script>"


def _embedded(content: Mapping[str, Any]) -> str:
    """JSON that does not end the script in which it stands."""
    return json.dumps(content).replace("<", "\\u003c")


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
