"""The footprint of a checkpoint or of a change: matrices measured side by side, tables, and what was kept."""
