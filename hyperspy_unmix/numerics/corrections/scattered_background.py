"""The background of thick specimens: power laws with plural scattering put into them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.optimize import minimize_scalar

from hyperspy_unmix.numerics.compression.low_rank import (
    NEGLIGIBLE_SHARE_OF_EDGE,
    LowRank,
    moment_sum,
)
from hyperspy_unmix.numerics.types import Floats

from .background_fit import (
    IN_PARTS,
    SCATTERED,
    BackgroundFit,
    background_error,
    decay_range,
    differs_in_slope,
    window_misfit,
)
from .falling_window import Window
from .plural_scattering import PluralScattering

LEAST_ENERGY_OVER_WINDOW = 0.25  # of the window's: the power law is not continued below
# A law that is off by 1e-4 is more than noise where counts are many, and two would be fitted.
EXPONENT_TOLERANCE = 1e-6
EXPONENT_LIMITS = (0.5, 8.0)
MOST_MISFIT = 2.0  # of two laws in the window, over noise; above, another description is tried
MOST_PIXELS_FOR_EXPONENT = 8192  # in which it is looked for
MOST_PIXELS_FOR_NOISE = 1024  # over which that of the coefficients is averaged


def subtract_scattered_background(
    spectra: LowRank, energies: Floats, window: Window, kernel: PluralScattering, edge: float
) -> BackgroundFit:
    """Subtract power laws that went through the plural scattering of every pixel.

    The single scattering of a background is a power law; plural scattering bends it, by an amount
    that grows with the thickness, and a power law fitted before an edge then lies too low behind
    it. With the low loss at hand the bend is known. One law for all pixels is tried first, then
    two, as in `background_fit.subtract_background`.

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
    reference = float(energies[window.channels].mean())

    def law(exponent: float) -> Floats:
        return _laws(energies, (exponent,), kernel, reference)

    exponent = _exponent(spectra, energies, window, kernel)
    one_law = _fit_laws(spectra, law(exponent), window, kernel, (exponent,), edge)
    axis = np.log(energies / reference)
    if not differs_in_slope(one_law.spectra, np.exp(-exponent * axis), axis, window.channels):
        return one_law
    low, centre, high = decay_range(spectra, axis, window.channels, EXPONENT_LIMITS)
    pair = exponent + low - centre, exponent + high - centre
    laws = _laws(energies, pair, kernel, reference)
    two_laws = _fit_laws(spectra, laws, window, kernel, pair, edge)
    if two_laws.misfit <= MOST_MISFIT:
        return two_laws

    def in_parts(exponent: float) -> Floats:
        within = _laws(energies, (exponent,), kernel, reference, from_below=False)
        return np.concatenate([within, law(exponent) - within])

    exponent = _exponent(spectra, energies, window, kernel, in_parts)
    parts = _fit_laws(spectra, in_parts(exponent), window, kernel, (exponent,), edge)
    return replace(parts, shape=IN_PARTS) if parts.misfit <= 1 else two_laws


def _laws(
    energies: Floats,
    exponents: tuple[float, ...],
    kernel: PluralScattering,
    reference: float,
    from_below: bool = True,
) -> Floats:
    """Power laws on the channels, and with each kernel: (laws, 1 + kernels, channels).

    ``from_below`` tells whether they go on below the axis.
    """
    positions = kernel.axis.channels
    scale = (energies[-1] - energies[0]) / (positions[-1] - positions[0])
    start = energies[0] - positions[0] * scale
    below = int(min(kernel.reach, max((start - LEAST_ENERGY_OVER_WINDOW * reference) / scale, 0)))
    regular = start + scale * np.arange(-below, len(kernel.axis.empty))
    laws = (regular / reference) ** -np.array(exponents)[:, None]
    on_axis = laws[:, None, below + positions]
    if not from_below:
        laws[:, :below] = 0
    return np.concatenate([on_axis, kernel.scattered_shapes(laws, below)], 1)


def _weights(kernel: PluralScattering, n_pixels: int) -> Floats:
    """Weights of the spectrum itself and of each kernel, shape (pixels, 1 + kernels)."""
    weights = np.insert(kernel.forward[0], 0, 1.0, axis=1)
    return np.broadcast_to(weights, (n_pixels, weights.shape[1]))


def _exponent(
    spectra: LowRank,
    energies: Floats,
    window: Window,
    kernel: PluralScattering,
    laws: Callable[[float], Floats] | None = None,
) -> float:
    """Exponent with which the mean spectrum is fitted best, with the mean plural scattering.

    ``laws`` gives shapes (laws, 1 + kernels, channels) for an exponent; default the one of `_laws`.
    """
    inside = window.channels
    n = len(spectra.scores)
    pixels = np.linspace(0, n - 1, min(n, MOST_PIXELS_FOR_EXPONENT)).astype(int)
    scores, weights = spectra.scores[pixels], _weights(kernel, n)[pixels]
    mean = scores.mean(0) @ spectra.components[:, inside]
    bright = np.maximum(scores @ spectra.components[:, inside].sum(1), 0)
    sd = spectra.whitening.channel_sd[inside]

    reference = float(energies[inside].mean())

    def misfit(exponent: float) -> float:
        every = _laws(energies, (exponent,), kernel, reference) if laws is None else laws(exponent)
        shapes = every[:, :, inside]
        # Thick pixels are brighter than their share of the single scattering.
        gain = weights @ shapes.sum((0, 2))
        single = bright / np.maximum(gain, 0.1 * max(float(np.median(gain)), 1e-30))
        fitted = np.einsum("k,pkw->pw", single @ weights, shapes) / sd
        return float(np.sum((mean / sd - np.linalg.lstsq(fitted.T, mean / sd)[0] @ fitted) ** 2))

    result = minimize_scalar(
        misfit,
        bounds=EXPONENT_LIMITS,
        method="bounded",
        options={"xatol": EXPONENT_TOLERANCE},
    )
    return float(result.x)


