"""The environment that M predicts, for CMA-ES and as gymnasium environments."""
