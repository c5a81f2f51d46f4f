"""How much of given spectra each pixel holds: maximum likelihood, non-negative."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.noise.model import NoiseModel
from hyperspy_unmix.numerics.reading.block import Block
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks
from hyperspy_unmix.numerics.types import Floats

MOST_SCORING_STEPS = 50
MOST_HALVINGS = 12  # of a step that lowers the likelihood
MOST_SWEEPS = 100  # of the coordinates of a quadratic step
SETTLED_CHANGE = 1e-3  # of an abundance's own standard deviation, in one step
PIXELS_FITTED_AT_ONCE = 256  # whose spectra, as recorded, are held
COUNTS_ADDED_FOR_ERROR = 2.0  # typical ones beside a pixel's own
LEAST_MEAN = 1e-9  # counts in a channel


@dataclass(frozen=True)
class RecordedSpectra:
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

    @property
    def are_alike(self) -> bool:
        """Whether all pixels record the same spectra."""
        return self.weights.shape[1] == 1 and bool((self.weights == 1).all())


@dataclass(frozen=True)
class _Counting:
    """What counts and their likelihood take of the noise model.

    ``gain`` is that of a channel, ``offset`` what read noise adds to counts and mean;
    ``excess_of_sums`` is the variance of sums over channels, in units of that of independent ones:
    above one where neighbours share their charge, for there is less noise in each, and as much in
    sums.
    """

    gain: float = 1.0
    offset: float = 0.0
    excess_of_sums: float = 1.0

    @classmethod
    def of(cls, noise: NoiseModel) -> _Counting:
        if noise.kind != "gain":
            return cls()
        gain = noise.channel_gain
        return cls(gain, max(noise.read_variance, 0.0) / gain, noise.gain / gain)


def abundances(
    blocks: RowBlocks, recorded: RecordedSpectra, noise: NoiseModel, start: Floats, least_sd: Floats
) -> tuple[Floats, Floats]:
    """Non-negative abundances of given spectra, in one pass over the counts.

    Poisson counts: maximum likelihood, by Fisher scoring, each step halved until it raises the
    likelihood. Gain and read noise: the same, with counts and mean raised by the read variance over
    the gain. Other noise: least squares with its variance.

    Parameters
    ----------
    blocks : RowBlocks
    recorded : RecordedSpectra
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
    shapes, background, are_alike = recorded.shapes, recorded.background, recorded.are_alike
    n_components, n_shapes, n_channels = shapes.shape
    shapes_by_weight = shapes.transpose(1, 0, 2).reshape(n_shapes, -1)
    typical = np.maximum(start.mean(0), 0)
    typical = typical / max(float(typical.sum()), 1e-300)
    are_counts = noise.kind in ("poisson", "gain")
    counting = _Counting.of(noise)

    def on_rows(block: Block, rows: slice) -> Floats:
        """Abundances of some of the pixels of a block, and beside them their variance."""
        weights, scores, guess = (array[rows] for array in block.per_pixel)
        if are_alike:
            design = shapes[None, :, 0]
        else:
            design = (weights @ shapes_by_weight).reshape(-1, n_components, n_channels)
        base = np.maximum(scores @ background, 0) + counting.offset
        values = block.spectra[rows].astype(float) + counting.offset
        if are_counts:
            amounts, variance = _fit_counts(values, design, base, guess, typical, counting)
        else:
            noise_variance = least_sd**2 if block.variance is None else block.variance[rows]
            amounts, variance = _fit_least_squares(values, design, base, guess, noise_variance)
        return np.asarray(np.concatenate([amounts, variance], 1))

    def on_block(block: Block) -> Floats:
        firsts = range(0, len(block.spectra), PIXELS_FITTED_AT_ONCE)
        return np.concatenate(
            [on_rows(block, slice(first, first + PIXELS_FITTED_AT_ONCE)) for first in firsts]
        )

    amounts_and_variance = blocks.rows(
        on_block,
        np.asarray(recorded.weights),
        np.asarray(recorded.scores),
        np.asarray(start),
        stage="abundances",
    )
    return amounts_and_variance[:, :n_components], amounts_and_variance[:, n_components:]


def _fit_counts(
    values: Floats,
    design: Floats,
    base: Floats,
    guess: Floats,
    typical: Floats,
    counting: _Counting,
) -> tuple[Floats, Floats]:
    """Likeliest abundances and their variance; ``typical`` (components,) deals out added counts."""
    amounts = maximise_likelihood(values, design, base, guess)
    added = COUNTS_ADDED_FOR_ERROR * counting.gain * typical
    weight = 1 / np.maximum(_expected(amounts + added, design) + base, LEAST_MEAN)
    unit = counting.gain * counting.excess_of_sums
    return amounts, _inverse_diagonals(_normal_matrices(design, weight)) * unit


