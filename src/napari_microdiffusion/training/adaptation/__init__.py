"""Adapting a prior to reference volumes in seconds, before any training."""
