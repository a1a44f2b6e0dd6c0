"""Where rooms meet: measure one checkpoint or one change, run a study, verify what was held equal."""
