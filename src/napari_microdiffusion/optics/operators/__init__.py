"""Projection operators, their transposes and inverses, and the linear systems these need."""
