"""Data at rest and on its way to training: episodes, frames for V, latents for M."""
