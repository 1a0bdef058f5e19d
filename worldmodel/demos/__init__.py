"""Classic problems that show what mixture densities are for."""
