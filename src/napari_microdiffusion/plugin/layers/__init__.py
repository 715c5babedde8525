"""Layers: what they may be, where they lie, and how results stream into them."""
