"""Singular values of the whitened data against what noise alone would give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from hyperspy_unmix.numerics.linear_algebra import (
    leading_eigenpairs,
    leading_eigenvectors,
    with_signs,
)
from hyperspy_unmix.numerics.noise.estimate import MOST_SHARE_LOST
from hyperspy_unmix.numerics.noise.noise_edge import (
    leading_count,
    marchenko_pastur_median,
    noise_edge,
    noise_edge_of_profile,
    noise_median_of_profile,
)
from hyperspy_unmix.numerics.noise.sample_residual import LEAST_SHARE_LEFT
from hyperspy_unmix.numerics.noise.whitening import ChannelWhitening
from hyperspy_unmix.numerics.types import Floats

from . import split_half
from .edge_iteration import VALUES_BELOW_EDGE, VALUES_SHOWN, iterate_to_edge
from .leading_split import significance_of_leading
from .map_correlation import NeighbouringNoise

COMPONENTS_TESTED_BELOW_EDGE = 4  # in the split-half test, beside all above the noise edge
MOST_COMPONENTS_TESTED = 100
LEAST_VALUES = 26  # of large matrices, of which not all are computed
NOISE_TOLERANCE_OF_GRAM = 1e-3  # see `iterate_to_edge`
LEAST_ROWS_ITERATED = 900  # of a Gram matrix of Poisson counts, whose noise level is known
LEAST_SHARE_OF_CHANNELS = 0.98  # that all channels are worth, by their noise
LEAST_FOR_ITERATION = 1536  # channels and pixels, of dense data whose Gram matrix takes longer
ROWS_FOR_LEVEL = 1024  # or less than twice as many, whose singular values tell the noise level
ROWS_TOGETHER = 64  # of them: correlated noise stays correlated


@dataclass(frozen=True)
class Scree:
    """Squared singular values of the whitened data in units of the noise edge (1 is the floor).

    Parameters
    ----------
    values : array, falling
        All of them, or of large matrices the leading ones, at least 16 of noise.
    edge : float
        Noise edge.
    calibration : float
        Median squared singular value over what noise alone would give: 1 where the noise model is
        right.
    repeats : array
        Significance with which the leading components repeat in an independent share of the
        counts, see `split_half`; empty where it was not looked at.
    shape : (pixels, channels)
        Of the whitened data.
    rest : float
        Sum of those that are not in ``values``.
    neighbours : NeighbouringNoise, optional
        Whether the noise of neighbouring pixels is alike; None where it was not measured.
    """

    values: Floats
    edge: float
    calibration: float
    repeats: Floats
    shape: tuple[int, int]
    rest: float = 0.0
    neighbours: NeighbouringNoise | None = None

    @property
    def total(self) -> float:
        """Sum of all squared singular values."""
        return float(self.values.sum()) + self.rest

    @property
    def above_noise_edge(self) -> int:
        """Number of components that white noise alone would not produce."""
        return leading_count(self.values > 1)


@dataclass(frozen=True)
class Spectrum:
    """Eigenvalues of a Gram matrix, falling, those that matter; and the noise level in them.

    ``vectors`` (rows, eigenvalues) are in columns, None where all eigenvalues were found.
    """

    eigenvalues: Floats
    vectors: Floats | None
    level: float


@dataclass(frozen=True)
class Leading:
    """The scree of the whitened data, and their leading directions.

    Parameters
    ----------
    scree : Scree
    weights : array, shape (pixels,)
        Of the rows.
    profile : array, shape (channels,)
        Noise variance of the whitened channels.
    whitening : ChannelWhitening
    directions : callable
        Gives a number of leading right singular vectors, in columns.
    """

    scree: Scree
    weights: Floats
    profile: Floats
    whitening: ChannelWhitening
    directions: Callable[[int], Floats]


def measure_scree(
    gram: Floats, n: int, profile: Floats, calibrated: bool, *, split: bool = True
) -> tuple[Scree, Spectrum]:
    """Squared singular values over the noise edge, and which of them repeat.

    Parameters
    ----------
    gram : array, shape (k, k)
        Products of the whitened channels, or of the whitened pixels where they are fewer.
    n : int
        Number of pixels.
    profile : array, shape (channels,)
        Noise variance of the whitened channels, near one.
    calibrated : bool
        Take the level of the noise from the data, not from the model.
    split : bool
        Look which components repeat in an independent share of the counts.

    Returns
    -------
    Scree
    Spectrum
        What it was made of, see `leading_directions`.
    """
    m, rank = len(profile), len(gram)
    # The leading eigenvalues, and the level of the noise.
    edge = noise_edge_of_profile(n, profile)
    spectrum = None
    if not calibrated and rank >= LEAST_ROWS_ITERATED:
        spectrum = _spectrum_above_edge(gram, edge)
    if spectrum is None:
        spectrum = spectrum_and_level(gram, n, profile, calibrated)
    eigenvalues, level = spectrum.eigenvalues, spectrum.level
    # Smaller eigenvalues of a float32 product are rounding.
    rounding = 1e-8 * float(eigenvalues[0]) / edge
    scale = max(level, rounding, 1e-300) if calibrated else 1.0
    trace = None if len(eigenvalues) == rank else float(np.trace(gram)) / scale
    scree = scree_of_leading(eigenvalues / scale, trace, edge, (n, m))
    if trace is not None and not calibrated:
        level = mean_level(scree, profile)
    scree = replace(scree, edge=edge * scale, calibration=level)
    if not split:
        return scree, spectrum
    if not calibrated and rank >= LEAST_ROWS_ITERATED and is_flat(profile):
        return replace(scree, repeats=repeats_of_leading(scree, profile)), spectrum
    return replace(scree, repeats=_split(gram, scree, profile, scale)), spectrum


def _spectrum_above_edge(gram: Floats, edge: float) -> Spectrum | None:
    """Eigenvalues above the noise edge and some of noise, whose level is not asked for."""
    # A step takes next to no time here.
    above = iterate_to_edge(
        lambda block: (block.T @ gram).T, len(gram), edge, noise_tolerance=NOISE_TOLERANCE_OF_GRAM
    )
    if above is None:
        return None
    number = max(VALUES_SHOWN, above.number + VALUES_BELOW_EDGE)
    return Spectrum(above.space.values(number), above.space.vectors(number), 1.0)


def mean_level(scree: Scree, profile: Floats) -> float:
    """Mean square of what is beside the components, over what the noise model says of it.

    Next to the median of the eigenvalues for independent noise, and known where few of these are.
    ``profile`` (channels,) is the noise variance of the whitened channels.
    """
    n, m = scree.shape
    n_above = scree.above_noise_edge
    left = (scree.total - float(scree.values[:n_above].sum())) * scree.edge
    return left / (n - n_above) / (float(profile.sum()) * (m - n_above) / m)


def scree_of_leading(
    eigenvalues: Floats, trace: float | None, edge: float, shape: tuple[int, int]
) -> Scree:
    """The scree of the leading ``eigenvalues`` of all, whose sum is ``trace`` (None: these)."""
    values = eigenvalues / edge
    rest = 0.0 if trace is None else max(trace / edge - float(values.sum()), 0.0)
    return Scree(values, edge, 1.0, np.zeros(0), shape, rest)


def is_flat(profile: Floats) -> bool:
    """Whether the noise of all channels is about the same, as `repeats_of_leading` asks for.

    ``profile`` (channels,) is its variance. Channels of next to no counts have less.
    """
    effective = float(profile.sum() ** 2 / np.sum(profile**2))
    return effective > LEAST_SHARE_OF_CHANNELS * len(profile)


def repeats_of_leading(scree: Scree, profile: Floats) -> Floats:
    """The split-half test where all that is known of the noise is its sum of squares."""
    (n, m), number = scree.shape, max(scree.above_noise_edge, 1)
    values = scree.values[:number] * noise_edge(n, m)
    tested = min(number + COMPONENTS_TESTED_BELOW_EDGE, MOST_COMPONENTS_TESTED)
    return significance_of_leading(values, mean_level(scree, profile), (n, m), tested)


def _split(gram: Floats, scree: Scree, profile: Floats, scale: float) -> Floats:
    """The split-half test of the components above the noise edge and of a few more."""
    n, n_above = scree.shape[0], int(np.sum(scree.values > 1))
    tested = min(n_above + COMPONENTS_TESTED_BELOW_EDGE, MOST_COMPONENTS_TESTED, len(gram))
    rows, variance = (n, profile) if n >= len(profile) else _rows_of_pixels(n, profile)
    scaled_gram = gram if scale == 1 else gram / scale
    return split_half.significance(scaled_gram, rows, variance, tested)


def _rows_of_pixels(n: int, profile: Floats) -> tuple[int, Floats]:
    """Rows of the same variance that stand for the channels, where n pixels are the small side.

    Channels of less noise than others count for less; all pixels have the same noise.
    """
    total = float(profile.sum())
    effective = total**2 / float(np.sum(profile**2))
    rows = int(np.clip(round(effective), n, len(profile)))
    return rows, np.full(n, total / rows)


def spectrum_and_level(gram: Floats, n: int, profile: Floats, calibrated: bool) -> Spectrum:
    """The leading eigenvalues, all that matter, and the noise level.

    A large matrix has its level from rows and columns of it: the noise of some of the channels (or
    pixels, where these are fewer) is noise of the same level. Parameters as of `measure_scree`.
    """
    edge, number = noise_edge_of_profile(n, profile), LEAST_VALUES
    level = None
    while True:
        eigenvalues, vectors = leading_eigenpairs(gram, number)
        eigenvalues = np.maximum(eigenvalues, 0)
        if vectors is None:
            return Spectrum(eigenvalues, None, _noise_level(eigenvalues, n, profile, edge))
        if level is None:
            level = _level_of_part(gram, n, profile)
        n_above = int(np.sum(eigenvalues > (level if calibrated else 1.0) * edge))
        if n_above + VALUES_BELOW_EDGE <= number:
            return Spectrum(eigenvalues, vectors, level)
        number = n_above + 2 * VALUES_BELOW_EDGE


def _level_of_part(gram: Floats, n: int, profile: Floats) -> float:
    """Noise level from every second, third, ... few rows and columns of a Gram matrix."""
    every = len(gram) // ROWS_FOR_LEVEL
    part = np.flatnonzero(np.arange(len(gram)) // ROWS_TOGETHER % every == 0)
    if len(gram) == len(profile):
        profile = profile[part]
    else:
        n = len(part)
    eigenvalues = np.maximum(np.linalg.eigvalsh(gram[np.ix_(part, part)])[::-1], 0)
    return _noise_level(eigenvalues, n, profile, noise_edge_of_profile(n, profile))


def _noise_level(eigenvalues: Floats, n: int, profile: Floats, edge: float) -> float:
    """Median of the eigenvalues beside the structure, over what noise alone would give."""
    m = len(profile)
    noise_median = noise_median_of_profile(n, profile)
    level, structure = 1.0, 0
    for _ in range(5):
        # The structure takes dimensions from the noise, whose median is that of a smaller matrix.
        expected_median = noise_median * marchenko_pastur_median(n - structure, m - structure)
        expected_median /= marchenko_pastur_median(n, m)
        level = float(np.median(eigenvalues[structure:])) / expected_median
        structure = min(int((eigenvalues > level * edge).sum()), len(eigenvalues) - 1)
    return level


def leading_directions(white: Floats, number: int, spectrum: Spectrum) -> Floats:
    """Leading right singular vectors, in columns.

    ``white`` is the Gram matrix, or the whitened data where their pixels are fewer than channels;
    ``spectrum`` is that of the Gram matrix, whose vectors are taken where it has enough.
    """
    wide = len(white) < white.shape[1]
    if spectrum.vectors is not None and spectrum.vectors.shape[1] >= number:
        leading = spectrum.vectors[:, :number]
    else:
        leading = leading_eigenvectors(white @ white.T if wide else white, number)[1]
    # With a QR rather than a division by the singular values, null directions stay orthogonal.
    vectors = with_signs(np.linalg.qr(white.T @ leading)[0]) if wide else leading
    return np.ascontiguousarray(vectors)


def channel_rescaling(
    products: Floats, white: Floats, whitening: ChannelWhitening, n: int
) -> Floats:
    """Standard deviation of every channel's residual beside the components, near one.

    Parameters
    ----------
    products : array, shape (channels, channels) or (pixels, channels)
        Gram matrix of the weighted data, or these, where pixels are fewer than channels.
    white : array, of the same shape
        The same of the decorrelated data.
    whitening : ChannelWhitening
        What made ``white`` of ``products``.
    n : int
        Number of pixels.

    Returns
    -------
    array, shape (channels,)
    """
    wide = len(white) < white.shape[1]
    gram = white @ white.T if wide else white
    spectrum = spectrum_and_level(gram, n, whitening.variance, calibrated=True)
    eigenvalues, level = spectrum.eigenvalues, spectrum.level
    if len(eigenvalues) == len(gram):
        # Variances that are wrong spread the eigenvalues: their median is the level, no edge is.
        level = float(np.median(eigenvalues)) / noise_median_of_profile(n, whitening.variance)
    if level <= 1e-8 * float(eigenvalues[0]) / n:
        # Nothing is left beside the components but rounding.
        return np.ones(products.shape[1])
    # What each component above the noise takes of each channel.
    rank = int(np.sum(eigenvalues > level * noise_edge_of_profile(n, whitening.variance)))
    decorrelation = replace(whitening, channel_sd=np.ones(products.shape[1]))
    lost: Floats = np.zeros((rank, products.shape[1]))
    if rank:
        lost = decorrelation.colour(leading_directions(white, rank, spectrum).T) ** 2
    # The residual's sum of squares, over the number of values that it is worth.
    total = np.sum(products**2, 0) if wide else np.diag(products)
    n_left = np.clip(1 - lost.sum(0), LEAST_SHARE_LEFT, None) * (n - rank)
    variance = (total - eigenvalues[:rank] @ lost) / n_left
    # A channel that all but makes up a component of its own says nothing about its noise.
    known = (lost.sum(0) < MOST_SHARE_LOST) & (variance > 0)
    return np.sqrt(np.where(known, variance, level))
