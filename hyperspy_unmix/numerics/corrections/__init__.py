"""What is taken out of compressed counts, and put back: each one class with `remove` and `restore`.

Shifts of fractions of a channel, the zero-loss tail, the background, plural scattering, and what
such shifts make of detail finer than a channel; `chain` composes them in this order. Knows
`compression` and, for the kernels, `low_loss`.
"""
