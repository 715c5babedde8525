"""The command line: parse, call, print."""

from .program import app, main

__all__ = ["app", "main"]
