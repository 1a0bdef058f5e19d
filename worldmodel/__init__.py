"""World Models (Ha & Schmidhuber 2018): learn an environment's dynamics, then act inside them."""

__version__ = "0.1.0"
