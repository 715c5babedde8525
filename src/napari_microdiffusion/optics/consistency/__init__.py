"""Data consistency: what may be added to a volume so that it re-projects onto the measurement."""
