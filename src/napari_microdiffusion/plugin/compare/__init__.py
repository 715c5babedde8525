"""The dock "Compare with ground truth"."""
