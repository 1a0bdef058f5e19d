"""`python -m worldmodel <command>`, the same as `worldmodel <command>`."""

from worldmodel.cli import main

if __name__ == "__main__":
    main()
