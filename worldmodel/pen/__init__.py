"""Handwriting, invented kanji and sketches: sequences of pen movements."""
