"""The noise of the counts: its model, its estimate, its whitening, and how far it reaches.

A `NoiseModel` gives the variance of every value; weights and whitening scale the data so that this
becomes one; the noise edge is the largest singular value that such noise has. Knows
`linear_algebra`.
"""
