"""The guide from a reference: a point-scanned stack of the same tissue, registered, shared out, weighted."""
