"""Performances as sound: a swipe is a tone whose pitch and colour follow the finger."""

import wave
from pathlib import Path

import numpy as np

from worldmodel.run.checkpoint import atomic
from worldmodel.touch.picture import swipes
from worldmodel.types import FloatArray

RATE = 44_100  # samples a second
LOWEST = 110.0  # Hz, at the left edge; an octave for each third of the screen
OCTAVES = 3.0
ATTACK, RELEASE = 0.01, 0.12  # seconds
LOUD = 0.6  # of what a sample can hold


def write_wav(path: Path, touches: FloatArray, seconds: float) -> None:
    """Write touches (T, 3) of x, y and dt as so many seconds of sound, one channel of 16 bits.

    Raises:
        UserError: if the file can't be written.
    """
    sound = synthesise(touches, seconds)
    peak = max(float(np.abs(sound).max()), 1e-9)
    samples = np.rint(sound / peak * LOUD * 32767).astype("<i2")
    with atomic(path) as file, wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(samples.tobytes())


def synthesise(touches: FloatArray, seconds: float) -> FloatArray:
    """The sound (samples,) of touches."""
    sound = np.zeros(int(RATE * seconds), np.float32)
    time = np.cumsum(touches[:, 2]) - (touches[0, 2] if len(touches) else 0)
    begin = 0
    for swipe in swipes(touches):
        at = time[begin : begin + len(swipe)]
        begin += len(swipe)
        first = int(at[0] * RATE)
        last = min(len(sound), int((at[-1] + RELEASE) * RATE) + 1)
        if last <= first:
            continue
        now = np.arange(first, last) / RATE
        pitch = LOWEST * 2 ** (OCTAVES * np.interp(now, at, swipe[:, 0]))
        bright = np.interp(now, at, swipe[:, 1])
        phase = 2 * np.pi * np.cumsum(pitch) / RATE
        tone = np.sin(phase) + bright * (np.sin(2 * phase) / 2 + np.sin(3 * phase) / 3)
        rise = np.clip((now - at[0]) / ATTACK, 0, 1)
        fall = np.clip((at[-1] + RELEASE - now) / RELEASE, 0, 1)
        sound[first:last] += tone * rise * fall
    return sound
