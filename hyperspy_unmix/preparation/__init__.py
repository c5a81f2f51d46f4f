"""What is decided before the PCA, and why: `prepare` turns a signal into `Prepared`.

In the order of the modules' use: spectrum image (masks, spikes, first pass), thickness, low loss,
drift, background, noise. Knows `arguments` and `numerics`.
"""
