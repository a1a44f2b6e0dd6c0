"""From the records of all runs to claims, signatures and sentences."""
