"""Rates of the inner loops, ours against the naive way, measured in one run."""
