"""Stacks too large for memory in a window: what is looked at comes first."""
