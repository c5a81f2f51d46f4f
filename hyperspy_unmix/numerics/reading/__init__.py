"""Counts from numpy or dask arrays, a block of rows at a time.

Everything that passes over the data does so with `RowBlocks`: masks, replaced values and shifts of
whole channels are applied here, and the first pass sums up what all later stages start from. Knows
only `types` and `threads`.
"""
