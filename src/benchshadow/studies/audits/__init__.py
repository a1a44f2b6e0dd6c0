"""Corpora read chunk by chunk: audited against benchmarks, or built into arms."""
