"""What a background may be wrong by where it is continued beyond the window it was fitted in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.types import Floats

from .background import Background
from .background_fit import BackgroundFit, shapes_of

# Two laws whose exponents are one apart, f of the one and 1 - f of the other, change their common
# exponent by f (1 - f) when the energy grows e-fold: 1/6 in the mean over f.
EXPONENT_CHANGE = 1 / 6
KNOTS = 48  # at which the exponent may change, over the axis


@dataclass(frozen=True)
class ExtrapolationError:
    """What a background may be wrong by, in corrected spectra; amounts are independent normal ones.

    Parameters
    ----------
    height : array, shape (pixels,)
        Background of each pixel in the window, over its mean.
    shared : array, shape (modes, channels)
        Errors of the shape, common to all pixels, in a pixel of height one.
    of_noise : array, shape (coefficients, channels)
        What the noise in the window makes of a spectrum whose channels have that of unit weight.
    """

    height: Floats
    shared: Floats
    of_noise: Floats


def extrapolation_error(background: Background, fit: BackgroundFit) -> ExtrapolationError:
    """Errors of a background, of two kinds.

    The noise of the counts in the window: of every spectrum's own coefficients, carried to all
    channels, and of an exponent that is fitted to the mean spectrum. Where the shapes do not
    describe the window within its noise, it is larger by the root of the misfit (Birge's ratio).

    And the model: a background is a power law only about, with an exponent that changes slowly with
    the energy. Its deviation from the law is taken for the integral of a random walk along the
    logarithm of the energy, by `EXPONENT_CHANGE` in the mean square over one e-fold, less what the
    fit in the window makes up for: next to none in and beside the window, growing with the 3/2
    power of the distance. What the fit leaves of the mean spectrum in the window tells more of it
    (normal errors, Bayes' rule): a law that is straight there, or one that bends. Polynomials and
    constants have no such term.

    Parameters
    ----------
    background : Background
    fit : BackgroundFit
        What was fitted with it.

    References
    ----------
    R. F. Egerton, Electron Energy-Loss Spectroscopy in the Electron Microscope, 3rd ed. (2011),
    sect. 4.4, https://doi.org/10.1007/978-1-4419-9583-4 (exponents between 2 and 6, which change
    with the energy); G. Wahba, J. R. Stat. Soc. B 40 (1978) 364,
    https://doi.org/10.1111/j.2517-6161.1978.tb01050.x (integrated random walk);
    R. T. Birge, Phys. Rev. 40 (1932) 207, https://doi.org/10.1103/PhysRev.40.207
    """
    inside, spectra = background.window.channels, fit.background
    sd = spectra.whitening.channel_sd
    mean = spectra.scores.mean(0) @ spectra.components
    in_window = np.maximum(spectra.scores @ spectra.components[:, inside].sum(1), 0)
    height = in_window / max(float(in_window.mean()), 1e-300)
    shapes = _recorded_shapes(background, fit)
    weighted = (shapes / sd)[:, inside]
    covariance = np.linalg.pinv(weighted @ weighted.T) * max(fit.misfit, 1.0)
    of_noise = _root(covariance).T @ shapes
    axes = _axes(background, fit)
    shared = np.zeros((0, len(mean)))
    if axes is not None:
        relative_sd = sd[inside] / np.maximum(np.abs(mean[inside]), 1e-300)
        relative_sd *= np.sqrt(np.mean(1 / spectra.weights) / len(spectra.weights))
        changes = _changes_of_law(*axes, inside, relative_sd)
        left = fit.spectra.scores.mean(0) @ fit.spectra.components[:, inside] / mean[inside]
        changes = _in_view_of(left / relative_sd, changes[:, inside] / relative_sd) @ changes
        if len(fit.parameters) == 1:
            noise = _noise_of_slope(axes[1], inside, relative_sd) * np.sqrt(max(fit.misfit, 1.0))
            changes = np.concatenate([changes, noise[None]])
        shared = changes * mean
    return ExtrapolationError(
        height, _single_scattering(background, shared), _single_scattering(background, of_noise)
    )


def _recorded_shapes(background: Background, fit: BackgroundFit) -> Floats:
    """What is fitted to a pixel of mean thickness, shape (coefficients, channels)."""
    if not background.is_scattered:
        return shapes_of(fit.shape, fit.parameters, background.energies, background.window.channels)
    number = fit.coefficients
    with_kernels = fit.background.components.reshape(number, -1, len(background.energies))
    assert background.kernel is not None
    weights = np.insert(background.kernel.forward[0].mean(0), 0, 1.0)
    return np.asarray(weights @ with_kernels)


def _axes(background: Background, fit: BackgroundFit) -> tuple[Floats, Floats] | None:
    """Along which the exponent changes, and along which the fitted law is straight; or none."""
    if not fit.parameters or background.energies.min() <= 0:
        return None
    logarithms = np.log(background.energies)
    return logarithms, background.energies if fit.shape == "exponential" else logarithms


def _changes_of_law(
    axis: Floats, straight: Floats, inside: NDArray[np.intp], relative_sd: Floats
) -> Floats:
    """Relative errors (modes, channels) of a law whose slope along ``axis`` takes a random walk."""
    knots, distance = np.linspace(axis.min(), axis.max(), KNOTS, retstep=True)
    bends = np.maximum(axis - knots[:, None], 0) * EXPONENT_CHANGE * np.sqrt(distance)
    lines = np.stack([np.ones_like(straight), straight - straight[inside].mean()])
    made_up = np.linalg.lstsq(
        (lines[:, inside] / relative_sd).T, (bends[:, inside] / relative_sd).T
    )
    return np.asarray(bends - made_up[0].T @ lines)


def _in_view_of(left: Floats, changes: Floats) -> Floats:
    """Matrix that makes independent errors of those known beforehand, once data were seen.

    Their second moments are the covariance that the data leave, and what they show.

    Parameters
    ----------
    left : array, shape (window,)
        What the fit left of the mean spectrum there, over its noise.
    changes : array, shape (modes, window)
        What the errors make of it, likewise.
    """
    covariance = np.linalg.inv(np.eye(len(changes)) + changes @ changes.T)
    shown = covariance @ changes @ left
    return _root(covariance + np.outer(shown, shown)).T


def _noise_of_slope(straight: Floats, inside: NDArray[np.intp], relative_sd: Floats) -> Floats:
    """Relative error of a law whose slope is fitted to the mean spectrum, heights to all."""
    weights = 1 / relative_sd**2
    centred = straight - np.average(straight[inside], weights=weights)
    return np.asarray(centred / np.sqrt(weights @ centred[inside] ** 2))


def _single_scattering(background: Background, shapes: Floats) -> Floats:
    """Shapes (any, channels) less the plural scattering of a pixel of mean thickness."""
    kernel = background.kernel
    if kernel is None or kernel.is_none or not len(shapes):
        return shapes
    weights, transforms = kernel.inverse
    convolved = kernel.axis.convolve(shapes, transforms).reshape(len(transforms), *shapes.shape)
    return np.asarray(shapes + np.tensordot(weights.mean(0), convolved, 1))


def _root(covariance: Floats) -> Floats:
    """Matrix whose product with its transpose this is."""
    variances, directions = np.linalg.eigh(covariance)
    return np.asarray(directions * np.sqrt(np.maximum(variances, 0)))
