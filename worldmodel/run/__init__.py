"""A run on disk: its stages and folders, checkpoints, log, progress bar and hardware."""
