"""Agents and explorers in real environments."""
