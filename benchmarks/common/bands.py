"""What a result states of its own errors, against the truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from hyperspy_unmix.settings import cautions_in

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Stated:
    """Of one result, its components matched to the true ones by least total angle.

    Attributes
    ----------
    found, there : int
        Components found, and those that there are.
    angle : float
        Largest spectral angle of a matched component, degrees.
    spectra, maps : float
        Share of the channels (pixels) of matched components within two standard deviations.
    ambiguous : float
        Share of the channels within the band of what fits as well, or two standard deviations of
        it.
    widths : float
        Root mean square of the errors of spectra over that of their standard deviations, median.
    warnings : tuple of str
        Of the summary.
    least, greatest : float
        Shares of the components in all counts.
    """

    found: int
    there: int
    angle: float
    spectra: float
    maps: float
    ambiguous: float
    widths: float
    warnings: tuple[str, ...]
    least: float
    greatest: float

    @property
    def is_number_right(self) -> bool:
        """Whether there are as many components as were found."""
        return self.found == self.there


def stated(result: Any, spectra: Floats, maps: Floats, axis: Floats) -> Stated:
    """What a result states, against expected counts ``maps @ spectra``.

    Parameters
    ----------
    result : Unmixing
        Of background and plural scattering left alone.
    spectra : array, shape (phases, channels)
    maps : array, shape (pixels, phases)
    axis : array, shape (channels,)
    """
    image = result.pca.prepared.image
    true = np.stack([np.interp(image.energies, axis, one) for one in spectra])
    counts, found = true.sum(1), result.arrays.spectra
    true = true / (true @ np.broadcast_to(image.channel_widths, image.energies.shape))[:, None]
    angles = _angles(true, found)
    phase, component = linear_sum_assignment(angles)
    n = len(found)

    def of(signal: Any) -> Floats:
        values = signal.data.reshape(n, -1)[:, image.positions]
        return values[component]

    true, sd = true[phase], of(result.spectra_uncertainty)
    error = found[component] - true
    low, high = of(result.ambiguity.lower) - 2 * sd, of(result.ambiguity.upper) + 2 * sd
    map_error = result.maps.data.reshape(n, -1)[component] - (maps * counts).T[phase]
    map_sd = result.maps_uncertainty.data.reshape(n, -1)[component]
    totals = result.arrays.maps.sum(0)
    shares = totals / totals.sum()
    return Stated(
        found=n,
        there=len(spectra),
        angle=float(angles[phase, component].max()),
        spectra=float(np.mean(np.abs(error) < 2 * sd)),
        maps=float(np.mean((np.abs(map_error) < 2 * map_sd)[np.isfinite(map_error)])),
        ambiguous=float(np.mean((true > low) & (true < high))),
        widths=float(np.median(np.sqrt(np.mean(error**2, 1) / np.mean(sd**2, 1)))),
        warnings=tuple(cautions_in({**result.settings, **result.findings})),
        least=float(shares.min()),
        greatest=float(shares.max()),
    )


def _angles(true: Floats, found: Floats) -> Floats:
    unit = [s / np.linalg.norm(s, axis=1, keepdims=True) for s in (true, found)]
    return np.degrees(np.arccos(np.clip(unit[0] @ unit[1].T, -1, 1)))
