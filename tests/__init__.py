"""A package, so that workers find it before the `tests` that Hershey-Fonts installs."""
