"""Beams: their shapes, foci and side lobes, and how the volume's slices sample them."""
