"""V, M and C: the three parts of a world model."""
