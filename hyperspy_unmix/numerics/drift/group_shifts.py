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

MOST_MERGED_GROUPS = 128  # that are compared
MOST_CURVE_COEFFICIENTS = 16
MOST_ALIGNED_COMPONENTS = 8
SHARES_TRIED = np.linspace(-0.5, 1.5, 9)  # of a shift
LARGEST_SHIFT_SHARE = 0.02  # of the channels, either way
FINE_WIDTH_CHANNELS, COARSE_WIDTH_CHANNELS = 1.5, 12.0  # Gaussians between which spectra compare
MEDIAN_CHI2 = 0.455  # of one degree of freedom
END_MARGIN_CHANNELS = 4  # besides the largest shift, that are not compared


@dataclass(frozen=True)
class GroupShifts:
    """Shifts of the mean spectra of groups of pixels, in channels.

    Parameters
    ----------
    time : array, shape (groups,)
        That of each group's middle, 0 to 1 along the scan.
    free, variance : array, shape (groups,)
        What each group alone says, and the variance of it.
    fitted : array, shape (groups,)
        The smooth curve through which the spectra were compared.
    middle : int
        The channel that halves the information.
    rank : int
        Components that describe the aligned spectra.
    """

    time: Floats
    free: Floats
    variance: Floats
    fitted: Floats
    middle: int
    rank: int


def shift_spectra(spectra: Floats, shift: Floats) -> Floats:
    """Rows moved to lower channels by ``shift`` (rows,), any fraction; noise keeps its size."""
    return _Shiftable(spectra).moved(shift)


class _Shiftable:
    """Spectra (rows, channels) that are moved more than once."""

    def __init__(self, spectra: Floats) -> None:
        self._n = n = spectra.shape[1]
        self._first, self._rise = spectra[:, :1], spectra[:, -1:] - spectra[:, :1]
        self._ramp = np.linspace(0, 1, n)
        # Without the line between its ends a spectrum has no step when it is taken as periodic.
        self._flat = rfft(spectra - self._first - self._rise * self._ramp, axis=1)
        self._phase = 2j * np.pi * rfftfreq(n)

    def moved(self, shift: Floats) -> Floats:
        """To lower channels by ``shift`` (rows,)."""
        n, shift = self._n, shift[:, None]
        moved = irfft(self._flat * np.exp(self._phase * shift), n, axis=1)
        return np.asarray(moved + self._first + self._rise * (self._ramp + shift / (n - 1)))


