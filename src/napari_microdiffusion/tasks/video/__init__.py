"""A video that is resolved in depth: what it costs, its volumes on disk, its traces, its files."""
