"""From principal components to components: ICA or pure pixels, refinement, sign and scale.

Everything is a small matrix that mixes the components of a `LowRank`; the spectral derivative is
where independence is looked for. Knows `compression` and `noise`.
"""
