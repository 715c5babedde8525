"""A video of projections resolved in depth: a structure that stays, modulated where and when they change."""
