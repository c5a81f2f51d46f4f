"""Mutants of the numerics, and the tests that meet them, for `mutation.py`."""
