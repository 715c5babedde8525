"""The dock "Reconstruct volume"."""
