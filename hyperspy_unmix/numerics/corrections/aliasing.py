"""Detail finer than the channels, which no interpolation between channels brings back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from hyperspy_unmix.numerics.compression.low_rank import NEGLIGIBLE_SHARE_OF_EDGE, LowRank
from hyperspy_unmix.numerics.noise.noise_edge import leading_count
from hyperspy_unmix.numerics.types import Floats

from .chain import RemovalFromCounts, subtraction
from .convolution import RegularAxis, Transforms
from .significance import order_by_significance

MODEL_ERROR_SHARE = 0.25  # of what is taken out, that may be left of it
FITS_PER_NUMBER = 2  # each to what the former left
FIRST_FREQUENCY = 1 / 8  # of a channel, from which the fall of a spectrum's detail is continued
MOST_CERTAIN_FREQUENCY = 3 / 8  # of a channel: up to there little aliases, and a phase has most
LARGEST_RATIO = 2.0  # of the detail's amplitude to the expected; 0.7 to 1.3 where it is aliased
SMOOTHING_FREQUENCIES = 5.0  # of a power spectrum


@dataclass(frozen=True)
class AliasingFit:
    """What shifts by fractions of a channel made of detail finer than a channel.

    Parameters
    ----------
    scores : array, shape (pixels, any)
    components : array, shape (any, channels)
    number : int
        Components fewer without it.
    """

    scores: Floats
    components: Floats
    number: int


@dataclass(frozen=True)
class Aliasing:
    """Detail that was recorded at a lower frequency than it has, and moved with the wrong phase.

    An edge sharper than a channel has frequencies beyond half of one over the channel. Recorded,
    frequency ``1 - f`` is at ``-f`` (in cycles a channel); moved back by a shift ``d`` as ``f`` is,
    it is off by the phase ``2 pi d``. So a spectrum of which all pixels have ``a`` times gets two
    more, ``a (cos(2 pi d) - 1)`` and ``a sin(2 pi d)`` times. These maps are known; the spectra are
    fitted, no larger than the power spectrum allows that is continued beyond half a cycle.

    It is taken out only where fewer components are left than without, and where it is as strong as
    expected; the components that are kept are left free. So a phase stays: its map knows nothing of
    the shift, and if it does, in a drift of less than a channel, its detail is too strong.

    Parameters
    ----------
    shift : array, shape (pixels,)
        By which the spectra were moved, in channels.
    axis : RegularAxis
        On which they were.

    References
    ----------
    C. E. Shannon, Proc. IRE 37 (1949) 10, https://doi.org/10.1109/JRPROC.1949.232969
    """

    shift: Floats
    axis: RegularAxis

    name: ClassVar[str] = "aliasing"
    adds: ClassVar[bool] = True

    def remove(self, spectra: LowRank, edge: float) -> tuple[LowRank, AliasingFit | None]:
        """Subtract it where fewer components are left; see `chain.Correction`."""
        before = _count(spectra, edge)
        cleaned, components = spectra, spectra.components[:0]
        scores = np.zeros((len(self.shift), 0))
        # As when spectra are aligned: from few components to many, so that none describes it.
        for kept in range(1, before):
            for _ in range(FITS_PER_NUMBER):
                more = self._fit(cleaned, order_by_significance(cleaned, edge)[0].truncate(kept))
                scores = np.concatenate([scores, more[0]], 1)
                components = np.concatenate([components, more[1]])
                cleaned = _without(spectra, scores, components, edge)
            left = _count(cleaned, edge)
            if left <= kept and self._is_as_expected(cleaned, kept, edge, scores, components):
                return cleaned, AliasingFit(scores, components, before - left)
        return spectra, None

    def restore(
        self, scores: Floats, components: Floats, fit: AliasingFit | None = None
    ) -> tuple[Floats, Floats]:
        """Add what was taken out."""
        if fit is None:
            return scores, components
        return (
            np.concatenate([scores, fit.scores], 1),
            np.concatenate([components, fit.components]),
        )

    def removal_from_counts(self, fit: AliasingFit | None = None) -> RemovalFromCounts:
        """Subtract it from spectra that are not compressed."""
        if fit is None:
            return RemovalFromCounts((), lambda spectra, _: spectra)
        return subtraction(fit.scores, fit.components)

    def _is_as_expected(
        self, spectra: LowRank, kept: int, edge: float, scores: Floats, components: Floats
    ) -> bool:
        """Whether what was taken out has no more detail than aliasing makes."""
        leading = order_by_significance(spectra, edge)[0].truncate(kept)
        size, maps = np.sqrt(spectra.weights)[:, None], self._maps(leading)
        detail = np.linalg.pinv(size * maps) @ (size * scores) @ self.axis.transform(components)
        expected = _mirrored_power(self.axis.transform(leading.components), self.axis.length)
        compared = np.arange(detail.shape[1]) < MOST_CERTAIN_FREQUENCY * self.axis.length
        strength = np.sum(np.abs(size * maps) ** 2, 0)
        found = strength @ np.sum(np.abs(detail[:, compared]) ** 2, 1)
        return bool(found < LARGEST_RATIO**2 * (strength @ np.sum(expected[:, compared], 1)))

    def _maps(self, kept: LowRank) -> NDArray[np.complexfloating]:
        """How much of the aliased detail of each component a pixel has."""
        phase: NDArray[np.complexfloating] = np.exp(2j * np.pi * self.shift)[:, None]
        return kept.scores * (phase - 1)

    def _fit(self, spectra: LowRank, kept: LowRank) -> tuple[Floats, Floats]:
        """Scores and components of the aliased detail of components ``kept``, beside these.

        Ridge regression at every frequency: the variance that is expected of the detail there
        against that of the noise.
        """
        size, maps = np.sqrt(spectra.weights)[:, None], self._maps(kept)
        basis = np.linalg.qr(size * kept.scores)[0]
        beside = size * maps
        beside = beside - basis @ (basis.T @ beside)
        products = beside.conj().T @ (size * spectra.scores)
        right = products @ self.axis.transform(spectra.components)
        expected = _mirrored_power(self.axis.transform(kept.components), self.axis.length)
        noise = np.sum(spectra.whitening.channel_sd**2)
        noise *= max(1.0, float(np.trace(kept.noise)) / kept.rank)
        ridge = noise / np.maximum(expected, 1e-30 * expected.max())
        normal = beside.conj().T @ beside + np.eye(kept.rank) * ridge.T[:, :, None]
        detail: Transforms = np.linalg.solve(normal, right.T[:, :, None])[:, :, 0].T
        return (
            np.concatenate([maps.real, maps.imag], 1),
            self.axis.inverse_transform(np.concatenate([detail, 1j * detail])),
        )


def _count(spectra: LowRank, edge: float) -> int:
    """Components beyond noise and model error."""
    return leading_count(order_by_significance(spectra, edge)[1] > 1)


def _without(spectra: LowRank, scores: Floats, components: Floats, edge: float) -> LowRank:
    """Spectra less this, a share of which may still be in them."""
    changed = spectra.append_components(-scores, components)
    squares = changed.second_moment()
    is_new = np.arange(changed.rank) >= spectra.rank
    error = MODEL_ERROR_SHARE * np.where(np.outer(is_new, is_new), squares, 0)
    changed = replace(changed, model_error=changed.model_error + error)
    return changed.recompress(NEGLIGIBLE_SHARE_OF_EDGE * edge, spectra.rank)


def _mirrored_power(transforms: Transforms, length: int) -> Floats:
    """Power that detail of frequency 1 - f may have, at f, shape (components, frequencies).

    A power law through the upper frequencies is continued, that of the detail itself: a channel
    that sums over its width damps it by a sinc.
    """
    frequency = np.arange(transforms.shape[1]) / length
    own = np.abs(transforms) ** 2 / np.sinc(frequency) ** 2
    upper = frequency >= FIRST_FREQUENCY
    place = np.log(2 * frequency[upper])
    level = np.log(gaussian_filter1d(own, SMOOTHING_FREQUENCIES, axis=1)[:, upper] + 1e-300)
    slope = np.minimum(np.polyfit(place, level.T, 1)[0], 0)[:, None]
    at_half = np.mean(level - slope * place, 1, keepdims=True)
    beyond = 1 - frequency
    return np.asarray(np.exp(at_half + slope * np.log(2 * beyond)) * np.sinc(beyond) ** 2)
