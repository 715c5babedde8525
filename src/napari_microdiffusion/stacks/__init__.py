"""Stacks in image layers: where they lie, what is known of them, and what they may be."""