def _fit_least_squares(
    values: Floats, design: Floats, base: Floats, guess: Floats, noise_variance: Floats
) -> tuple[Floats, Floats]:
    """Abundances and their variance by non-negative least squares."""
    weight = 1 / noise_variance * np.ones_like(values)
    normal = _normal_matrices(design, weight)
    right = _products(design, weight * (values - base))
    amounts = _solve_non_negative(normal, right, np.maximum(guess, 0))
    return amounts, _inverse_diagonals(normal)


def _inverse_diagonals(matrices: Floats) -> Floats:
    """Diagonals of the inverses, shape (rows, components)."""
    return np.asarray(np.diagonal(np.linalg.pinv(matrices), axis1=1, axis2=2))


def maximise_likelihood(
    values: Floats,
    design: Floats,
    base: Floats,
    guess: Floats,
    most_steps: int = MOST_SCORING_STEPS,
) -> Floats:
    """Non-negative ``a``, likeliest if ``values`` are Poisson about ``a @ design + base``.

    By Fisher scoring, in those rows that have not settled yet.

    Parameters
    ----------
    values, base : array, shape (rows, channels)
    design : array, shape (rows or 1, components, channels)
    guess : array, shape (rows, components)
    most_steps : int

    Returns
    -------
    array, shape (rows, components)
    """
    # A start without anything would have a likelihood of nothing.
    total = np.maximum((values - base).sum(1, keepdims=True), 1.0)
    least_start = 1e-3 * total / np.maximum(np.abs(design).sum((1, 2))[:, None], 1e-300)
    amounts: Floats = np.maximum(guess, least_start)

    unsettled = np.arange(len(values))
    for _ in range(most_steps):
        own_design = design if len(design) == 1 else design[unsettled]
        counts, own_base, before = values[unsettled], base[unsettled], amounts[unsettled]

        # The step: non-negative least squares, weighted by the expected counts.
        mean = np.maximum(_expected(before, own_design) + own_base, LEAST_MEAN)
        normal = _normal_matrices(own_design, 1 / mean)
        right = _products(own_design, (counts - own_base) / mean)
        after = _solve_non_negative(normal, right, before)

        # It is halved until it raises the likelihood, and not taken where that does not help.
        likelihood_before = _likelihood(counts, mean)
        for _ in range(MOST_HALVINGS):
            likelihood = _likelihood(counts, _expected(after, own_design) + own_base)
            is_worse = likelihood < likelihood_before
            if not is_worse.any():
                break
            after[is_worse] = (after[is_worse] + before[is_worse]) / 2
        after[is_worse] = before[is_worse]
        amounts[unsettled] = after

        # Pixels whose abundances hardly move any more are settled.
        error = np.sqrt(1 / np.maximum(np.diagonal(normal, axis1=1, axis2=2), 1e-300))
        unsettled = unsettled[(np.abs(after - before) > SETTLED_CHANGE * error).any(1)]
        if not len(unsettled):
            break
    return amounts


def _expected(amounts: Floats, design: Floats) -> Floats:
    """Each row of ``amounts`` of its spectra, summed, shape (rows, channels)."""
    if len(design) == 1:
        return np.asarray(amounts @ design[0])
    return np.asarray((amounts[:, None] @ design)[:, 0])


def _products(design: Floats, values: Floats) -> Floats:
    """Products of the rows of ``values`` with each of their spectra, shape (rows, components)."""
    if len(design) == 1:
        return np.asarray(values @ design[0].T)
    return np.asarray((design @ values[:, :, None])[..., 0])


def _normal_matrices(design: Floats, weights: Floats) -> Floats:
    """Weighted products of the spectra of each row, shape (rows, components, components)."""
    if len(design) == 1:
        number = design.shape[1]
        products = (design[0][:, None] * design[0]).reshape(number**2, -1)
        return np.asarray((weights @ products.T).reshape(-1, number, number))
    return np.asarray((design * weights[:, None]) @ design.transpose(0, 2, 1))


def _likelihood(counts: Floats, mean: Floats) -> NDArray[np.floating]:
    """Logarithm of the Poisson likelihood of each row, but for what depends on counts alone."""
    mean = np.maximum(mean, LEAST_MEAN)
    return np.asarray(np.sum(counts * np.log(mean) - mean, 1))


def _solve_non_negative(normal: Floats, right: Floats, start: Floats) -> Floats:
    """Non-negative least squares of many small normal equations, by coordinate descent."""
    amounts = start.copy()
    diagonal = np.maximum(np.diagonal(normal, axis1=1, axis2=2), 1e-300)
    for _ in range(MOST_SWEEPS):
        largest = 0.0
        for i in range(amounts.shape[1]):
            slope = right[:, i] - np.einsum("pj,pj->p", normal[:, i], amounts)
            moved = np.maximum(amounts[:, i] + slope / diagonal[:, i], 0)
            change = np.abs(moved - amounts[:, i]) * np.sqrt(diagonal[:, i])
            largest = max(largest, float(change.max(initial=0)))
            amounts[:, i] = moved
        if largest < 0.1 * SETTLED_CHANGE:
            break
    return amounts
