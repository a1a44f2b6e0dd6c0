"""benchshadow tells what training data did to a model."""
