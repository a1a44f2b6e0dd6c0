"""What a run starts from: its base, its arm's tokens, and the tasks of its replicate."""
