"""Stacks too large for memory: surveyed once, then reconstructed block by block, from disk to disk."""
