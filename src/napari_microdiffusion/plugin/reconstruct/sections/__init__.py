"""The sections of the dock "Reconstruct volume"."""
