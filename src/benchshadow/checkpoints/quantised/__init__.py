"""Weights that are stored in few bits with scales are read as what they stand for, or refused by name."""

from .wrapper import dequantised as dequantised
