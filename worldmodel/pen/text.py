"""Texts as numbers of characters."""

from collections.abc import Sequence

import numpy as np
import torch

from worldmodel.data.sequences import Sequences
from worldmodel.pen.window import Text, WindowNetwork
from worldmodel.types import IntArray, UserError


def texts_of(sequences: Sequences) -> np.ndarray:
    """The text of each line.

    Raises:
        UserError: for a set of drawings that have none.
    """
    if "text" not in sequences.labels:
        raise UserError("Writing needs lines with their text: use strokes=lines or iam_ondb.")
    return sequences.labels["text"]


def alphabet(texts: Sequence[str]) -> str:
    """The characters of some texts, each once, in order."""
    return "".join(sorted(set("".join(texts))))


def encode(texts: Sequence[str], characters: str) -> tuple[IntArray, IntArray]:
    """Numbers (B, longest) of characters, 0 behind a text's end, and lengths (B,).

    Raises:
        UserError: for a text that is empty, or has characters that are not among these.
    """
    known = {character: i for i, character in enumerate(characters)}
    for text in texts:
        unknown = "".join(sorted({each for each in text if each not in known}))
        if unknown or not text.strip():
            what = f"has {unknown!r}" if unknown else "is empty"
            raise UserError(f"The text {text!r} {what}: use some of {characters!r}.")
    lengths = np.array([len(text) for text in texts])
    numbers = np.zeros((len(texts), lengths.max()), np.int64)
    for i, text in enumerate(texts):
        numbers[i, : len(text)] = [known[character] for character in text]
    return numbers, lengths


def read_texts(model: WindowNetwork, texts: Sequence[str], characters: str) -> Text:
    """Texts as the network sees them."""
    numbers, lengths = (torch.from_numpy(each) for each in encode(texts, characters))
    where = model.scale.device
    return model.read(numbers.to(where), lengths.to(where))
