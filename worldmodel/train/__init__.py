"""Supervised training: one loop for every model."""
