"""The causal test: directions of a change scaled down, and what becomes of every tier."""
