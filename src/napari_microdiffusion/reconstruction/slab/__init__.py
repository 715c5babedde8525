"""The slab diffusion as stages of a run: network inputs of a tile, posterior mean, samples, uncertainty."""
