"""Threads and progress: one job at a time for each dock."""
