"""How much of given spectra each pixel holds: maximum likelihood, non-negative."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.noise.model import NoiseModel
from hyperspy_unmix.numerics.reading.block import Block
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks
from hyperspy_unmix.numerics.types import Floats

STEPS = 50
HALVINGS = 12  # of a step that lowers the likelihood
SWEEPS = 100  # of the coordinates of a quadratic step
TOLERANCE = 1e-3  # of an abundance's own standard deviation
ROWS = 256  # pixels whose spectra, as recorded, are held at once
FEW_COUNTS = 2.0  # typical ones beside a pixel's own, for its error
LEAST_MEAN = 1e-9


@dataclass(frozen=True)
class Recorded:
    """Spectra as each pixel records them, and what they stand on.

    Parameters
    ----------
    weights : array, shape (pixels, shapes)
    shapes : array, shape (components, shapes, channels)
        A pixel records component i as ``weights @ shapes[i]``.
    scores : array, shape (pixels, any)
    background : array, shape (any, channels)
        A pixel's background is ``scores @ background``.
    """

    weights: Floats
    shapes: Floats
    scores: Floats
    background: Floats


def abundances(
    blocks: RowBlocks, recorded: Recorded, noise: NoiseModel, start: Floats, least_sd: Floats
) -> tuple[Floats, Floats]:
    """Non-negative abundances of given spectra, in one pass over the counts.

    Poisson counts: maximum likelihood, by Fisher scoring, each step halved until it raises the
    likelihood. Gain and read noise: the same, with counts and mean raised by the read variance over
    the gain. Other noise: least squares with its variance.

    Parameters
    ----------
    blocks : RowBlocks
    recorded : Recorded
    noise : NoiseModel
    start : array, shape (pixels, components)
        First guess.
    least_sd : array, shape (channels,)
        Noise of the channels, where the model has no other.

    Returns
    -------
    abundances, variance : array, shape (pixels, components)
        The variance is the inverse of the Fisher information, two counts added to the pixel's own.

    References
    ----------
    D. L. Snyder, A. M. Hammoud, R. L. White, J. Opt. Soc. Am. A 10 (1993) 1014,
    https://doi.org/10.1364/JOSAA.10.001014 (read noise)
    """
    shared = recorded.weights.shape[1] == 1 and bool((recorded.weights == 1).all())
    shapes, background = recorded.shapes, recorded.background
    number, kernels, channels = shapes.shape
    flat = shapes.transpose(1, 0, 2).reshape(kernels, -1)
    typical = np.maximum(start.mean(0), 0)
    typical = typical / max(float(typical.sum()), 1e-300)
    counted = noise.kind in ("poisson", "gain")
    gain = noise.channel_gain if noise.kind == "gain" else 1.0
    offset = max(noise.read_variance, 0.0) / gain if noise.kind == "gain" else 0.0
    # neighbours that share their charge: less noise in each, as much in sums
    excess = noise.gain / gain if noise.kind == "gain" else 1.0

    def on_rows(block: Block, rows: slice) -> Floats:
        weights, scores, guess = (given[rows] for given in block.given)
        design = shapes[None, :, 0] if shared else (weights @ flat).reshape(-1, number, channels)
        base = np.maximum(scores @ background, 0) + offset
        values = block.spectra[rows].astype(float) + offset
        if counted:
            found = _likeliest(values, design, base, guess)
            few = (found + FEW_COUNTS * gain * typical, design)
            weight = 1 / np.maximum(_mean(*few) + base, LEAST_MEAN)
        else:
            given = None if block.variance is None else block.variance[rows]
            weight = 1 / (least_sd**2 if given is None else given) * np.ones_like(values)
            right = _along(design, weight * (values - base))
            found = _non_negative(_normal(design, weight), right, np.maximum(guess, 0))
        variance = np.diagonal(np.linalg.pinv(_normal(design, weight)), axis1=1, axis2=2)
        unit = gain * excess if counted else 1.0
        return np.asarray(np.concatenate([found, variance * unit], 1))

    def on_block(block: Block) -> Floats:
        n = len(block.spectra)
        parts = [slice(i, i + ROWS) for i in range(0, n, ROWS)]
        return np.concatenate([on_rows(block, rows) for rows in parts])

    given = (np.asarray(recorded.weights), np.asarray(recorded.scores), np.asarray(start))
    both = blocks.rows(on_block, *given, stage="abundances")
    return both[:, :number], both[:, number:]


def _likeliest(values: Floats, design: Floats, base: Floats, guess: Floats) -> Floats:
    """Non-negative ``a``, likeliest if ``values`` are Poisson about ``a @ design + base``."""
    total = np.maximum((values - base).sum(1, keepdims=True), 1.0)
    # a start without anything has a likelihood of nothing
    some = 1e-3 * total / np.maximum(np.abs(design).sum((1, 2))[:, None], 1e-300)
    found: Floats = np.maximum(guess, some)
    left = np.arange(len(values))
    for _ in range(STEPS):
        of_left = design if len(design) == 1 else design[left]
        counts, under, before = values[left], base[left], found[left]
        mean = np.maximum(_mean(before, of_left) + under, LEAST_MEAN)
        normal = _normal(of_left, 1 / mean)
        after = _non_negative(normal, _along(of_left, (counts - under) / mean), before)
        known = _likelihood(counts, mean)
        for _ in range(HALVINGS):
            worse = _likelihood(counts, _mean(after, of_left) + under) < known
            if not worse.any():
                break
            after[worse] = (after[worse] + before[worse]) / 2
        after[worse] = before[worse]
        found[left] = after
        error = np.sqrt(1 / np.maximum(np.diagonal(normal, axis1=1, axis2=2), 1e-300))
        left = left[(np.abs(after - before) > TOLERANCE * error).any(1)]
        if not len(left):
            break
    return found


def _mean(found: Floats, design: Floats) -> Floats:
    if len(design) == 1:
        return np.asarray(found @ design[0])
    return np.asarray((found[:, None] @ design)[:, 0])


def _along(design: Floats, values: Floats) -> Floats:
    """Products of the rows of ``values`` with each of their spectra, shape (rows, components)."""
    if len(design) == 1:
        return np.asarray(values @ design[0].T)
    return np.asarray((design @ values[:, :, None])[..., 0])


def _normal(design: Floats, weights: Floats) -> Floats:
    """Weighted products of the spectra of each row, shape (rows, components, components)."""
    if len(design) == 1:
        number = design.shape[1]
        products = (design[0][:, None] * design[0]).reshape(number**2, -1)
        return np.asarray((weights @ products.T).reshape(-1, number, number))
    return np.asarray((design * weights[:, None]) @ design.transpose(0, 2, 1))


def _likelihood(counts: Floats, mean: Floats) -> NDArray[np.floating]:
    safe = np.maximum(mean, LEAST_MEAN)
    return np.asarray(np.sum(counts * np.log(safe) - safe, 1))


def _non_negative(normal: Floats, right: Floats, start: Floats) -> Floats:
    """Non-negative least squares of many small normal equations, by coordinate descent."""
    found = start.copy()
    diagonal = np.maximum(np.diagonal(normal, axis1=1, axis2=2), 1e-300)
    for _ in range(SWEEPS):
        largest = 0.0
        for i in range(found.shape[1]):
            slope = right[:, i] - np.einsum("pj,pj->p", normal[:, i], found)
            moved = np.maximum(found[:, i] + slope / diagonal[:, i], 0)
            change = np.abs(moved - found[:, i]) * np.sqrt(diagonal[:, i])
            largest = max(largest, float(change.max(initial=0)))
            found[:, i] = moved
        if largest < 0.1 * TOLERANCE:
            break
    return found
