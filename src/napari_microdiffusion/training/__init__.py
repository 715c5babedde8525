"""Training the prior: specimen to projections to guide to batches, and the recipe that uses them."""
