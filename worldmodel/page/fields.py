"""Rules for the fields of a message, and what takes the fields one after another."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from worldmodel.types import EnvSpec, UserError

SHOWN = 40  # characters of a wrong value that a sentence repeats

T = TypeVar("T")
Vector = tuple[float, ...]


@dataclass(frozen=True)
class Rule(Generic[T]):
    """`read` gives the value, or None for what is against the rule; `use` says the rule."""

    read: Callable[[object], T | None]
    use: str


def whole(low: int, high: int) -> Rule[int]:
    """A whole number from `low` to `high`."""

    def read(given: object) -> int | None:
        if not isinstance(given, int) or isinstance(given, bool):
            return None
        return given if low <= given <= high else None

    return Rule(read, f"a whole number from {low} to {high}")


def number(low: float, high: float) -> Rule[float]:
    """A number from `low` to `high`, which NaN is not."""

    def read(given: object) -> float | None:
        if not isinstance(given, int | float) or isinstance(given, bool):
            return None
        return float(given) if low <= given <= high else None

    return Rule(read, f"a number from {low:g} to {high:g}")


def one_of(names: Sequence[str]) -> Rule[str]:
    """One of these names."""

    def read(given: object) -> str | None:
        return given if isinstance(given, str) and given in names else None

    return Rule(read, f"{', '.join(names[:-1])} or {names[-1]}")


def several(rule: Rule[T], fewest: int, most: int) -> Rule[tuple[T, ...]]:
    """A list of `fewest` to `most` values that follow `rule`."""

    def read(given: object) -> tuple[T, ...] | None:
        if not isinstance(given, list | tuple) or not fewest <= len(given) <= most:
            return None
        found = [value for value in map(rule.read, given) if value is not None]
        return tuple(found) if len(found) == len(given) else None

    count = f"{fewest}" if fewest == most else f"{fewest} to {most}"
    return Rule(read, f"a list of {count}, each {rule.use}")


def action_vector(spec: EnvSpec, largest: float) -> Rule[Vector]:
    """An action of an environment: numbers within ±`largest`, or a one-hot vector."""
    size = spec.action_dim
    numbers = several(number(-largest, largest), size, size)
    if not spec.discrete:
        return Rule(numbers.read, f"a list of {size} numbers")

    def read(given: object) -> Vector | None:
        found = numbers.read(given)
        return found if found is not None and sorted(found) == [0.0] * (size - 1) + [1.0] else None

    return Rule(read, f"a list of {size} numbers, a 1 among 0s")


def values_by_index(count: int, largest: float) -> Rule[dict[int, float]]:
    """{index below `count`: number within ±`largest`}; JSON has the indices as strings."""
    value = number(-largest, largest)

    def read(given: object) -> dict[int, float] | None:
        if not isinstance(given, Mapping):
            return None
        found = {}
        for name, what in given.items():
            fits = value.read(what)
            if fits is None or not re.fullmatch("0|[1-9][0-9]{0,5}", str(name)):
                return None
            found[int(name)] = fits
        return found if all(index < count for index in found) else None

    return Rule(read, f"{{index below {count}: number within ±{largest:g}}}")


class Fields:
    """The fields of one message, each of which is taken once.

    Args:
        given: the message; has a `type`.
    """

    def __init__(self, given: Mapping[Any, Any]) -> None:
        self._given, self._kind, self._taken = given, given["type"], {"type"}

    def take(self, name: str, rule: Rule[T]) -> T:
        """A field that is needed.

        Raises:
            UserError: if it is missing or against the rule.
        """
        self._taken.add(name)
        found = rule.read(self._given.get(name))
        if found is None:
            value = shown(self._given.get(name))
            raise UserError(f"{self._kind}.{name} is {value}: use {rule.use}.")
        return found

    def maybe(self, name: str, rule: Rule[T]) -> T | None:
        """A field that may be missing or null, then None.

        Raises:
            UserError: if it is against the rule.
        """
        self._taken.add(name)
        return None if self._given.get(name) is None else self.take(name, rule)

    def refuse_others(self) -> None:
        """Refuse what was not taken.

        Raises:
            UserError: naming it.
        """
        for name in self._given:
            if name not in self._taken:
                raise UserError(f"{self._kind} has no field {shown(name)}.")


def shown(value: object) -> str:
    """A value as a sentence may repeat it."""
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
