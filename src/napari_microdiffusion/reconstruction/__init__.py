"""From projections to a volume, as a stream of events."""
