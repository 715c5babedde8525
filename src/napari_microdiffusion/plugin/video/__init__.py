"""The dock "Reconstruct video"."""
