"""Performances on a touch screen: sequences of places and times."""