class _Comparison:
    """Group spectra, their weights, and what a few components leave of them.

    Parameters
    ----------
    groups : array, shape (groups, channels)
        Mean spectra.
    size : array, shape (groups,)
        Pixels of each.
    reach : int
        Channels at either end that a shift may bring in from outside.
    """

    def __init__(self, groups: Floats, size: Floats, reach: int) -> None:
        mean = size @ groups / size.sum()
        level = np.maximum(mean, max(0.02 * float(np.abs(mean).mean()), 1e-30))
        # Thickness and composition change the slow course of spectra as a shift would.
        fine = gaussian_filter1d(groups, FINE_WIDTH_CHANNELS, axis=1)
        coarse = gaussian_filter1d(groups, COARSE_WIDTH_CHANNELS, axis=1)
        self.groups = _Shiftable(fine - coarse)
        margin = reach + END_MARGIN_CHANNELS
        self.compared = slice(margin, groups.shape[1] - margin)
        self.channel_weights = 1 / np.sqrt(level[self.compared])
        bright = np.abs(groups).mean(1)
        relative_brightness = bright / max(bright.mean(), 1e-30)
        self.group_weights = np.sqrt(size / np.maximum(relative_brightness, 0.05))

    def whiten(self, compared: Floats) -> Floats:
        """Values in the channels that are compared, in units of their noise."""
        return np.asarray(compared * self.channel_weights * self.group_weights[:, None])

    def align(self, shift: Floats) -> tuple[Floats, Floats]:
        """Whitened spectra moved back by ``shift``, and their slopes."""
        moved, first, last = self.groups.moved(shift), self.compared.start, self.compared.stop
        slopes = (moved[:, first + 1 : last + 1] - moved[:, first - 1 : last - 1]) / 2
        return self.whiten(moved[:, self.compared]), self.whiten(slopes)

    def squares_left(self, shift: Floats, rank: int) -> tuple[float, Floats]:
        """Squares that ``rank`` components leave, and their derivative by each shift."""
        spectra, slopes = self.align(shift)
        residual = spectra - _low_rank(spectra, rank)
        return float(np.sum(residual**2)), 2 * np.sum(residual * slopes, 1)

    def count_components(self, shift: Floats) -> int:
        """Components above the bend of the scree of spectra moved back by ``shift``."""
        spectra, _ = self.align(shift)
        eigenvalues = np.linalg.eigvalsh(spectra @ spectra.T)[::-1]
        most = max(min(MOST_ALIGNED_COMPONENTS, len(spectra) // 4), 1)
        return int(np.clip(elbow(eigenvalues), 1, most))

    def shifts_left(self, shift: Floats, rank: int) -> tuple[Floats, Floats]:
        """What each group alone says about its shift beyond ``shift``, and the variance of it.

        To first order: the fit of the slope of its model, less what the components would take of
        that slope, to what they leave of the group.
        """
        spectra, _ = self.align(shift)
        model = _low_rank(spectra, rank)
        slopes = np.gradient(model / self.channel_weights, axis=1) * self.channel_weights
        leading = leading_eigenvectors(model @ model.T, rank)[1]
        axes = np.linalg.qr(model.T @ leading)[0]
        residual, slopes = spectra - model, slopes - (slopes @ axes) @ axes.T
        information = np.maximum(np.sum(slopes**2, 1), 1e-300)
        degrees_of_freedom = max(spectra.size - rank * sum(spectra.shape), 1)
        noise_variance = np.sum(residual**2) / degrees_of_freedom
        return -np.sum(residual * slopes, 1) / information, noise_variance / information


def _low_rank(spectra: Floats, rank: int) -> Floats:
    """The nearest spectra made of ``rank`` components."""
    leading = np.linalg.eigh(spectra @ spectra.T)[1][:, ::-1][:, :rank]
    return np.asarray(leading @ (leading.T @ spectra))


def group_shifts(
    groups: Floats, size: NDArray[np.integer], part: slice = slice(None)
) -> GroupShifts:
    """Shifts of consecutive groups' mean spectra, along a smooth curve of the scan's time.

    Spectra that drift need more components than spectra that do not. The curve is the one along
    which the least is left of the spectra after as many components as the aligned ones need; these
    are found from few to many, so that no component describes what is drift.

    Parameters
    ----------
    groups : array, shape (groups, channels)
    size : array, shape (groups,)
        Pixels of each.
    part : slice
        Which of the groups they are merged to (`MOST_MERGED_GROUPS` at most) are used.

    References
    ----------
    G. H. Golub, V. Pereyra, SIAM J. Numer. Anal. 10 (1973) 413,
    https://doi.org/10.1137/0710036 (variable projection).
    """
    merged, pixels = merge_neighbours(groups, size)
    time = (np.cumsum(pixels) - pixels / 2)[part] / pixels.sum()
    merged, pixels = merged[part], pixels[part]
    reach = max(2, int(LARGEST_SHIFT_SHARE * merged.shape[1]))
    comparison = _Comparison(merged, pixels, reach)

    # The curve, with as many components as its own aligned spectra have.
    basis = spline_basis(time, min(MOST_CURVE_COEFFICIENTS, max(len(merged) // 4, 2)))
    basis = basis - np.asarray(np.average(basis, axis=0, weights=pixels))
    coefficients: Floats = np.zeros(basis.shape[1])
    rank = 1
    while True:
        coefficients = _fit_curve(comparison, basis, coefficients, rank, reach)
        if rank >= comparison.count_components(basis @ coefficients):
            break
        rank += 1
    fitted = np.clip(basis @ coefficients, -reach, reach)

    # What each group says by itself, and the channel up to which half of that is told.
    beyond_curve, variance = comparison.shifts_left(fitted, rank)
    beyond_curve = np.clip(beyond_curve, -reach, reach)
    _, slopes = comparison.align(fitted)
    information = np.cumsum(np.sum(slopes**2, 0))
    halfway = int(np.searchsorted(information, information[-1] / 2))

    # What neighbours differ by is their error, whatever its cause.
    chi2 = np.diff(beyond_curve) ** 2 / (variance[1:] + variance[:-1])
    variance = variance * max(float(np.median(chi2)) / MEDIAN_CHI2, 1e-12)
    return GroupShifts(
        time=time,
        free=fitted + beyond_curve,
        variance=variance,
        fitted=fitted,
        middle=comparison.compared.start + halfway,
        rank=rank,
    )


def shift_share_in_spectra(
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
    merged, pixels = merge_neighbours(groups, size)
    ends = np.concatenate([[0], np.cumsum(pixels)]).astype(int)

    def group_means(values: Floats) -> Floats:
        means = np.diff(np.concatenate([[0], np.cumsum(values)])[ends]) / pixels
        return np.asarray(means - np.average(means, weights=pixels))

    group_shift, group_part = group_means(shift), group_means(part)
    largest = np.abs([group_shift, group_part]).max()
    reach = int(np.ceil(np.abs(SHARES_TRIED).max() * largest)) + 1
    if merged.shape[1] < 2 * (reach + END_MARGIN_CHANNELS) + 32 or not group_part.any():
        return 1.0, np.inf
    comparison = _Comparison(merged, pixels, reach)
    # Components that describe a shift put in where there is none must not hide it.
    rank = min(
        comparison.count_components(group_shift),
        comparison.count_components(group_shift - group_part),
    )
    tried = [group_shift + (share - 1) * group_part for share in SHARES_TRIED]
    squares = np.array([comparison.squares_left(x, rank)[0] for x in tried])
    # The share is where a parabola through the least squares and its neighbours is lowest.
    least = int(np.clip(squares.argmin(), 1, len(SHARES_TRIED) - 2))
    around = slice(least - 1, least + 2)
    bend, slope, _ = np.polyfit(SHARES_TRIED[around], squares[around], 2)
    noise_variance = squares.min() / max(merged.size - rank * sum(merged.shape), 1)
    if bend <= 0:
        return float(SHARES_TRIED[squares.argmin()]), np.inf
    return float(-slope / (2 * bend)), float(np.sqrt(noise_variance / bend))


def merge_neighbours(
    groups: Floats, size: NDArray[np.integer], most: int = MOST_MERGED_GROUPS
) -> tuple[Floats, Floats]:
    """Means of neighbouring groups, ``most`` of them, and the pixels of each."""
    starts = np.arange(0, len(groups), -(-len(groups) // most))
    pixels = np.add.reduceat(size, starts).astype(float)
    return np.add.reduceat(groups * size[:, None], starts) / pixels[:, None], pixels


def _fit_curve(
    comparison: _Comparison, basis: Floats, start: Floats, rank: int, reach: int
) -> Floats:
    """Coefficients of the curve along which ``rank`` components leave the least."""

    def cost(coefficients: Floats) -> tuple[float, Floats]:
        shift = np.clip(basis @ coefficients, -reach, reach)
        squares, slope = comparison.squares_left(shift, rank)
        return squares / scale, basis.T @ slope / scale

    scale = max(comparison.squares_left(np.zeros(len(basis)), rank)[0], 1e-300)
    result = minimize(cost, start, jac=True, method="L-BFGS-B", options={"maxiter": 60})
    return np.asarray(result.x)
