"""Plural scattering: Fourier-ratio deconvolution of compressed spectra, and its inverse."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.linalg import qr

from .low_loss import LowLoss
from .noise import Floats
from .pca import LowRank

MODEL_ERROR = 0.03  # share of the plural scattering taken out that may be wrong
PRECISION = 1e-4
MOST_KERNELS = 12
REPRESENTATIVES = 512


@dataclass(frozen=True)
class Scattering:
    """What convolves each pixel's single scattering: one plus ``scores @ kernels``.

    Parameters
    ----------
    scores : array, shape (pixels, rank)
        Per zero-loss electron, as in `LowLoss`.
    transforms : complex array, shape (rank, frequencies)
        Fourier transforms of the inelastic kernels with the zero-loss peak's width taken out.
    length : int
        Channels of the padded axis.
    channels : int array
        Position on the regular energy axis of each channel of the spectra.
    empty : bool array, shape (regular channels,)
        Where the regular axis holds no counts at all; other gaps are interpolated.
    """

    scores: Floats
    transforms: NDArray[np.complexfloating]
    length: int
    channels: NDArray[np.intp]
    empty: NDArray[np.bool_]

    @cached_property
    def inverse(self) -> tuple[Floats, NDArray[np.complexfloating]]:
        """Kernels that take plural scattering out, see `inverse_kernels`."""
        return inverse_kernels(self)


def scattering(
    low_loss: LowLoss, scale: float, channels: NDArray[np.intp], empty: NDArray[np.bool_]
) -> Scattering:
    """Kernels of plural scattering on the core loss's energy axis.

    The transforms are evaluated at the core loss's own frequencies, so that neither the low loss's
    dispersion nor the position of its peak within a channel needs interpolation. The zero-loss
    peak is divided out with a Wiener filter; where it holds no information, at high frequencies,
    the kernel goes to zero and the spectrum stays as it was recorded.

    Parameters
    ----------
    low_loss : LowLoss
    scale : float
        Channel width of the core loss, in the low loss's energy units.
    channels, empty
        As in `Scattering`.
    """
    reach = int(np.ceil(3 * low_loss.energies[-1] / scale))
    length = int(next_fast_len(len(empty) + reach, real=True))
    frequency = np.arange(length // 2 + 1) / (length * scale)

    def transform(energies: Floats, values: Floats) -> NDArray[np.complexfloating]:
        return np.asarray(values @ np.exp(-2j * np.pi * np.outer(energies, frequency)))

    peak = transform(low_loss.peak_energies, low_loss.peak.shape)
    inelastic = transform(low_loss.energies, low_loss.inelastic)
    low_loss_scale = float(np.median(np.diff(low_loss.energies)))
    known = frequency <= 0.5 / low_loss_scale
    floor = max(1e-3, 3 * float(np.median(np.abs(peak[known][-max(known.sum() // 10, 1) :]))))
    power, floor = np.abs(peak) ** 2, min(floor, 0.1)
    # exact at zero frequency: plural scattering keeps its integral
    wiener = np.where(known, peak.conj() * (1 + floor**2) / (power + floor**2), 0)
    return Scattering(low_loss.scores, inelastic * wiener, length, channels, empty)


def _padded(components: Floats, length: int) -> NDArray[np.complexfloating]:
    """Fourier transform of components led smoothly from their last value back to their first."""
    n = components.shape[1]
    few = max(1, min(8, n // 20))
    first = components[:, :few].mean(1, keepdims=True)
    last = components[:, -few:].mean(1, keepdims=True)
    # plural scattering reaches far: what the fading tail scatters must end before the start
    fade = 0.5 + 0.5 * np.cos(np.pi * np.minimum(np.linspace(0, 3, length - n), 1))
    return np.asarray(rfft(np.concatenate([components, first + (last - first) * fade], 1)))


def _regular(spectra: Floats, kernel: Scattering) -> Floats:
    """Rows on the regular energy axis: gaps interpolated, empty channels zero."""
    regular = np.arange(len(kernel.empty))
    if len(regular) == len(kernel.channels):
        return spectra
    filled = np.stack([np.interp(regular, kernel.channels, row) for row in spectra])
    filled[:, kernel.empty] = 0
    return filled


def _convolve(
    components: Floats, transforms: NDArray[np.complexfloating], kernel: Scattering
) -> Floats:
    """Each component with each kernel, shape (kernels * rank, channels), kernels slowest."""
    spectra = _padded(_regular(components, kernel), kernel.length)
    convolved = irfft(spectra[None] * transforms[:, None], kernel.length)[..., kernel.channels]
    return np.asarray(convolved.reshape(-1, len(kernel.channels)))


def _combine(scores: Floats, weights: Floats) -> Floats:
    """Scores of every kernel and component, shape (pixels, kernels * rank), kernels slowest."""
    return np.asarray((weights[:, :, None] * scores[:, None, :]).reshape(len(scores), -1))


def scatter(scores: Floats, components: Floats, kernel: Scattering) -> tuple[Floats, Floats]:
    """Put plural scattering into single-scattering spectra: (scores, components)."""
    weights = np.broadcast_to(kernel.scores, (len(scores), kernel.scores.shape[1]))
    convolved = _convolve(components, kernel.transforms, kernel)
    return (
        np.concatenate([scores, _combine(scores, weights)], 1),
        np.concatenate([components, convolved]),
    )


def inverse_kernels(
    kernel: Scattering,
) -> tuple[Floats, NDArray[np.complexfloating]]:
    """Kernels that take plural scattering out: identity plus ``weights @ transforms``.

    The inverse of each pixel's kernel is not linear in its scores, but lies in a space of few
    dimensions. That space is found from representative pixels; the others' weights from a few
    frequencies chosen by pivoted QR, so that no pixel's full kernel is formed.

    Returns
    -------
    weights : array, shape (pixels, kernels)
    transforms : complex array, shape (kernels, frequencies)

    References
    ----------
    Z. Drmac, S. Gugercin, SIAM J. Sci. Comput. 38 (2016) A631,
    https://doi.org/10.1137/15M1019271
    """
    strength = np.abs(kernel.scores @ kernel.transforms[:, 0].real)
    chosen = np.argsort(strength, kind="stable")
    chosen = np.unique(chosen[np.linspace(0, len(chosen) - 1, REPRESENTATIVES).astype(int)])
    full = _inverse(kernel.scores[chosen] @ kernel.transforms)
    _, s, basis = np.linalg.svd(irfft(full, kernel.length), full_matrices=False)
    rank = min(max(int((s > PRECISION * s[0]).sum()), 1), MOST_KERNELS)
    transforms = np.asarray(rfft(basis[:rank]))
    _, _, pivots = qr(transforms, mode="economic", pivoting=True)
    sampled = _spread(pivots, rank, transforms.shape[1])
    seen = _inverse(kernel.scores @ kernel.transforms[:, sampled])
    design = np.concatenate([transforms[:, sampled].real, transforms[:, sampled].imag], 1)
    target = np.concatenate([seen.real, seen.imag], 1)
    return target @ np.linalg.pinv(design), transforms


def _spread(pivots: NDArray[np.intp], rank: int, n: int) -> NDArray[np.intp]:
    """The pivots, and as many low frequencies again where kernels have their weight."""
    low = np.unique(np.geomspace(1, n, 8 * rank).astype(int) - 1)
    return np.union1d(pivots[:rank], low)


def _inverse(ratio: NDArray[Any]) -> NDArray[Any]:
    """``1 / (1 + ratio) - 1``."""
    return np.asarray(-ratio / (1 + ratio))


def remove_scattering(spectra: LowRank, kernel: Scattering) -> LowRank:
    """Take plural scattering out of compressed spectra (Fourier ratio, zero-loss width put back).

    Parameters
    ----------
    spectra : LowRank
        Without background.
    kernel : Scattering
        Of one pixel, or of as many as the spectra.

    Returns
    -------
    LowRank
        In single-scattering counts. ``noise`` is propagated; ``model_error`` is three percent of
        what was taken out.

    References
    ----------
    R. F. Egerton, Electron Energy-Loss Spectroscopy in the Electron Microscope, 3rd ed. (2011),
    sect. 4.3.2, https://doi.org/10.1007/978-1-4419-9583-4
    """
    n, rank = spectra.scores.shape
    if not kernel.transforms.any() or not kernel.scores.any():
        return spectra
    weights, transforms = kernel.inverse
    weights = np.broadcast_to(weights, (n, weights.shape[1]))
    taken = _combine(spectra.scores, weights)
    convolved = _convolve(spectra.components, transforms, kernel)
    factors = np.concatenate([np.ones((n, 1)), weights], 1)
    mixing = factors.T @ factors / n
    error = MODEL_ERROR**2 * (taken.T * spectra.weights) @ taken / n
    model_error = np.zeros((rank + len(convolved),) * 2)
    model_error[rank:, rank:] = error
    return replace(
        spectra,
        scores=np.concatenate([spectra.scores, taken], 1),
        components=np.concatenate([spectra.components, convolved]),
        noise=np.kron(mixing, spectra.noise),
        model_error=model_error,
    )


def remove_scattering_from(
    block: Floats, weights: Floats, transforms: NDArray[np.complexfloating], kernel: Scattering
) -> Floats:
    """Take plural scattering out of spectra (pixels, channels) that are not compressed.

    ``weights`` and ``transforms`` are those of `inverse_kernels`, for the pixels of the block.
    """
    own = 1 + np.broadcast_to(weights, (len(block), weights.shape[1])) @ transforms
    spectra = _padded(_regular(block, kernel), kernel.length)
    return np.asarray(irfft(spectra * own, kernel.length)[:, kernel.channels])
