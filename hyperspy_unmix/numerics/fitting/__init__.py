"""Models fitted to counts or maps: abundances of known spectra, goodness, a boundary.

Knows `noise` and `reading`.
"""
