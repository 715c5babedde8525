"""The settings of a run: models of what can be set, presets, files, and how they are put together."""
