"""One file a stage: what each of the scripts does."""
