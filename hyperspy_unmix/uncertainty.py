"""Error bands of spectra and maps, and what is to be said about single components."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from .certainty import LEAST_STABLE
from .numerics.map_noise import map_variance
from .numerics.noise import Floats
from .settings import Choice, Settings
from .wrapping import as_spectra

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

    from .unmixing import Unmixing

WORTH_SAYING = 0.1  # range of a share
MOST_SAID = 3  # ranges


def spectra_variance(result: Unmixing) -> Floats:
    """Variance of the spectra, shape (components, channels)."""
    return _on_channels(result, result.separated.spectra_variance[result.arrays.origin])


def counts_variance(result: Unmixing) -> Floats:
    """Variance of the spectra in counts, shape (components, channels)."""
    totals = _as_separated(result, result.arrays.maps.sum(0))
    found = result.separated.totals_variance(totals)[result.arrays.origin]
    return _on_channels(result, found) * result.pca.prepared.image.channel_widths**2


def maps_variance(result: Unmixing) -> Floats:
    """Variance of the maps, shape (pixels, components)."""
    arrays, prepared = result.arrays, result.pca.prepared
    noise = arrays.map_noise
    if noise is None:
        kernel = prepared.kernel
        weights = None if kernel is None or kernel.is_none else kernel.inverse[0]
        pca = result.pca
        given = pca.raw, prepared.noise, arrays.maps, weights
        noise = map_variance(*given, max(pca.above_noise_edge, 1))
    back = np.argsort(arrays.origin)
    found = result.separated.maps_variance(_as_separated(result, arrays.maps), noise[:, back])
    return found[:, arrays.origin]


def stability(result: Unmixing) -> Floats:
    """Stability index of each component."""
    return result.separated.stability[result.arrays.origin]


def unstable(result: Unmixing) -> list[str]:
    """Names of the components whose stability is below what is called stable."""
    return [result.names[i] for i in np.flatnonzero(stability(result) < LEAST_STABLE)]


def _on_channels(result: Unmixing, values: Floats) -> Floats:
    """Rows over the channels where components were found, on those of the result's signal."""
    known, asked = result.separated.energies, result.pca.prepared.image.energies
    if np.array_equal(known, asked):
        return values
    order = np.argsort(known)
    return np.stack([np.interp(asked, known[order], row[order]) for row in values])


def _signs(result: Unmixing) -> Floats:
    """Minus one for each component that was reversed."""
    arrays, first = result.arrays, result.separated.arrays
    return np.sign(np.sum(arrays.unmixing * first.unmixing[arrays.origin], 1))


def _as_separated(result: Unmixing, values: Floats) -> Floats:
    """Values (..., components) in the order and with the signs that the components had at first."""
    return np.asarray((values * _signs(result))[..., np.argsort(result.arrays.origin)])


def findings(result: Unmixing) -> Settings:
    """What a reader of the summary should know about how sure the components are."""
    found: Settings = {}
    loose = unstable(result)
    if loose:
        found["UNSTABLE"] = Choice(
            loose,
            "do not come back from other noise, starts and parts of the spectrum: stability below "
            f"{LEAST_STABLE:g}",
        )
    spread = result.ambiguity
    found["ambiguity"] = Choice("look at it" if spread.pairs else "small", spread.sentence)
    return found


def ambiguity(result: Unmixing) -> SpectralAmbiguity:
    """See `Unmixing.ambiguity`."""
    image, found = result.pca.prepared.image, result.separated.ambiguity
    origin, names, sign = result.arrays.origin, result.names, _signs(result)
    among = np.ix_(origin, origin)
    low, high = found.lowest[among], found.highest[among]
    turned = np.outer(sign, sign) < 0
    shares = np.stack([np.where(turned, -high, low), np.where(turned, -low, high)], -1)
    ends = (_on_channels(result, values[origin]) for values in (found.lower, found.upper))
    bounds = np.stack([sign[:, None] * values for values in ends])
    lower, upper = (
        as_spectra(image, values, f"component spectra, {which}", "Intensity", is_binned=False)
        for values, which in ((bounds.min(0), "lower bound"), (bounds.max(0), "upper bound"))
    )
    return SpectralAmbiguity(names, shares, lower, upper)


@dataclass(frozen=True, eq=False)
class SpectralAmbiguity:
    """What the spectra might be instead, with spectra and maps non-negative within the noise.

    Parameters
    ----------
    names : tuple of str
        Of the components.
    shares : array, shape (components, components, 2)
        Spectrum i may be ``S_i + t S_j`` for t between ``shares[i, j]``: counts of j for each count
        of i, less than none where i may be shown with too much of j.
    lower, upper : BaseSignal
        (Component | energy), the band in which each spectrum, its integral kept, can be.
    """

    names: tuple[str, ...]
    shares: Floats
    lower: BaseSignal = field(repr=False)
    upper: BaseSignal = field(repr=False)

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Pairs (i, j) whose range is worth telling, the widest first."""
        width = self.shares[..., 1] - self.shares[..., 0]
        order = np.argsort(-width, axis=None, kind="stable")
        pairs = [(int(k) // len(width), int(k) % len(width)) for k in order]
        return [pair for pair in pairs if width[pair] >= WORTH_SAYING]

    @property
    def sentence(self) -> str:
        """One plain sentence."""
        pairs = self.pairs
        if len(self.names) == 1:
            return "one component has no other to hold a share of"
        if not pairs:
            return (
                f"with {100 * WORTH_SAYING:.0f} % more or less of another spectrum in one, spectra "
                "or maps would be negative beyond noise"
            )
        said = "; ".join(self._of_pair(i, j) for i, j in pairs[:MOST_SAID])
        more = f"; {len(pairs) - MOST_SAID} more pairs" if len(pairs) > MOST_SAID else ""
        return f"as good a fit, nothing negative beyond noise: {said}{more}; see .ambiguity"

    def _of_pair(self, i: int, j: int) -> str:
        low, high = (f"{100 * share:+.0f} %" for share in self.shares[i, j])
        return f"{self.names[i]} with {low} to {high} of {self.names[j]}"

    def __repr__(self) -> str:
        lines = [f"  {self._of_pair(i, j)}" for i, j in self.pairs]
        if not lines:
            lines = [f"  {self.sentence}"]
        head = f"Rotational ambiguity of {len(self.names)} components, in counts of each"
        return "\n".join([head, *lines])
