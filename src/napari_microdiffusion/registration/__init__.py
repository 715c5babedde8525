"""Registration of a point-scanned reference stack to projections of the same tissue."""
