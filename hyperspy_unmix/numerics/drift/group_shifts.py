"""Energy drift from the spectra themselves: aligned, fewer components describe them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, rfft, rfftfreq
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import minimize

from hyperspy_unmix.numerics.linear_algebra import leading_eigenvectors
from hyperspy_unmix.numerics.noise.noise_edge import elbow
from hyperspy_unmix.numerics.types import Floats

from .scan_curve import spline_basis

MOST_GROUPS = 128
KNOTS = 16
MOST_COMPONENTS = 8
SHARES = np.linspace(-0.5, 1.5, 9)  # of a shift, that are tried
LARGEST = 0.02  # of the channels, either way
FINEST, COARSEST = 1.5, 12.0  # channels (Gaussian) between which spectra are compared
MEDIAN_CHI2 = 0.455  # of one degree of freedom
MARGIN = 4  # channels at the ends, besides the largest shift, that are not compared


@dataclass(frozen=True)
class GroupShifts:
    """Shifts of the mean spectra of groups of pixels, in channels.

    ``time`` (0 to 1 along the scan) is that of each group's middle, ``free`` what each group alone
    says, with ``variance``; ``fitted`` is the smooth curve through which the spectra were
    compared. ``middle`` is the channel that halves the information; ``rank`` components describe
    the aligned spectra.
    """

    time: Floats
    free: Floats
    variance: Floats
    fitted: Floats
    middle: int
    rank: int


def shifted(spectra: Floats, shift: Floats) -> Floats:
    """Rows moved to lower channels by ``shift`` (rows,), any fraction; noise keeps its size."""
    n = spectra.shape[1]
    ramp = np.linspace(0, 1, n)
    first, last = spectra[:, :1], spectra[:, -1:]
    # without the line between its ends a spectrum has no step when it is taken as periodic
    flat = spectra - first - (last - first) * ramp
    phase = np.exp(2j * np.pi * rfftfreq(n) * shift[:, None])
    moved = irfft(rfft(flat, axis=1) * phase, n, axis=1)
    return np.asarray(moved + first + (last - first) * (ramp + shift[:, None] / (n - 1)))


class _Comparison:
    """Group spectra, their weights, and what is left of them beside a few components."""

    def __init__(self, groups: Floats, size: Floats, reach: int) -> None:
        mean = size @ groups / size.sum()
        level = np.maximum(mean, max(0.02 * float(np.abs(mean).mean()), 1e-30))
        # thickness and composition change the slow course of spectra as a shift would
        fine, coarse = (gaussian_filter1d(groups, width, axis=1) for width in (FINEST, COARSEST))
        self.groups = fine - coarse
        self.inside = slice(reach + MARGIN, groups.shape[1] - reach - MARGIN)
        self.columns = 1 / np.sqrt(level[self.inside])
        bright = np.abs(groups).mean(1)
        self.rows = np.sqrt(size / np.maximum(bright / max(bright.mean(), 1e-30), 0.05))

    def white(self, spectra: Floats) -> Floats:
        return np.asarray(spectra[:, self.inside] * self.columns * self.rows[:, None])

    def aligned(self, shift: Floats) -> tuple[Floats, Floats]:
        """Whitened spectra moved back by ``shift``, and their slopes."""
        moved = shifted(self.groups, shift)
        return self.white(moved), self.white(np.gradient(moved, axis=1))

    def cost(self, shift: Floats, rank: int) -> tuple[float, Floats]:
        """Squares beside ``rank`` components, and their derivative by each shift."""
        spectra, slopes = self.aligned(shift)
        rest = spectra - _low_rank(spectra, rank)
        return float(np.sum(rest**2)), 2 * np.sum(rest * slopes, 1)

    def rank(self, shift: Floats) -> int:
        """Components above the bend of the scree of spectra moved back by ``shift``."""
        spectra, _ = self.aligned(shift)
        values = np.linalg.eigvalsh(spectra @ spectra.T)[::-1]
        return int(np.clip(elbow(values), 1, max(min(MOST_COMPONENTS, len(spectra) // 4), 1)))

    def free(self, shift: Floats, rank: int) -> tuple[Floats, Floats]:
        """What each group says about its own shift, less ``shift``, and the variance of it."""
        spectra, _ = self.aligned(shift)
        model = _low_rank(spectra, rank)
        slopes = np.gradient(model / self.columns, axis=1) * self.columns
        leading = leading_eigenvectors(model @ model.T, rank)[1]
        axes = np.linalg.qr(model.T @ leading)[0]
        rest, slopes = spectra - model, slopes - (slopes @ axes) @ axes.T
        information = np.maximum(np.sum(slopes**2, 1), 1e-300)
        level = np.sum((spectra - model) ** 2) / max(spectra.size - rank * sum(spectra.shape), 1)
        return -np.sum(rest * slopes, 1) / information, level / information


def _low_rank(spectra: Floats, rank: int) -> Floats:
    leading = leading_eigenvectors(spectra @ spectra.T, rank)[1]
    return np.asarray(leading @ (leading.T @ spectra))


def group_shifts(
    groups: Floats, size: NDArray[np.integer], part: slice = slice(None)
) -> GroupShifts:
    """Shifts of consecutive groups' mean spectra, along a smooth curve of the scan's time.

    Spectra that drift need more components than spectra that do not. The curve is the one beside
    which the least is left of the spectra after as many components as the aligned ones need; these
    are found from few to many, so that no component describes what is drift.

    Parameters
    ----------
    groups : array, shape (groups, channels)
    size : array, shape (groups,)
        Pixels of each.
    part : slice
        Which of the (at most 128) groups they are merged to are used.

    References
    ----------
    G. H. Golub, V. Pereyra, SIAM J. Numer. Anal. 10 (1973) 413,
    https://doi.org/10.1137/0710036 (variable projection).
    """
    merged, pixels = _merged(groups, size)
    time = (np.cumsum(pixels) - pixels / 2)[part] / pixels.sum()
    merged, pixels = merged[part], pixels[part]
    reach = max(2, int(LARGEST * merged.shape[1]))
    data = _Comparison(merged, pixels, reach)
    basis = spline_basis(time, min(KNOTS, max(len(merged) // 4, 2)))
    basis = basis - np.asarray(np.average(basis, axis=0, weights=pixels))
    coefficients: Floats = np.zeros(basis.shape[1])
    rank = 1
    while True:
        coefficients = _minimise(data, basis, coefficients, rank, reach)
        if rank >= data.rank(basis @ coefficients):
            break
        rank += 1
    fitted = np.clip(basis @ coefficients, -reach, reach)
    free, variance = data.free(fitted, rank)
    free = np.clip(free, -reach, reach)
    _, slopes = data.aligned(fitted)
    told = np.cumsum(np.sum(slopes**2, 0))
    middle = data.inside.start + int(np.searchsorted(told, told[-1] / 2))
    # what neighbours differ by is their error, whatever its cause
    steps = np.diff(free) ** 2 / (variance[1:] + variance[:-1])
    variance = variance * max(float(np.median(steps)) / MEDIAN_CHI2, 1e-12)
    return GroupShifts(time, fitted + free, variance, fitted, middle, rank)


def followed(
    groups: Floats, size: NDArray[np.integer], shift: Floats, part: Floats
) -> tuple[float, float]:
    """How much of a part of a shift found elsewhere is in the groups' spectra.

    Parameters
    ----------
    groups, size
        As for `group_shifts`.
    shift, part : array, shape (pixels,)
        In channels.

    Returns
    -------
    share, error : float
        1 where the spectra drift alike, 0 where they do not; with its standard deviation.
    """
    merged, pixels = _merged(groups, size)
    ends = np.concatenate([[0], np.cumsum(pixels)]).astype(int)

    def group_means(values: Floats) -> Floats:
        means = np.diff(np.concatenate([[0], np.cumsum(values)])[ends]) / pixels
        return np.asarray(means - np.average(means, weights=pixels))

    whole, tested = group_means(shift), group_means(part)
    reach = int(np.ceil(np.abs(SHARES).max() * np.abs([whole, tested]).max())) + 1
    if merged.shape[1] < 2 * (reach + MARGIN) + 32 or not tested.any():
        return 1.0, np.inf
    data = _Comparison(merged, pixels, reach)
    # components that describe a shift put in where there is none must not hide it
    rank = min(data.rank(whole), data.rank(whole - tested))
    costs = np.array([data.cost(whole + (s - 1) * tested, rank)[0] for s in SHARES])
    least = int(np.clip(costs.argmin(), 1, len(SHARES) - 2))
    near = slice(least - 1, least + 2)
    bend, slope, _ = np.polyfit(SHARES[near], costs[near], 2)
    level = costs.min() / max(merged.size - rank * sum(merged.shape), 1)
    if bend <= 0:
        return float(SHARES[costs.argmin()]), np.inf
    return float(-slope / (2 * bend)), float(np.sqrt(level / bend))


def _merged(groups: Floats, size: NDArray[np.integer]) -> tuple[Floats, Floats]:
    """Means of neighbouring groups, `MOST_GROUPS` at most, and the pixels of each."""
    starts = np.arange(0, len(groups), -(-len(groups) // MOST_GROUPS))
    pixels = np.add.reduceat(size, starts).astype(float)
    return np.add.reduceat(groups * size[:, None], starts) / pixels[:, None], pixels


def _minimise(data: _Comparison, basis: Floats, start: Floats, rank: int, reach: int) -> Floats:
    """Coefficients of the curve beside which the least is left."""

    def cost(coefficients: Floats) -> tuple[float, Floats]:
        shift = np.clip(basis @ coefficients, -reach, reach)
        value, slope = data.cost(shift, rank)
        return value / scale, basis.T @ slope / scale

    scale = max(data.cost(np.zeros(len(basis)), rank)[0], 1e-300)
    found = minimize(cost, start, jac=True, method="L-BFGS-B", options={"maxiter": 60})
    return np.asarray(found.x)
