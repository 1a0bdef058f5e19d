"""Show the dream in a browser, or write it as files.   python scripts/page.py agent=car_racing"""

from omegaconf import DictConfig

from worldmodel.config import Call, build, entry, to_plain
from worldmodel.page.show import show


@entry("page")
def main(cfg: DictConfig, _: Call) -> None:
    """Serve a page on which the dream is played, steered and looked into."""
    plain = to_plain(cfg)
    agents = plain["agent"] if isinstance(plain["agent"], list) else [plain["agent"]]
    systems = plain["systems"] if isinstance(plain["systems"], list) else [plain["systems"]]
    show(build(cfg.page), agents, plain["runs"], cfg.seed, plain["modules"], systems)


if __name__ == "__main__":
    main()
