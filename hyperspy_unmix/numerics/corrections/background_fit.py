"""The background before an edge: its subtraction in compressed form."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.linear_algebra import generalised_eigenvectors
from hyperspy_unmix.numerics.noise.noise_edge import noise_edge
from hyperspy_unmix.numerics.types import Floats

from .falling_window import Window
from .power_law import logarithmic_line

SCATTERED = "power law, scattered"
IN_PARTS = "power law, scattered in parts"  # what is from below the axis by itself
POLYNOMIAL_DEGREE = 2
LEAST_SLOPE_VARIANCE = 2.0  # over its noise, for a second law to describe more signal than noise


@dataclass(frozen=True)
class BackgroundFit:
    """Spectra without background, the background, and what it is made of.

    ``parameters`` are the exponents of power laws E^-r, or the decay energies of exponentials;
    ``misfit`` is that of `window_misfit`: 1 or less where the shapes describe the background
    within its noise.
    """

    spectra: LowRank
    background: LowRank
    shape: str
    parameters: tuple[float, ...]
    misfit: float

    @property
    def law(self) -> str:
        """Its formula, with the parameters."""
        numbers = ", ".join(f"{value:.3g}" for value in self.parameters)
        return {
            "power law": f"power law E^-r, r = {numbers}",
            SCATTERED: f"power law E^-r with plural scattering, r = {numbers}",
            IN_PARTS: f"power law E^-r with plural scattering, r = {numbers}, and what is "
            "scattered from below the axis by itself",
            "exponential": f"exponential exp(-E/w), w = {numbers}",
            "polynomial": "polynomial of second degree",
            "offset": "constant",
        }[self.shape]

    @property
    def coefficients(self) -> int:
        """Numbers fitted to each pixel."""
        powers = {"polynomial": POLYNOMIAL_DEGREE + 1, "offset": 1, IN_PARTS: 2}
        return powers.get(self.shape, len(self.parameters))


def subtract_background(
    spectra: LowRank, energies: Floats, window: Window, shape: str = "auto"
) -> BackgroundFit:
    """Subtract a background fitted in pre-edge windows; exact and linear in the components.

    One power law (or exponential) of the mean spectrum's exponent is tried first. Where pixels
    differ in slope by more than their noise, a linear combination of two is taken, whose exponents
    are the 5th and 95th percentile over the specimen.

    Parameters
    ----------
    spectra : LowRank
    energies : array, shape (channels,)
        Positive, for power laws.
    window : Window
    shape : {"auto", "power law", "exponential", "polynomial", "offset"}
        ``"auto"`` is the power law; the polynomial is of second degree.

    References
    ----------
    P. Cueva, R. Hovden, J. A. Mundy, H. L. Xin, D. A. Muller, Microsc. Microanal. 18 (2012) 667,
    https://doi.org/10.1017/S1431927612000244
    """
    inside = window.channels
    # Polynomials are linear in their coefficients.
    if shape in ("polynomial", "offset"):
        return _fit_shapes(spectra, shapes_of(shape, (), energies, inside), inside, shape, ())
    # A power law is an exponential of the logarithm.
    reference = float(energies[inside].mean())
    is_exponential = shape == "exponential"
    if is_exponential:
        name, rate_limits = shape, (1e-3, 1e3)
        axis, unit = energies - reference, float(np.ptp(energies[inside]))
    else:
        name, rate_limits = "power law", (0.1, 10.0)
        axis, unit = np.log(np.maximum(energies, 1e-300) / reference), 1.0

    def fit(rates: tuple[float, ...]) -> BackgroundFit:
        parameters = tuple(unit / rate for rate in rates) if is_exponential else rates
        laws = shapes_of(name, parameters, energies, inside)
        return _fit_shapes(spectra, laws, inside, name, parameters)

    # One law, and two where pixels differ in slope.
    mean = spectra.scores.mean(0) @ spectra.components[:, inside]
    rate = float(np.clip(_decay_rate(axis[inside] / unit, mean), *rate_limits))
    one_law = fit((rate,))
    law = np.exp(-rate * axis / unit)
    if not differs_in_slope(one_law.spectra, law, axis, inside):
        return one_law
    low, _, high = decay_range(spectra, axis / unit, inside, rate_limits)
    return fit((low, high))


def shapes_of(
    shape: str, parameters: tuple[float, ...], energies: Floats, inside: NDArray[np.intp]
) -> Floats:
    """What is fitted, of height one in the middle of the window: (coefficients, channels).

    Parameters
    ----------
    shape, parameters
        As in `BackgroundFit`; power laws without plural scattering.
    energies : array, shape (channels,)
    inside : int array
        Channels of the window.
    """
    reference = float(energies[inside].mean())
    if shape in ("polynomial", "offset"):
        width = max(float(np.ptp(energies[inside])), 1e-300)
        degree = POLYNOMIAL_DEGREE if shape == "polynomial" else 0
        return np.asarray(((energies - reference) / width) ** np.arange(degree + 1)[:, None])
    if shape == "exponential":
        return np.asarray(np.exp(-np.outer(1 / np.array(parameters), energies - reference)))
    logarithms = np.log(np.maximum(energies, 1e-300) / reference)
    return np.asarray(np.exp(-np.outer(parameters, logarithms)))


def _decay_rate(axis: Floats, mean: Floats) -> float:
    """Rate at which a mean spectrum falls along ``axis``, by a fit of its logarithm."""
    return -logarithmic_line(axis, mean)[0]


def _fit_shapes(
    spectra: LowRank,
    shapes: Floats,
    inside: NDArray[np.intp],
    name: str,
    parameters: tuple[float, ...],
) -> BackgroundFit:
    """Fit a combination of shapes in the window (weighted least squares), and subtract it."""
    sd = spectra.whitening.channel_sd
    weighted = (shapes / sd)[:, inside]
    normal = weighted @ weighted.T
    coefficients = np.linalg.solve(normal, weighted @ (spectra.components / sd)[:, inside].T).T
    background = coefficients @ shapes
    error = background_error(spectra, shapes, inside)
    cleaned = replace(
        spectra,
        components=spectra.components - background,
        shape_noise=np.concatenate([spectra.shape_noise, error]),
    )
    misfit = window_misfit(cleaned, inside)
    return BackgroundFit(cleaned, replace(spectra, components=background), name, parameters, misfit)


def background_error(spectra: LowRank, shapes: Floats, inside: NDArray[np.intp]) -> Floats:
    """Whitened error of the background, since the components are known to 1/sqrt(n) each.

    It is their error in the window, carried to all channels.
    """
    weighted = (shapes / spectra.whitening.channel_sd)[:, inside]
    covariance = np.linalg.inv(weighted @ weighted.T) * spectra.rank / len(spectra.scores)
    return spectra.whitening.whiten(np.linalg.cholesky(covariance).T @ shapes)


def window_misfit(spectra: LowRank, inside: NDArray[np.intp]) -> float:
    """Largest squared singular value of what is left in the window, over what noise alone gives.

    That is the noise of the scores, and of so many components that are known to 1/sqrt(n) each.
    """
    n = len(spectra.scores)
    residual = (spectra.components / spectra.whitening.channel_sd)[:, inside]
    squares = residual.T @ (spectra.second_moment() * n) @ residual
    noise = residual.T @ (spectra.noise * n) @ residual
    noise += noise_edge(len(inside), spectra.rank) * np.eye(len(noise))
    return float(generalised_eigenvectors(squares, noise)[0][-1])


def differs_in_slope(spectra: LowRank, law: Floats, axis: Floats, inside: NDArray[np.intp]) -> bool:
    """Whether pixels' backgrounds differ in slope by more than their noise, so that two laws pay.

    Parameters
    ----------
    spectra : LowRank
        Less one law.
    law, axis : array, shape (channels,)
        The law, and what it falls exponentially with.
    inside : int array
        Channels of the window.
    """
    # A change of the exponent adds the law times the axis, here without a change of the height.
    sd = spectra.whitening.channel_sd[inside]
    height = law[inside] / sd
    slope = height * axis[inside]
    slope -= height * (height @ slope) / (height @ height)
    along = (spectra.components[:, inside] / sd) @ (slope / np.linalg.norm(slope))
    n = len(spectra.scores)
    noise = n * float(along @ spectra.noise @ along) + spectra.rank
    return float(along @ spectra.second_moment() @ along) * n > LEAST_SLOPE_VARIANCE * noise


def decay_range(
    spectra: LowRank, axis: Floats, inside: NDArray[np.intp], limits: tuple[float, float]
) -> tuple[float, float, float]:
    """5th, 50th and 95th percentile of the rates, over averages of like pixels.

    Parameters
    ----------
    spectra : LowRank
    axis : array, shape (channels,)
        What the laws fall exponentially with.
    inside : int array
        Channels of the window.
    limits : tuple of float
        Least and greatest rate.
    """
    # Like pixels are those with a similar share of a component.
    groups: list[NDArray[np.intp]] = []
    for column in range(1, spectra.rank):
        share = spectra.scores[:, column] / np.maximum(np.abs(spectra.scores[:, 0]), 1e-12)
        groups += np.array_split(np.argsort(share, kind="stable"), min(12, len(share)))
    means = [spectra.scores[group].mean(0) @ spectra.components[:, inside] for group in groups]
    rates = [_decay_rate(axis[inside], mean) for mean in means if (mean > 0).all()]
    if not rates:
        mean = spectra.scores.mean(0) @ spectra.components[:, inside]
        rates = [_decay_rate(axis[inside], mean)]
    low, centre, high = (float(r) for r in np.clip(np.percentile(rates, [5, 50, 95]), *limits))
    # Two equal shapes could not be told apart.
    least_distance = 0.1 if limits[0] >= 0.1 else 0.05 * abs(centre)
    low, high = min(low, centre - least_distance), max(high, centre + least_distance)
    # The limits hold, and the two stay apart.
    low = min(max(low, limits[0]), limits[1] - 2 * least_distance)
    return low, centre, max(min(high, limits[1]), low + 2 * least_distance)
