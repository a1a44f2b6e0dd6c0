"""One cell of the grid from its manifest to its records, and the proof of what was held equal."""
