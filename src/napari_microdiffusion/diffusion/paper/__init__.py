"""The diffusion of the paper: its settings, networks, noise schedule and samplers."""
