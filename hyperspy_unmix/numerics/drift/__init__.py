"""Energy drift: found in groups of spectra, smoothed along the scan, told from components.

Also the offset between the energies of two images. Nothing is moved here: `corrections` does that.
Knows `compression` and `noise`.
"""
