"""Spectra and maps below zero: how far, and how far noise alone may take them."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.types import Floats

BELOW = 2.0  # standard deviations below zero from which a value counts
LEAST_ZEROS = 0.02
MOST_PIXELS = 8192


def negativity(values: Floats) -> tuple[Floats, Floats]:
    """How far values in units of their noise are below zero, and how far noise alone may be.

    Parameters
    ----------
    values : array, shape (components, any)

    Returns
    -------
    below : array, shape (components,)
        Mean of what exceeds two standard deviations below zero.
    limit : array, shape (components,)
        What normal noise about values of zero or more gives, plus twice its standard error. As
        many values are taken to be zero as twice those that are negative.
    """
    zeros = np.clip(2 * np.mean(values < 0, 1), LEAST_ZEROS, 1)
    mean = norm.pdf(BELOW) - BELOW * norm.sf(BELOW)
    square = (1 + BELOW**2) * norm.sf(BELOW) - BELOW * norm.pdf(BELOW)
    limit = zeros * mean + 2 * np.sqrt(zeros * square / values.shape[1])
    return np.mean(np.maximum(-values - BELOW, 0), 1), limit


class Mixture:
    """Spectra of unit norm in units of their noise, their maps, and the noise of both.

    A ``mixing`` M of them turns spectra into ``M @ shapes`` and maps into ``maps @ inverse(M)``.

    Parameters
    ----------
    spectra : LowRank
    unmixing : array, shape (rank, rank)
        Spectra are ``unmixing @ components``.
    most_pixels : int
        Of more than these, an even choice.
    """

    def __init__(self, spectra: LowRank, unmixing: Floats, most_pixels: int = MOST_PIXELS) -> None:
        self.spectra = spectra
        norms = np.linalg.norm(spectra.whitening.whiten(unmixing @ spectra.components), axis=1)
        self.unmixing = unmixing / norms[:, None]
        n = len(spectra.scores)
        pixels = np.unique(np.linspace(0, n - 1, min(n, most_pixels)).astype(int))
        self.sd = spectra.whitening.channel_sd
        self.shapes = self.unmixing @ spectra.components
        self.maps = spectra.scores[pixels] @ np.linalg.inv(self.unmixing)
        self.pixel_sd = 1 / np.sqrt(spectra.weights[pixels])[:, None]
        self.shape_errors = self.unmixing @ spectra.component_errors() @ self.unmixing.T
        back = np.linalg.inv(self.unmixing)
        self.map_errors = back.T @ (spectra.noise + spectra.model_error) @ back

    def noise(self, mixing: Floats) -> tuple[Floats, Floats]:
        """Standard deviations of spectra (components, channels) and maps (pixels, components)."""
        back = np.linalg.inv(mixing)
        of_shapes = np.sqrt(np.diag(mixing @ self.shape_errors @ mixing.T))
        of_maps = np.sqrt(np.diag(back.T @ self.map_errors @ back))
        return of_shapes[:, None] * self.sd, of_maps * self.pixel_sd

    def ratios(self, mixing: Floats) -> Floats:
        """Negativity of spectra and maps over its limit."""
        shape_sd, map_sd = self.noise(mixing)
        shapes = negativity(mixing @ self.shapes / shape_sd)
        maps = negativity((self.maps @ np.linalg.inv(mixing) / map_sd).T)
        return np.array([shapes[0] / shapes[1], maps[0] / maps[1]])

    def moved(self, mixing: Floats) -> Floats:
        """Angle of each spectrum with its own former self, in degrees."""
        white = self.spectra.whitening.whiten(self.shapes)
        turned = mixing @ white
        cosine = np.sum(turned * white, 1) / np.linalg.norm(turned, axis=1)
        return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
