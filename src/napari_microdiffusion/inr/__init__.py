"""Implicit neural representations: a continuous field fitted to one stack of projections.

Nothing here loads torch before a field is fitted, rendered or loaded.
"""
