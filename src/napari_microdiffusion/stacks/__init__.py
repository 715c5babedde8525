"""Stacks in image layers: from files and into files, where they lie, what they may be."""
