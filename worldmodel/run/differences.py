"""What two configurations of one run differ in."""

from collections.abc import Iterator, Mapping
from typing import Any

from worldmodel.run.compat import DESCRIPTIVE, same_value
from worldmodel.run.layout import lookup


def differences(
    before: Mapping[str, Any], now: Mapping[str, Any], keys: tuple[str, ...]
) -> Iterator[tuple[str, Any, Any]]:
    """(dotted key, value before, value now) of all that differs below these keys.

    Keys that only describe results do not count, nor does the module of a class.
    """
    for key in keys:
        yield from _compare(key, lookup(before, key), lookup(now, key))


def is_more(now: Any, before: Any) -> bool:
    """Whether a budget was raised; null is none. Of what is no number, whether it was changed."""
    if now is None or before is None:
        return now is None and before is not None
    return bool(now > before) if isinstance(now, int | float) else now != before


def _compare(key: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        # An environment's id says more than the keys that follow from it.
        for name in sorted(old.keys() | new.keys(), key=lambda name: (name != "id", name)):
            yield from _compare(f"{key}.{name}", old.get(name), new.get(name))
    elif key not in DESCRIPTIVE and not same_value(key, old, new):
        yield key, old, new
