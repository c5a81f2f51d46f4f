"""Tests of the numerics; every one says which truth it compares with."""
