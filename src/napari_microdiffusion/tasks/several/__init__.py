"""Several stacks: those of one layer as one image, and the pieces of a batch."""
