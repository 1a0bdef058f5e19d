"""Agents in worlds: V, M and C batched over many rollouts, real or dreamt."""
