"""Learning curves: read from what a run left, and drawn."""
