"""Agents that come with the package or were exported: what a command line needs to play one."""

import re
from collections.abc import Sequence
from pathlib import Path

from worldmodel.run.json_file import damaged, read_json
from worldmodel.run.layout import SHIPPED, SHIPPED_AS, shipped_folder
from worldmodel.types import UserError

# What an agent's file may ask for: choices and numbers, nothing that names code.
ALLOWED = re.compile(
    r"(env|experiment|controller|vae|mdnrnn|world|evolve|seed|env\.id)=[\w/-]+"
    r"|env\.key=[\w.-]+|env\.obs=(native|render)|env\.crop=null|env\.crop_(rows|cols)=(null|\[\d+,\d+\])"
    r"|env\.(frame_skip|max_episode_steps)=\d+"
)


def with_agent(overrides: Sequence[str]) -> list[str]:
    """Overrides with `agent=<name>` replaced by those that this agent needs.

    The agent is <runs>/pretrained/<name>, or else the shipped one. `run=pretrained/<name>` is the
    older way to say it.

    Raises:
        UserError: if there is no such agent, or its file asks for more than ALLOWED.
    """
    given = [text for text in overrides if text.startswith(("agent=", "run="))]
    if not given:
        return list(overrides)
    key, _, value = given[-1].partition("=")
    name = f"{SHIPPED_AS}/{value}" if key == "agent" else value
    roots = [text.removeprefix("runs=") for text in overrides if text.startswith("runs=")]
    path = _find_agent(Path(roots[-1] if roots else "runs"), name)
    needed = read_json(path).get("overrides")
    if not isinstance(needed, list) or not all(isinstance(text, str) for text in needed):
        raise damaged(path, "it lacks a list of overrides")
    refused = [text for text in needed if not ALLOWED.fullmatch(text)]
    if refused:
        raise UserError(f"{path} asks for {refused}: a shipped agent may not.")
    rest = [text for text in overrides if text not in given]
    return [*needed, f"name={name}", *rest]


def shipped_agents() -> list[str]:
    """Names of the agents that come with the package."""
    return sorted(path.parent.name for path in SHIPPED.glob("*/agent.json"))


def _find_agent(runs: Path, name: str) -> Path:
    """The file of the agent that the run `name` plays."""
    folder = shipped_folder(name)
    places = [runs / name, *([folder] if folder is not None else [])]
    for place in places:
        if (place / "agent.json").exists():
            return place / "agent.json"
    raise UserError(
        f"{places[0] / 'agent.json'} is missing: export an agent under this name, or choose "
        f"agent={' or agent='.join(shipped_agents())}."
    )
