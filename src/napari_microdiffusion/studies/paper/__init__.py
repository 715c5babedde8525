"""The tables and figures of the paper as recipes: what a row runs, and the report of it."""
