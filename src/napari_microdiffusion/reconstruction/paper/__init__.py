"""The paper's diffusion as stages of a run, and what it is conditioned on."""
