"""The dock "Adapt prior"."""