def _fit_laws(
    spectra: LowRank,
    laws: Floats,
    window: Window,
    kernel: PluralScattering,
    exponents: tuple[float, ...],
    edge: float,
) -> BackgroundFit:
    """Fit power laws, with each pixel's own plural scattering, in the window, and subtract them.

    ``laws`` (laws, 1 + kernels, channels) are those of `_laws`.
    """
    inside = window.channels
    weights = _weights(kernel, len(spectra.scores))

    # Products over the window: of the laws with the components, and with each other.
    sd = spectra.whitening.channel_sd
    weighted = (laws / sd)[..., inside]
    with_components = np.einsum("pkw,rw->pkr", weighted, (spectra.components / sd)[:, inside])
    normal = np.einsum("pkw,qlw->pkql", weighted, weighted)

    # The background, as scores of each law with each kernel.
    right = [np.sum((weights @ products) * spectra.scores, 1) for products in with_components]
    coefficients = _solve_per_pixel(weights, normal, np.stack(right, 1)[..., None])[..., 0]
    scores = np.concatenate([c[:, None] * weights for c in coefficients.T], 1)
    components = laws.reshape(-1, laws.shape[-1])
    cleaned = spectra.append_components(-scores, components)

    # The noise of the window is carried to all channels, and so is the components' own error.
    transforms = _noise_transforms(weights, normal, with_components)
    cleaned = replace(cleaned, noise=_joint_noise(spectra.noise, transforms))
    misfit = window_misfit(cleaned, inside)
    error = background_error(spectra, weights.mean(0) @ laws, inside)
    cleaned = replace(cleaned, shape_noise=np.concatenate([spectra.shape_noise, error]))
    wrong = kernel.error * _error_of_scattering(weights, normal, coefficients)
    moment = moment_sum(wrong.__getitem__, spectra.weights, wrong.shape[1]) / len(wrong)
    cleaned.model_error[spectra.rank :, spectra.rank :] += moment
    without_noise = np.zeros((len(components),) * 2)
    background = replace(
        spectra,
        scores=scores,
        components=components,
        noise=without_noise,
        model_error=without_noise.copy(),
    )
    return BackgroundFit(
        spectra=cleaned.recompress(NEGLIGIBLE_SHARE_OF_EDGE * edge, spectra.rank),
        background=background,
        shape=SCATTERED,
        parameters=exponents,
        misfit=misfit,
    )


def _error_of_scattering(weights: Floats, normal: Floats, coefficients: Floats) -> Floats:
    """Scores (pixels, laws with kernels) of what a wrong kernel leaves of the background.

    That is a share of the plural scattering in it, less what the fit in the window makes up for.
    """
    scattered = np.concatenate([np.zeros((len(weights), 1)), weights[:, 1:]], 1)
    n = len(normal)
    right = np.zeros((len(weights), n))
    for p, q in np.ndindex(n, n):
        right[:, p] += coefficients[:, q] * np.sum((weights @ normal[p, :, q]) * scattered, 1)
    made_up = _solve_per_pixel(weights, normal, right[..., None])[..., 0]
    scores = coefficients[..., None] * scattered[:, None] - made_up[..., None] * weights[:, None]
    return np.asarray(scores.reshape(len(weights), -1))


def _solve_per_pixel(weights: Floats, normal: Floats, right: Floats) -> Floats:
    """Coefficients (pixels, laws, any) of a fit of each pixel's own laws in the window.

    Parameters
    ----------
    weights : array, shape (pixels, 1 + kernels)
    normal : array, shape (laws, 1 + kernels, laws, 1 + kernels)
        Products of the laws with each kernel.
    right : array, shape (pixels, laws, any)
        Products of each pixel's own laws with what is fitted.
    """
    n = len(normal)
    # Products with one matrix after the other are much the quicker way for many pixels.
    products = [_own_products(weights, normal[p, :, q]) for p, q in np.ndindex(n, n)]
    return np.asarray(np.linalg.solve(np.stack(products, 1).reshape(-1, n, n), right))


def _own_products(weights: Floats, products: Floats) -> Floats:
    """Product of each pixel's own two laws, from those of the laws with each kernel."""
    return np.asarray(np.sum((weights @ products) * weights, 1))


def _noise_transforms(weights: Floats, normal: Floats, with_components: Floats) -> Floats:
    """Matrices (pixels, laws with kernels, rank) that make background scores of the spectra's.

    Of some pixels, evenly spaced.
    """
    n = len(weights)
    pixels = np.linspace(0, n - 1, min(MOST_PIXELS_FOR_NOISE, n)).astype(int)
    weights = weights[pixels]
    right = np.einsum("ik,pkr->ipr", weights, with_components)
    gains = _solve_per_pixel(weights, normal, right)
    transforms = np.einsum("ipr,ik->ipkr", gains, weights)
    return np.asarray(transforms.reshape(len(pixels), -1, with_components.shape[-1]))


def _joint_noise(noise: Floats, transforms: Floats) -> Floats:
    """Mean covariance of scores and of the background scores (pixels, any, rank) made of them."""
    across = -np.mean(transforms, 0) @ noise
    summed = np.einsum("iar,rs,ibs->ab", transforms, noise, transforms, optimize=True)
    return np.asarray(np.block([[noise, across.T], [across, summed / len(transforms)]]))
