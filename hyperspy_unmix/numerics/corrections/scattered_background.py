"""The background of thick specimens: power laws with plural scattering put into them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.optimize import minimize_scalar

from hyperspy_unmix.numerics.compression.low_rank import NEGLIGIBLE, LowRank
from hyperspy_unmix.numerics.types import Floats

from .background_fit import BackgroundFit, decay_range, differs_in_slope, uncertainty, window_misfit
from .background_window import Window
from .scattering import PluralScattering

LEAST_ENERGY = 0.25  # of that of the window: the power law is not continued below
EXPONENTS = (0.5, 8.0)
MOST_PIXELS = 8192  # from which the exponent is found
PIXELS = 1024  # that the noise of the coefficients is averaged over


def subtract_scattered_background(
    spectra: LowRank, energies: Floats, window: Window, kernel: PluralScattering, edge: float
) -> BackgroundFit:
    """Subtract power laws that went through the plural scattering of every pixel.

    It is the single scattering of a background that is a power law; plural scattering bends it, by
    an amount that grows with the thickness, and a power law fitted before an edge then lies too
    low behind it. With the low loss at hand the bend is known. One law for all pixels is tried
    first, then two, as in `background.subtract_background`.

    Parameters
    ----------
    spectra : LowRank
    energies : array, shape (channels,)
    window : Window
    kernel : PluralScattering
    edge : float
        Noise edge of the counts as recorded.

    References
    ----------
    R. F. Egerton, Electron Energy-Loss Spectroscopy in the Electron Microscope, 3rd ed. (2011),
    sect. 4.3 and 4.4, https://doi.org/10.1007/978-1-4419-9583-4
    """
    exponent = _exponent(spectra, energies, window, kernel)
    one = _fit(spectra, energies, window, kernel, (exponent,), edge)
    axis = np.log(energies / float(energies[window.channels].mean()))
    if not differs_in_slope(one.spectra, np.exp(-exponent * axis), axis, window.channels):
        return one
    low, centre, high = decay_range(spectra, axis, window.channels, EXPONENTS)
    pair = exponent + low - centre, exponent + high - centre
    return _fit(spectra, energies, window, kernel, pair, edge)


def _laws(
    energies: Floats, exponents: tuple[float, ...], kernel: PluralScattering, reference: float
) -> Floats:
    """Power laws on the channels, and with each kernel: (laws, 1 + kernels, channels)."""
    positions = kernel.axis.channels
    scale = (energies[-1] - energies[0]) / (positions[-1] - positions[0])
    start = energies[0] - positions[0] * scale
    below = int(min(kernel.reach, max((start - LEAST_ENERGY * reference) / scale, 0)))
    regular = start + scale * np.arange(-below, len(kernel.axis.empty))
    laws = (regular / reference) ** -np.array(exponents)[:, None]
    scattered = kernel.scattered_shapes(laws, below)
    return np.concatenate([laws[:, None, below + positions], scattered], 1)


def _weights(kernel: PluralScattering, n_pixels: int) -> Floats:
    """Weights of the spectrum itself and of each kernel, shape (pixels, 1 + kernels)."""
    weights = np.insert(kernel.forward[0], 0, 1.0, axis=1)
    return np.broadcast_to(weights, (n_pixels, weights.shape[1]))


def _exponent(
    spectra: LowRank, energies: Floats, window: Window, kernel: PluralScattering
) -> float:
    """Exponent of the law that, with the mean plural scattering, fits the mean spectrum."""
    inside = window.channels
    n = len(spectra.scores)
    some = np.linspace(0, n - 1, min(n, MOST_PIXELS)).astype(int)
    scores, weights = spectra.scores[some], _weights(kernel, n)[some]
    mean = scores.mean(0) @ spectra.components[:, inside]
    bright = np.maximum(scores @ spectra.components[:, inside].sum(1), 0)
    sd = spectra.whitening.channel_sd[inside]
    reference = float(energies[inside].mean())

    def misfit(exponent: float) -> float:
        shapes = _laws(energies, (exponent,), kernel, reference)[0][:, inside]
        # thick pixels are brighter than their share of the single scattering
        gain = weights @ shapes.sum(1)
        single = bright / np.maximum(gain, 0.1 * max(float(np.median(gain)), 1e-30))
        law, data = single @ weights @ shapes / sd, mean / sd
        return float(data @ data - (data @ law) ** 2 / (law @ law))

    found = minimize_scalar(misfit, bounds=EXPONENTS, method="bounded", options={"xatol": 1e-4})
    return float(found.x)


def _fit(
    spectra: LowRank,
    energies: Floats,
    window: Window,
    kernel: PluralScattering,
    exponents: tuple[float, ...],
    edge: float,
) -> BackgroundFit:
    inside = window.channels
    laws = _laws(energies, exponents, kernel, float(energies[inside].mean()))
    weights = _weights(kernel, len(spectra.scores))
    sd = spectra.whitening.channel_sd
    inner = (laws / sd)[..., inside]
    seen = np.einsum("pkw,rw->pkr", inner, (spectra.components / sd)[:, inside])
    normal = np.einsum("pkw,qlw->pkql", inner, inner)

    def solve(rows: slice | Floats, target: Floats) -> Floats:
        """Coefficients (pixels, laws, any) of what each pixel's own shapes fit in the window."""
        own = weights[rows]
        # products with a matrix one after the other: much the quicker way for many pixels
        matrix = np.stack([_own(own, normal[p, :, q]) for p, q in np.ndindex(n, n)], 1)
        return np.asarray(np.linalg.solve(matrix.reshape(-1, n, n), target))

    n = len(laws)
    right = np.stack([np.sum((weights @ s) * spectra.scores, 1) for s in seen], 1)
    coefficients = solve(slice(None), right[..., None])[..., 0]
    scores = np.concatenate([c[:, None] * weights for c in coefficients.T], 1)
    components = laws.reshape(-1, laws.shape[-1])
    some = np.linspace(0, len(weights) - 1, min(PIXELS, len(weights))).astype(int)
    gains = solve(some, np.einsum("ik,pkr->ipr", weights[some], seen))
    turns = np.einsum("ipr,ik->ipkr", gains, weights[some]).reshape(len(some), -1, spectra.rank)
    cleaned = spectra.appended(-scores, components)
    cleaned = replace(cleaned, noise=_noise(spectra.noise, turns))
    misfit = window_misfit(cleaned, inside)
    typical = weights.mean(0) @ laws
    spread = uncertainty(spectra, typical, inside)
    cleaned = replace(cleaned, shape_noise=np.concatenate([spectra.shape_noise, spread]))
    background = replace(
        spectra,
        scores=scores,
        components=components,
        noise=np.zeros((len(components),) * 2),
        model_error=np.zeros((len(components),) * 2),
    )
    kept = cleaned.recompressed(NEGLIGIBLE * edge, spectra.rank)
    return BackgroundFit(kept, background, "power law, scattered", exponents, misfit)


def _own(weights: Floats, products: Floats) -> Floats:
    """Product of each pixel's own two shapes."""
    return np.asarray(np.sum((weights @ products) * weights, 1))


def _noise(noise: Floats, turns: Floats) -> Floats:
    """Mean covariance of scores and of the coefficients (pixels, any, rank) made of them."""
    across = -np.mean(turns, 0) @ noise
    own = np.einsum("iar,rs,ibs->ab", turns, noise, turns, optimize=True) / len(turns)
    return np.asarray(np.block([[noise, across.T], [across, own]]))
