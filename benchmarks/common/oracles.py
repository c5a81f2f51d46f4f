"""How close unmixed spectra and maps could be at all: each from the other half of the truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft

from hyperspy_unmix.data import Phantom

from .accuracy import Floats, true_maps, true_spectra

_BLOCK = 512  # pixels


def oracle_maps(phantom: Phantom, clean: Phantom, *, iterations: int = 30) -> Floats:
    """Best non-negative maps for the true spectra: what no unmixing can be expected to beat.

    Poisson maximum likelihood of every pixel by Fisher scoring, each step a non-negative weighted
    least-squares fit with the variance of the last fit. EELS: the spectra are scattered again with
    the pixel's own noise-free kernel and stand on the true background. CCD: variance
    ``gain * mean + read_noise^2``, the charge shared between channels left aside.

    Parameters
    ----------
    phantom : Phantom
    clean : Phantom
        The same with ``noise=False``.
    iterations : int
        Fisher steps, from the true maps; they converge in a few.

    Returns
    -------
    ndarray, shape (components, pixels)
        In counts of spectra with sum 1 over the whole axis.
    """
    counts, expected = _pixels(phantom), _pixels(clean)
    background = _background(clean)
    spectra, start = true_spectra(clean), true_maps(clean).T
    gain, read = _detector(clean)
    result = np.empty_like(start)
    for rows, kernel in _kernels(clean):
        shape = (len(expected[rows]), *spectra.shape)
        if kernel is None:
            design = np.broadcast_to(spectra, shape)
        else:  # drift brings in what lies beyond the last channel
            design = kernel.scatter(np.pad(spectra, ((0, 0), (0, kernel.beyond)), "edge"))
        base = background[rows] if background is not None else np.zeros(1)
        result[rows] = _fit(counts[rows] - base, design, base, start[rows], gain, read, iterations)
    return result.T


def oracle_spectra(phantom: Phantom, clean: Phantom, *, iterations: int = 30) -> Floats:
    """Best non-negative spectra for the true maps.

    EDS: Poisson maximum likelihood of every channel, as in `oracle_maps`. EELS: plural scattering
    couples the channels, but with the maps known the model is linear, and so is its best unbiased
    estimate: least squares weighted with the known variance, by conjugate gradients through each
    pixel's noise-free kernel, less the true background. At the phantoms' hundreds of counts a
    channel that is maximum likelihood. Negative values are set to zero, towards the truth.

    Parameters
    ----------
    phantom : Phantom
    clean : Phantom
        The same with ``noise=False``.
    iterations : int
        Fisher steps (EDS).

    Returns
    -------
    ndarray, shape (components, channels)
        Sum about 1 over the whole axis.
    """
    counts, expected, maps = _pixels(phantom), _pixels(clean), true_maps(clean)
    gain, read = _detector(clean)
    if clean.low_loss is None:
        start = true_spectra(clean)
        few = 128  # channels at once
        parts = []
        for first in range(0, counts.shape[1], few):
            part = slice(first, first + few)
            columns = counts[:, part].T
            design = np.broadcast_to(maps, (len(columns), *maps.shape))
            fit = _fit(columns, design, np.zeros(1), start[:, part].T, gain, read, iterations)
            parts.append(fit)
        return np.concatenate(parts).T
    weights = 1 / (gain * expected + read**2)
    net = counts - _background(clean)
    kernels = list(_kernels(clean))

    def back(residual: Floats) -> Floats:
        return sum(k.gather(residual[rows] * weights[rows], maps[:, rows]) for rows, k in kernels)

    def forth(spectra: Floats) -> Floats:
        return np.concatenate([k.mix(spectra, maps[:, rows]) for rows, k in kernels])

    # the normal matrix of every channel by itself, without scattering, is the preconditioner
    normal = np.einsum("ip,pe,jp->eij", maps, weights, maps)
    inverse = np.pad(np.linalg.inv(normal), ((0, kernels[0][1].beyond), (0, 0), (0, 0)), "edge")
    solution = _conjugate_gradients(
        lambda x: back(forth(x)), back(net), lambda x: np.einsum("eij,je->ie", inverse, x)
    )
    return np.maximum(solution[:, : counts.shape[1]], 0)


def _conjugate_gradients(apply, right: Floats, precondition, tolerance: float = 1e-6) -> Floats:
    solution, residual = np.zeros_like(right), right
    direction = step = precondition(residual)
    power = first = np.vdot(residual, step)
    for _ in range(100):
        if power <= tolerance**2 * first:
            break
        image = apply(direction)
        factor = power / np.vdot(direction, image)
        solution = solution + factor * direction
        residual = residual - factor * image
        step = precondition(residual)
        power, last = np.vdot(residual, step), power
        direction = step + power / last * direction
    return solution


def _fit(
    net: Floats,
    design: Floats,
    background: Floats,
    start: Floats,
    gain: float,
    read: float,
    iterations: int,
) -> Floats:
    """Fisher scoring of ``net = start @ design`` in every row; design (rows, k, columns)."""
    found = start
    scale = float(np.mean(np.abs(net))) + 1e-12
    for _ in range(iterations):
        mean = np.einsum("pi,pie->pe", found, design) + background
        weights = 1 / np.maximum(gain * mean + read**2, 1e-6 * gain * scale)
        weighted = design * weights[:, None]
        found = _non_negative(
            weighted @ np.swapaxes(design, 1, 2), np.einsum("pie,pe->pi", weighted, net), found
        )
    return found


def _non_negative(normal: Floats, right: Floats, start: Floats, sweeps: int = 200) -> Floats:
    """Non-negative least squares from many small normal equations, by coordinate descent."""
    found = start.copy()
    diagonal = np.maximum(np.diagonal(normal, axis1=1, axis2=2), 1e-300)
    for _ in range(sweeps):
        before = found.copy()
        for i in range(found.shape[1]):
            slope = right[:, i] - np.einsum("pj,pj->p", normal[:, i], found)
            found[:, i] = np.maximum(found[:, i] + slope / diagonal[:, i], 0)
        if np.abs(found - before).max() <= 1e-9 * np.abs(found).max():
            break
    return found


@dataclass(frozen=True)
class _Kernel:
    """Plural scattering of some pixels, as it really was, shift by drift included.

    Spectra have `beyond` channels more than are recorded, which the drift brings in.
    """

    transforms: NDArray[np.complexfloating]
    length: int
    channels: int
    beyond: int

    def scatter(self, spectra: Floats) -> Floats:
        """Every spectrum as every pixel records it, shape (pixels, components, channels)."""
        product = self.transforms[:, None] * rfft(spectra, self.length)
        return np.asarray(irfft(product, self.length)[..., : self.channels])

    def mix(self, spectra: Floats, maps: Floats) -> Floats:
        """Recorded sum of the components, shape (pixels, channels)."""
        product = self.transforms * (maps.T @ rfft(spectra, self.length))
        return np.asarray(irfft(product, self.length)[:, : self.channels])

    def gather(self, values: Floats, maps: Floats) -> Floats:
        """Transpose of `mix`, shape (components, channels + beyond)."""
        product = maps @ (self.transforms.conj() * rfft(values, self.length))
        return np.asarray(irfft(product, self.length)[:, : self.channels + self.beyond])


def _kernels(clean: Phantom) -> Iterator[tuple[slice, _Kernel | None]]:
    """Rows of pixels and their kernels; None for EDS.

    The noise-free low loss over the zero-loss peak that the truth states. Only its inelastic part
    is divided: it has no detail finer than the peak, thus where the peak's transform vanishes it
    does too, and a floor in the divisor is harmless.
    """
    size = _pixels(clean).shape
    blocks = [slice(i, min(i + _BLOCK, size[0])) for i in range(0, size[0], _BLOCK)]
    if clean.low_loss is None:
        yield from ((rows, None) for rows in blocks)
        return
    parameters, low = clean.truth.parameters, clean.low_loss.data
    low = low.reshape(-1, low.shape[-1])
    gain, _ = _detector(clean)
    axis = clean.low_loss.axes_manager.signal_axes[0]
    remaining = np.exp(-clean.truth.thickness.data.ravel())
    zero = gain * parameters["low_loss_counts"] * remaining
    peak = _zero_loss(parameters, axis.axis, axis.scale)
    drift = np.ravel(parameters["drift"])
    length = int(next_fast_len(size[1] + 2 * low.shape[1], real=True))
    first = round(axis.offset / axis.scale)
    turn = np.exp(-2j * np.pi * first * np.arange(length // 2 + 1) / length)
    # what follows the last channel fades out rather than breaks off
    tail = np.exp(-np.arange(low.shape[1]) / 50)
    peak_ft = rfft(peak, length) * turn
    power = np.abs(peak_ft) ** 2
    divisor = peak_ft.conj() / np.maximum(power, 1e-10)
    for rows in blocks:
        values = low[rows] / zero[rows, None]
        shifted = np.stack(
            [_zero_loss(parameters, axis.axis - d * axis.scale, axis.scale) for d in drift[rows]]
        )
        inelastic = values - shifted
        extended = np.concatenate([inelastic, inelastic[:, -1:] * tail], 1)
        moved = np.exp(-2j * np.pi * np.outer(drift[rows], np.arange(length // 2 + 1) / length))
        transforms = rfft(extended, length) * turn * divisor + moved
        yield rows, _Kernel(transforms, length, size[1], int(np.ceil(np.abs(drift).max())))


def _zero_loss(parameters: dict, energies: Floats, width: float) -> Floats:
    """Zero-loss peak as recorded, of sum 1: instrument response seen through the detector."""
    from hyperspy_unmix.data._physics import peak_profile

    kernel = parameters["detector"]["kernel"]
    pad = len(kernel) // 2
    wide = np.arange(-pad, len(energies) + pad) * width + energies[0]
    profile = peak_profile(wide, width, **parameters["response"])
    return np.convolve(profile, kernel, "valid")


def _pixels(phantom: Phantom) -> Floats:
    data = phantom.signal.data
    return np.asarray(data.reshape(-1, data.shape[-1]), float)


def _background(phantom: Phantom) -> Floats | None:
    if phantom.truth.background is None:
        return None
    data = phantom.truth.background.data
    return np.asarray(data.reshape(-1, data.shape[-1]), float)


def _detector(phantom: Phantom) -> tuple[float, float]:
    detector = phantom.truth.parameters.get("detector", {})
    return float(detector.get("gain", 1.0)), float(detector.get("read_noise", 0.0))
