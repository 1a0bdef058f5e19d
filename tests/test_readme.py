"""What the README shows is what the repository holds."""

import re
import shlex
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from worldmodel.config import CONF, build, take_out, with_agent

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)
LINES = [line.split("#")[0].strip() for kind, block in BLOCKS if kind == "bash"
         for line in block.splitlines()]  # fmt: skip
# Such as `world=hybrid evolve.rollouts=4`.
INLINE = sorted(
    {" ".join(span.split()) for span in re.findall(r"`((?:\+{0,2}[\w.]+=[^`\s]+\s?)+)`", README)}
    - {"run=pretrained/car_racing", "run=pretrained/take_cover"}
)
# Such as `python scripts/benchmark.py`, over as many lines as it takes.
TOLD = [" ".join(span.split()) for span in re.findall(r"`(python scripts/[^`]+)`", README)]
COMMANDS = [line for line in [*LINES, *TOLD] if line.startswith(("python scripts", "bash scripts"))]


def test_the_yaml_is_the_file():
    (block,) = [block for kind, block in BLOCKS if kind == "yaml"]
    assert block == (CONF / "env" / "pendulum.yaml").read_text()


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_exist_and_compose(command, monkeypatch):
    monkeypatch.chdir(ROOT)
    program, script, *overrides = shlex.split(command)
    assert (ROOT / script).exists()
    if program == "python":
        with initialize_config_dir(str(CONF), version_base="1.3"):
            config = compose(Path(script).stem, ["name=readme", *with_agent(overrides)])
        for part in ("env", "evolve", "controller", "mdnrnn", "vae", "evaluate", "backend"):
            if part in config:
                build(config[part])


@pytest.mark.parametrize("span", INLINE)
def test_overrides_in_the_text_compose_and_build(span):
    script = "benchmark" if span.startswith(("benchmark", "device")) else "pipeline"
    with initialize_config_dir(str(CONF), version_base="1.3"):
        # What a round keeps is iterate's to read: no stage has such a key.
        _, overrides = take_out("keep", shlex.split(span))
        config = compose(script, ["experiment=quickstart", "name=readme", *overrides])
    for part in ("env", "evolve", "controller", "mdnrnn") if script == "pipeline" else ():
        build(config[part])


def test_pictures_and_files_exist():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if "://" not in target:
            assert (ROOT / target).exists(), target


def test_nothing_was_left_to_fill_in():
    assert not re.search(r"@\w+@|\b(TODO|TBD)\b", README)


def test_the_code_of_the_mixture_library_runs():
    text = (ROOT / "worldmodel" / "mdn" / "README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, object] = {}
    exec(code, names)
    assert names["drawn"]["move"].shape == (8, 40, 2)  # type: ignore[index]
    assert names["drawn"]["pen"].shape == (8, 40)  # type: ignore[index]
    assert names["parts"]["total"].isfinite()  # type: ignore[index]
