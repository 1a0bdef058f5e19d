"""Write an agent, or a sequence model, as small files.   python scripts/export.py name=kanji"""

from pathlib import Path

from omegaconf import DictConfig

from worldmodel.config import Call, build, entry, settle, settled_overrides
from worldmodel.dream.places import STAGE
from worldmodel.page.starts import write_page
from worldmodel.run.export import SEQUENCE, export, export_sequence
from worldmodel.run.shipped import ALLOWED
from worldmodel.trained import load_agent
from worldmodel.types import UserError


@entry("export")
def main(cfg: DictConfig, call: Call) -> None:
    """Halve V, M and C of a finished run, or its sequence model, and tell what they cost."""
    if cfg.name is None or cfg.export.to is None:
        raise UserError("name and export.to are null: they name a run, and a folder below runs.")
    target = Path(cfg.runs) / cfg.export.to
    if (Path(cfg.runs) / cfg.name / f"seed{cfg.seed}" / SEQUENCE).exists():
        seed = f" seed={cfg.seed}" if cfg.seed else ""
        size = export_sequence(Path(cfg.runs), str(cfg.name), cfg.seed, target)
        print(f"{target}: {size / 2**20:.2f} MB; draw with it: run={cfg.export.to}{seed}")
        return
    settle(cfg, build)
    asked = [*call.overrides, *settled_overrides(cfg)]
    overrides = list(dict.fromkeys(text for text in asked if ALLOWED.fullmatch(text)))
    lost = [text for text in call.overrides
            if text.lstrip("+~").startswith("env.") and text not in overrides]  # fmt: skip
    if lost:
        raise UserError(
            f"A shipped agent can't hold {lost}: write them into a YAML file of yours, "
            "env/<name>.yaml in a folder that you give as --config-dir, and name it by env=<name>."
        )
    size = export(Path(cfg.runs), str(cfg.name), cfg.seed, target, overrides)
    if cfg.export.page:
        agent = load_agent(target, cfg.seed, modules=tuple(cfg.env.modules))
        size += write_page(agent, target / f"seed{cfg.seed}" / STAGE)
    print(f"{target}: {size / 2**20:.2f} MB; play it with agent={target.name}")


if __name__ == "__main__":
    main()
