"""The dock "Simulate projections"."""
