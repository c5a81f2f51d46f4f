"""Whether components are traces of absorption: X-rays of low energy that thick places hold back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.types import Floats

POWER = -2.0  # of the energy: between 1/E of a thick specimen and the E^-3 of a thin one
LEAST_ENERGY = 0.15  # keV, below which no detector counts
LINE_WIDTH = 0.12  # keV, half of what one line fills
LEAST_SHARE, LEAST_SHARE_BESIDE = 0.4, 0.25  # 0.2 and 0.2 at most where nothing is absorbed


@dataclass(frozen=True)
class Absorption:
    """How much of what absorption would do the components hold.

    Parameters
    ----------
    share : float
        Of the squares of that change of the mean spectrum.
    share_beside : float
        The same without the line that changes most: a film holds one, absorption takes from all.
    """

    share: float
    share_beside: float

    @property
    def is_seen(self) -> bool:
        """Whether both are more than chemistry makes."""
        return self.share > LEAST_SHARE and self.share_beside > LEAST_SHARE_BESIDE


def absorption(spectra: LowRank, mean: Floats, energies: Floats) -> Absorption:
    """Compare components with the change that absorption makes in the mean spectrum.

    The mass absorption coefficient falls with the second to third power of the energy between the
    edges of the absorber, so absorption takes ``mean * energy**-2`` or so. The space of few
    components holds that by accident no more than by a few percent.

    Parameters
    ----------
    spectra : LowRank
        Two components or more that stand out of the noise, of counts as recorded.
    mean : array, shape (channels,)
        Mean spectrum.
    energies : array, shape (channels,)
        In keV.

    Returns
    -------
    Absorption

    References
    ----------
    J. I. Goldstein et al., Scanning Electron Microscopy and X-Ray Microanalysis (Springer 2018),
    chapter 4, https://doi.org/10.1007/978-1-4939-6676-9 (absorption and its energy dependence)
    """
    whiten, energies = spectra.whitening.whiten, np.maximum(energies, LEAST_ENERGY)
    components, white_mean = whiten(spectra.components), whiten(mean[None])[0]
    change = whiten((mean * energies**POWER)[None])[0]
    width = LINE_WIDTH / 3 / float(np.median(np.abs(np.diff(energies[energies > LEAST_ENERGY]))))
    everything = np.ones(len(energies), bool)
    beside = _beside_mean(change, white_mean)
    strongest = energies[np.argmax(gaussian_filter1d(beside**2, width))]
    others = np.abs(energies - strongest) > LINE_WIDTH
    return Absorption(
        *(_share_held(components[:, c], change[c], white_mean[c]) for c in (everything, others))
    )


def _share_held(components: Floats, change: Floats, mean: Floats) -> float:
    """Share of the squares of a change, its part along the mean left out, in the components."""
    beside = _beside_mean(change, mean)
    directions = np.linalg.qr(components.T)[0]
    total = float(beside @ beside)
    return float(np.sum((beside @ directions) ** 2)) / total if total > 0 else 0.0


def _beside_mean(change: Floats, mean: Floats) -> Floats:
    """A change without what makes all of the mean spectrum more or less."""
    return np.asarray(change - mean * (mean @ change) / max(float(mean @ mean), 1e-300))
