"""The dock "Batch": many files, one after the other."""
