"""Spectra and maps below zero: how far, and how far noise alone may take them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.stats import norm

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.types import Floats

SIGMAS_BELOW_ZERO = 2.0  # from which a value counts as negative
# Within which it begins to. A sum of kinks, one a value, has its minimum at one of them, where no
# optimiser settles and rounding decides; the curved sum has a slope to bring to zero.
SIGMAS_OF_BEND = 0.25
LEAST_SHARE_OF_ZEROS = 0.02  # of the values, that are taken to be truly zero
MOST_PIXELS_IN_MIXTURE = 8192


def negativity(values: Floats) -> tuple[Floats, Floats]:
    """How far values in units of their noise are below zero, and how far noise alone may be.

    Parameters
    ----------
    values : array, shape (components, channels or pixels)

    Returns
    -------
    below : array, shape (components,)
        Mean of what exceeds two standard deviations below zero.
    limit : array, shape (components,)
        What normal noise about values of zero or more gives, plus twice its standard error. As
        many values are taken to be zero as twice those that are negative.
    """
    # A value just below zero counts in part: which side it is on may be a matter of rounding.
    is_negative = np.mean(np.clip(-values / SIGMAS_OF_BEND, 0, 1), 1)
    share_of_normal, mean_excess, mean_square = _moments_of_noise()
    share_of_zeros = np.clip(is_negative / share_of_normal, LEAST_SHARE_OF_ZEROS, 1)
    standard_error = np.sqrt(share_of_zeros * mean_square / values.shape[1])
    limit = share_of_zeros * mean_excess + 2 * standard_error
    return np.mean(excess_below_zero(values), 1), limit


@lru_cache
def _moments_of_noise() -> tuple[float, float, float]:
    """For a standard normal: its share below zero, and the mean of its excess and of its square."""
    edges = np.linspace(-12, 0, 12001)
    values = (edges[1:] + edges[:-1]) / 2
    weight = norm.pdf(values) * (edges[1] - edges[0])
    excess, below = excess_below_zero(values), np.minimum(-values / SIGMAS_OF_BEND, 1)
    return float(weight @ below), float(weight @ excess), float(weight @ excess**2)


def excess_below_zero(values: Floats) -> Floats:
    """How far values in units of their noise are below what noise may do to a zero; or zero.

    Between zero and the straight line lies a parabola, of twice `SIGMAS_OF_BEND`.
    """
    return excess_and_slope(values)[0]


def excess_and_slope(values: Floats) -> tuple[Floats, Floats]:
    """`excess_below_zero`, and its slope down the values: from zero to one."""
    # The sum of the parabola's part and the straight line's, each of them clipped.
    beyond = -values - (SIGMAS_BELOW_ZERO - SIGMAS_OF_BEND)
    bent = np.clip(beyond, 0, 2 * SIGMAS_OF_BEND)
    excess = bent**2 / (4 * SIGMAS_OF_BEND) + np.maximum(beyond - 2 * SIGMAS_OF_BEND, 0)
    return np.asarray(excess), np.asarray(bent / (2 * SIGMAS_OF_BEND))


def slope_below_zero(values: Floats) -> Floats:
    """Slope of `excess_below_zero` down the values: from zero to one."""
    beyond = -values - (SIGMAS_BELOW_ZERO - SIGMAS_OF_BEND)
    return np.asarray(np.clip(beyond / (2 * SIGMAS_OF_BEND), 0, 1))


class Mixture:
    """Spectra of unit norm in units of their noise, their maps, and the noise of both.

    A ``mixing`` M of them turns spectra into ``M @ shapes`` and maps into ``maps @ inverse(M)``.

    Parameters
    ----------
    spectra : LowRank
    unmixing : array, shape (rank, rank)
        Spectra are ``unmixing @ components``.
    most_pixels : int
        Of more pixels than these, maps hold an even choice.
    """

    def __init__(
        self, spectra: LowRank, unmixing: Floats, most_pixels: int = MOST_PIXELS_IN_MIXTURE
    ) -> None:
        self.spectra = spectra
        norms = np.linalg.norm(spectra.whitening.whiten(unmixing @ spectra.components), axis=1)
        self.unmixing = unmixing / norms[:, None]
        n = len(spectra.scores)
        pixels = np.unique(np.linspace(0, n - 1, min(n, most_pixels)).astype(int))
        self.sd = spectra.whitening.channel_sd
        self.shapes = self.unmixing @ spectra.components
        inverse = np.linalg.inv(self.unmixing)
        self.maps = spectra.scores[pixels] @ inverse
        self.pixel_sd = 1 / np.sqrt(spectra.weights[pixels])[:, None]
        self.shape_errors = self.unmixing @ spectra.component_errors() @ self.unmixing.T
        self.map_errors = inverse.T @ (spectra.noise + spectra.model_error) @ inverse

    def noise(self, mixing: Floats) -> tuple[Floats, Floats]:
        """Standard deviations of spectra (components, channels) and maps (pixels, components)."""
        inverse = np.linalg.inv(mixing)
        of_shapes = np.sqrt(np.diag(mixing @ self.shape_errors @ mixing.T))
        of_maps = np.sqrt(np.diag(inverse.T @ self.map_errors @ inverse))
        return of_shapes[:, None] * self.sd, of_maps * self.pixel_sd

    def negativity_of(self, mixing: Floats) -> tuple[Floats, Floats]:
        """Negativity of spectra and maps and its limits, each of shape (2, components)."""
        shape_sd, map_sd = self.noise(mixing)
        shapes = negativity(mixing @ self.shapes / shape_sd)
        maps = negativity((self.maps @ np.linalg.inv(mixing) / map_sd).T)
        return np.array([shapes[0], maps[0]]), np.array([shapes[1], maps[1]])

    def negativity_ratios(self, mixing: Floats) -> Floats:
        """Negativity of spectra and maps over its limit, shape (2, components)."""
        below, limits = self.negativity_of(mixing)
        return np.asarray(below / limits)

    def turn_angles(self, mixing: Floats) -> Floats:
        """Angle in degrees by which each spectrum turns, shape (components,)."""
        white = self.spectra.whitening.whiten(self.shapes)
        turned = mixing @ white
        cosine = np.sum(turned * white, 1) / np.linalg.norm(turned, axis=1)
        return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
