"""One visitor's talk with an engine: JSON comes in, JSON with a block of frames goes out."""

import json
import struct
import traceback
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from worldmodel.page.engine import Answer, Engine
from worldmodel.types import UserError

if TYPE_CHECKING:
    from websockets.sync.server import ServerConnection

LARGEST_MESSAGE = 64 * 1024  # bytes
LARGEST_ID = 2**53 - 1  # of whole numbers in JavaScript
BUSY = "All places are taken: close another tab of this page, then load it again."
NO_ENGINE = "This agent can't be loaded: the terminal says why."
FAULT = "The engine failed at this: the terminal says how."


def visit(
    connection: "ServerConnection", make_engine: Callable[[], Engine], say: Callable[[str], None]
) -> None:
    """Answer one message after another until the visitor leaves.

    A fault of the engine is answered by a sentence and said; the visit goes on.
    """
    from websockets.exceptions import ConnectionClosed
    from websockets.frames import CloseCode

    try:
        engine = make_engine()
    except Exception as error:
        say(f"The page's agent can't be loaded: {_told(error)}")
        connection.close(CloseCode.INTERNAL_ERROR, NO_ENGINE)
        return
    try:
        for given in connection:
            connection.send(reply(engine, given, say))
    except ConnectionClosed:
        pass
    finally:
        engine.close()


def reply(engine: Engine, given: str | bytes, say: Callable[[str], None]) -> bytes:
    """The packed answer to what came; it has the message's `id`, null where that can't be read."""
    number: int | None = None
    try:
        number, message = read(given)
        return pack({"id": number, **engine.answer(message)})
    except UserError as error:
        return pack({"id": number, "error": str(error)})
    except Exception as error:
        say(f"The page's engine failed: {_told(error)}")
        return pack({"id": number, "error": FAULT})


def read(given: str | bytes) -> tuple[int, Mapping[str, Any]]:
    """The `id` of a message and the message without it.

    Raises:
        UserError: if it is not a JSON object with a whole number as `id`.
    """
    if not isinstance(given, str):
        raise UserError("A message is text.")
    try:
        message = json.loads(given)
    except (ValueError, RecursionError) as error:
        raise UserError("A message is JSON.") from error
    if not isinstance(message, dict):
        raise UserError("A message is an object.")
    number = message.pop("id", None)
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= LARGEST_ID:
        raise UserError("A message needs a whole number as id, 0 or more.")
    return number, message


def pack(answer: Answer) -> bytes:
    """The length of the JSON (4 bytes, little-endian), the JSON, and all frames one after another.

    In the JSON stands {"$": [offset, length]} in the place of a frame field, in bytes of what
    follows the JSON.

    Raises:
        ValueError: for a number that is not finite.
    """
    plain, blocks, at = {}, [], 0
    for name, value in answer.items():
        if isinstance(value, np.ndarray):
            block = value.tobytes()
            plain[name] = {"$": [at, len(block)]}
            blocks.append(block)
            at += len(block)
        else:
            plain[name] = value
    text = json.dumps(plain, allow_nan=False, separators=(",", ":")).encode()
    return b"".join([struct.pack("<I", len(text)), text, *blocks])


def _told(error: Exception) -> str:
    """An exception in one line: a person's to mend as it is, others with where they arose."""
    if isinstance(error, UserError):
        return str(error)
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({where.filename}, line {where.lineno})"
