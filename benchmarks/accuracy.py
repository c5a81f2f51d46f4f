"""How close unmixed spectra and maps are to the truth, and how close they could be at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.optimize import linear_sum_assignment

from hyperspy_unmix.data import Phantom

Floats = NDArray[np.float64]

MISSING = 90.0  # degrees, of a true component that was not found
_BLOCK = 512  # pixels


@dataclass(frozen=True)
class Accuracy:
    """Distance of an unmixing from the truth, one value for each true component.

    Attributes
    ----------
    angles : ndarray
        Spectral angle in degrees: arc cosine of the cosine of the two spectra, no mean taken off.
    map_errors : ndarray
        ``||s * map - truth|| / ||truth||`` with the non-negative least-squares factor ``s``, from
        0 to 1. Peers leave the scale of their maps arbitrary, thus nobody's scale counts.
    scales : ndarray
        That factor ``s``, for spectra of the truth's integral: 1 is the right number of counts.
        NaN where a component is missing or its integral is not above zero.
    matched : tuple of int or None
        Which component was taken for which true one.
    """

    angles: Floats
    map_errors: Floats
    scales: Floats
    matched: tuple[int | None, ...]

    @property
    def mean_angle(self) -> float:
        """Mean spectral angle in degrees."""
        return float(self.angles.mean())

    @property
    def worst_angle(self) -> float:
        """Largest spectral angle in degrees."""
        return float(self.angles.max())

    @property
    def map_error(self) -> float:
        """Mean relative error of the maps."""
        return float(self.map_errors.mean())


def compare(
    spectra: Floats,
    maps: Floats,
    truth_spectra: Floats,
    truth_maps: Floats,
    *,
    free_sign: bool = False,
) -> Accuracy:
    """Match components to true ones, one to one, by least total spectral angle, and compare.

    Parameters
    ----------
    spectra : array, shape (components, channels)
    maps : array, shape (components, pixels)
    truth_spectra, truth_maps : array, shape (true components, ...)
        As many channels and pixels; there may be more or fewer components. A missing one counts
        as 90 degrees and a map error of 1; surplus ones do not count.
    free_sign : bool
        For peers whose components may come upside down: spectrum and map are flipped together
        where that brings the spectrum closer.

    Returns
    -------
    Accuracy

    Raises
    ------
    ValueError
        If shapes do not agree or values are not finite.
    """
    spectra, maps, truth_spectra, truth_maps = (
        np.asarray(a, float) for a in (spectra, maps, truth_spectra, truth_maps)
    )
    if (
        spectra.shape[1:] != truth_spectra.shape[1:]
        or maps.shape[1:] != truth_maps.shape[1:]
        or len(spectra) != len(maps)
    ):
        raise ValueError(
            f"shapes do not agree: spectra {spectra.shape}, maps {maps.shape}, "
            f"truth {truth_spectra.shape} and {truth_maps.shape}"
        )
    if not (np.isfinite(spectra).all() and np.isfinite(maps).all()):
        raise ValueError("spectra and maps must be finite")
    cosines = _unit(truth_spectra) @ _unit(spectra).T
    signs = np.where(cosines < 0, -1.0, 1.0) if free_sign else np.ones_like(cosines)
    angles = np.degrees(np.arccos(np.clip(cosines * signs, -1, 1)))
    # true components may remain without a partner, at the cost of a missing one
    cost = np.concatenate([angles, np.full((len(angles), len(angles)), MISSING)], 1)
    k = len(truth_spectra)
    found, errors, scales = np.full(k, MISSING), np.ones(k), np.full(k, np.nan)
    matched: list[int | None] = [None] * k
    for i, j in zip(*linear_sum_assignment(cost), strict=True):
        if j >= len(spectra):
            continue
        matched[i], found[i] = int(j), angles[i, j]
        area, target = signs[i, j] * spectra[j].sum(), truth_spectra[i].sum()
        counted = signs[i, j] * maps[j]
        power = counted @ counted
        factor = max(counted @ truth_maps[i] / power, 0.0) if power > 0 else 0.0
        rest = factor * counted - truth_maps[i]
        errors[i] = np.linalg.norm(rest) / np.linalg.norm(truth_maps[i])
        if area > 0:
            scales[i] = factor * target / area
    return Accuracy(found, errors, scales, tuple(matched))


def _unit(rows: Floats) -> Floats:
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norm > 0, norm, 1)


def true_spectra(phantom: Phantom) -> Floats:
    """True spectra on the whole axis, shape (components, channels), sum 1 over the channels."""
    return np.asarray(phantom.truth.spectra.data * _width(phantom), float)


def true_maps(phantom: Phantom) -> Floats:
    """True maps, shape (components, pixels)."""
    maps = phantom.truth.maps.data
    return np.asarray(maps.reshape(len(maps), -1), float)


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


def _width(phantom: Phantom) -> float:
    return float(phantom.signal.axes_manager.signal_axes[0].scale)


def _detector(phantom: Phantom) -> tuple[float, float]:
    detector = phantom.truth.parameters.get("detector", {})
    return float(detector.get("gain", 1.0)), float(detector.get("read_noise", 0.0))
