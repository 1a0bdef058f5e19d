"""What the package holds beside its code; all else is said in pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import find_packages, setup

# pip builds in the checkout, and would pack modules that an older version has left there.
shutil.rmtree(Path(__file__).parent / "build" / "lib", ignore_errors=True)

# Folders of the repository that an installed worldmodel has within itself.
FOLDERS = {
    "worldmodel.conf": "conf",
    "worldmodel.scripts": "scripts",
    "worldmodel.pretrained": "runs/pretrained",
}

setup(
    packages=[*find_packages(include=["worldmodel*"]), *FOLDERS],
    package_dir={"worldmodel": "worldmodel", **FOLDERS},
    package_data={
        "worldmodel": ["py.typed", "*/README.md"],
        "worldmodel.conf": ["README.md", "*.yaml", "*/*.yaml"],
        "worldmodel.pretrained": [
            "*/README.md",
            "*/agent.json",
            "*/seed*/train_*/DONE",
            "*/seed*/train_*/checkpoints/*.safetensors",
        ],
    },
    include_package_data=False,
)
