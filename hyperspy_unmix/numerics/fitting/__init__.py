"""Models fitted to counts or maps: abundances of known spectra, goodness, an inclined boundary.

Knows `noise` and `reading`.
"""
