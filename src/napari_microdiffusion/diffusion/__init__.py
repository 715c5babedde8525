"""Diffusion on the slab grid: the problem, networks, preconditioning, loss, samplers, fitting, priors."""
