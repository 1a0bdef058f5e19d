"""Kills at seeded moments: whether every command goes on to the result that it would have had."""
