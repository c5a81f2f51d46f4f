"""Sign, scale and order of separated components."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.types import Floats

LEAST_CONFIDENCE = 0.2  # between 0 and 1, from which a sign is called certain
SIGMAS_OF_INTEGRAL = 3  # above zero, from which spectra are normalised by their integral


@dataclass(frozen=True)
class Normalised:
    """Spectra (components, channels) of integral one and maps (pixels, components) in counts.

    ``maps @ (spectra * width)`` are the counts; ``unmixing @ components`` are ``spectra * width``.

    ``confidence`` (components,), between 0 and 1, is how clearly spectrum and map together speak
    for the sign; ``unit_integral`` tells which spectra have an integral to normalise (the others
    have norm one); a reversed one has minus one. ``origin`` are their places when they were made;
    ``map_noise`` (pixels, components) is the variance of the maps' noise, where it came with them;
    ``background_variance`` (components, channels) what the background adds to that of spectra which
    came from another signal, on its channels.
    """

    spectra: Floats
    maps: Floats
    unmixing: Floats
    confidence: Floats
    unit_integral: NDArray[np.bool_]
    origin: NDArray[np.intp]
    map_noise: Floats | None = None
    background_variance: Floats | None = None

    def select_components(self, order: Sequence[int]) -> Normalised:
        """These components, in this order."""
        index = list(order)
        return Normalised(
            spectra=self.spectra[index],
            maps=self.maps[:, index],
            unmixing=self.unmixing[index],
            confidence=self.confidence[index],
            unit_integral=self.unit_integral[index],
            origin=self.origin[index],
            map_noise=None if self.map_noise is None else self.map_noise[:, index],
            background_variance=(
                None if self.background_variance is None else self.background_variance[index]
            ),
        )

    def reversed(self, component: int) -> Normalised:
        """One component with the signs of its spectrum and map turned."""
        sign = np.where(np.arange(len(self.spectra)) == component, -1.0, 1.0)
        return replace(
            self,
            spectra=self.spectra * sign[:, None],
            maps=self.maps * sign,
            unmixing=self.unmixing * sign[:, None],
        )


def _power_balance(values: Floats, axis: int) -> Floats:
    """Share of the power in positive values minus that in negative ones, from -1 to 1."""
    signed_power = np.sign(values) * values**2
    return np.asarray(signed_power.sum(axis) / np.maximum((values**2).sum(axis), 1e-300))


def signs(spectra: Floats, maps: Floats, sd: Floats) -> tuple[Floats, Floats]:
    """Sign of each component, and the evidence for it from -1 to 1.

    The side on which spectrum (in units of its noise) and map are more positive, both weighed by
    their power; where that is not clear, that of a positive spectrum.

    Parameters
    ----------
    spectra : array, shape (components, channels)
    maps : array, shape (pixels, components)
    sd : array, shape (channels,)
        Noise of the channels at unit weight.

    Returns
    -------
    sign, evidence : array, shape (components,)
        The sign is 1 or -1.
    """
    evidence = (_power_balance(spectra / sd, 1) + _power_balance(maps, 0)) / 2
    clear = np.abs(evidence) >= LEAST_CONFIDENCE
    return np.where(np.where(clear, evidence, spectra.sum(1)) < 0, -1.0, 1.0), evidence


def normalise(
    scores: Floats,
    components: Floats,
    unmixing: Floats,
    width: Floats,
    component_sd: Floats,
    sd: Floats,
    sum_variance: float | None = None,
    weight: Floats | None = None,
) -> Normalised:
    """Give every component its sign, scale and place in the order.

    Parameters
    ----------
    scores : array, shape (pixels, rank)
    components : array, shape (rank, channels)
    unmixing : array, shape (rank, rank)
        Spectra are ``unmixing @ components``.
    width : array, shape (channels,)
        What makes values as recorded of spectra per energy: channel widths, or ones.
    component_sd : array, shape (rank,)
        Noise of the components, relative to ``sd``.
    sd : array, shape (channels,)
        Noise of the channels at unit weight.
    sum_variance : float, optional
        Variance of the sum over the channels at unit weight; default that of independent ones.
    weight : array, shape (channels,), optional
        What makes an integral of values as recorded, ones by default: ``width * weight`` are the
        widths of the channels.

    Returns
    -------
    Normalised
        Signs: the side on which spectrum and map are more positive, both weighed by their power;
        where that is not clear, a positive spectrum.
        Scale: integral one; norm one where the integral is not above zero by three standard
        deviations. Order: falling share of the counts.
    """
    # Give each component its sign.
    spectra, maps = unmixing @ components, scores @ np.linalg.inv(unmixing)
    sign, evidence = signs(spectra, maps, sd)
    unmixing = sign[:, None] * unmixing
    unsorted = scaled(
        scores=scores,
        components=components,
        unmixing=unmixing,
        width=width,
        component_sd=component_sd,
        sd=sd,
        sum_variance=sum_variance,
        weight=weight,
    )
    # Sort by counts; components are numbered from then on.
    weight = np.ones(spectra.shape[1]) if weight is None else weight
    total = unsorted.maps.sum(0) * (unsorted.spectra @ (width * weight))
    order = np.argsort(-np.abs(total), kind="stable")
    unsorted = replace(unsorted, confidence=np.abs(evidence))
    return replace(unsorted.select_components(order.tolist()), origin=unsorted.origin)


def scaled(
    scores: Floats,
    components: Floats,
    unmixing: Floats,
    width: Floats,
    component_sd: Floats,
    sd: Floats,
    sum_variance: float | None = None,
    weight: Floats | None = None,
) -> Normalised:
    """Give every component its scale, and leave sign and order as they are.

    Parameters
    ----------
    scores, components, unmixing, width, component_sd, sd, sum_variance, weight
        As in `normalise`.

    Returns
    -------
    Normalised
        Its confidence is one.
    """
    spectra, maps = unmixing @ components, scores @ np.linalg.inv(unmixing)
    weight = np.ones(spectra.shape[1]) if weight is None else weight
    integral = spectra @ weight
    of_independent = float(np.sum(sd**2))
    sum_variance = of_independent if sum_variance is None else sum_variance
    # Noise that channels share weighs on the integral as on the sum.
    sum_variance *= float(np.sum((weight * sd) ** 2)) / max(of_independent, 1e-300)
    error = np.sqrt((unmixing**2 @ component_sd**2) * sum_variance)
    unit_integral = integral > SIGMAS_OF_INTEGRAL * error
    spectra = spectra / width
    scale = np.where(unit_integral, integral, np.sqrt(np.sum(spectra**2, 1)))
    scale = np.where(scale == 0, 1.0, scale)
    return Normalised(
        spectra / scale[:, None],
        maps * scale,
        unmixing / scale[:, None],
        np.ones(len(spectra)),
        unit_integral,
        np.arange(len(spectra)),
    )
