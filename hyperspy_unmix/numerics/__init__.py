"""Numerics: pure functions on (pixels, channels) arrays. Nothing here imports HyperSpy."""
