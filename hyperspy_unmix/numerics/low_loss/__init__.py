"""The low loss: zero-loss peak, t/lambda, inelastic part, map of the thickness.

The peak is found and split off, every pixel is read once, and the log-ratio and its error follow.
Knows `compression`, `noise` and `reading`.
"""
