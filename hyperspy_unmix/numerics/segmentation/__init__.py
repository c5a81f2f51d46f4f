"""Pixels that differ by noise only.

Homogeneous regions of spectra in compressed form, found with a stated rate of false alarms. Pure
functions on (pixels, k) arrays of scores and their noise; knows nothing of how these came about.
"""
