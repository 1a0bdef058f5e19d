"""Temperature: how far sampling departs from what a model believes."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Temperature:
    """One temperature for each thing that is drawn; 1 samples as the model believes.

    `mixture` divides the logits of a mixture's components, `scale` multiplies the variance of the
    picked component, `event` divides the logits of yes-or-no and categorical events. 0 takes the
    most likely component, its mean, and the most likely event.

    Raises:
        ValueError: if one is negative or not a finite number.
    """

    mixture: float = 1.0
    scale: float = 1.0
    event: float = 1.0

    def __post_init__(self) -> None:
        for name in ("mixture", "scale", "event"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise ValueError(f"{name} temperature is {value}: it must be 0 or more, and finite")

    @classmethod
    def of(cls, value: "float | Temperature") -> "Temperature":
        """A single number τ for all three, as in Ha & Schmidhuber 2018: logits/τ, variance·τ."""
        return value if isinstance(value, cls) else cls(value, value, value)  # type: ignore[arg-type]

    @classmethod
    def graves(cls, bias: float) -> "Temperature":
        """The probability bias b of Graves 2013, section 5.4, as a temperature.

        Graves multiplies the logits by 1 + b and sets sigma = exp(raw - b): a mixture temperature
        of 1/(1 + b) and a scale temperature of exp(-2b), for a scale multiplies the variance. b = 0
        is unbiased sampling; the end of a stroke is not biased.

        Raises:
            ValueError: if `bias` is negative.
        """
        if not bias >= 0:
            raise ValueError(f"bias is {bias}: it can't be negative")
        return cls(mixture=1 / (1 + bias), scale=math.exp(-2 * bias), event=1.0)

    @classmethod
    def of_sigma(cls, value: float) -> "Temperature":
        """A temperature τ that multiplies sigma, where ours multiplies the variance by τ².

        This is how the published code of sketch_rnn and RoboJam samples.
        """
        return cls(mixture=value, scale=value * value, event=value)
