"""V, M and C together: acting on many observations at once."""
