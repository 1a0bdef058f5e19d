"""The older name of export.   python scripts/ship.py experiment=take_cover"""

import sys

from worldmodel.cli import main

if __name__ == "__main__":
    main(["ship", *sys.argv[1:]])
