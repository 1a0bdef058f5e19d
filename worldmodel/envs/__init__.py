"""Environments: from a YAML file to batches of 64×64 frames."""
