"""From counts to `LowRank`: weighted PCA, its scree, and how many components it holds.

Two passes over the data, the Gram matrix and the scores; what comes later works on
``scores @ components``. Knows `noise` and `reading`.
"""
