"""Studies: the engine and the evaluation put together, to show and to measure what they do."""
