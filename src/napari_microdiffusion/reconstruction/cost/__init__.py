"""What a run will cost: time, learned from earlier runs on the same machine, and memory."""
