"""DONE files as a stage leaves them, for tests of what reads them."""

import json


def write_done(folder, figures, **other):
    """Make a folder look like that of a finished stage."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = {"id": "id", "inputs": {}, "grows": {}, "minutes": 1.0, "figures": figures}
    (folder / "DONE").write_text(json.dumps(whole | other))
