"""How components were separated, and what follows for how sure they are."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.certainty.ambiguity import Ambiguity, ambiguity
from hyperspy_unmix.numerics.certainty.evidence import ica_errors
from hyperspy_unmix.numerics.certainty.mixing_error import (
    changes_of_spectra,
    limit_shares,
    maps_variance,
    match_sources,
    spectra_variance,
    totals_variance,
)
from hyperspy_unmix.numerics.certainty.stability import stability_index
from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.separation.factorisation import non_negative_maps
from hyperspy_unmix.numerics.separation.positivity import Mixture
from hyperspy_unmix.numerics.separation.pure_pixels import PurePixels
from hyperspy_unmix.numerics.separation.sign_and_scale import Normalised
from hyperspy_unmix.numerics.types import Floats, Index
from hyperspy_unmix.settings import Finding, Settings, choices_of, finding_of

from .chance import ChanceOfIndependent, chance_shares
from .corner_mixtures import with_mixtures_at_corners
from .found_by import BesideKnown, Detail, FoundBy, find_again
from .known_finding import KnownFinding
from .non_negative import Factorised

LEAST_STABLE = 0.5  # index from which a component is called stable
LEAST_TURN_WITHOUT = 25.0  # degrees by which a spectrum is another without a film under it
LEAST_ERROR_OF_SMOOTH = 60.0  # degrees of an ICA's error, of spectra without detail
MOST_PIXELS_OF_AMBIGUITY = 1024  # in which the maps' limits are looked for
ICA_RUNS, PURE_PIXEL_RUNS = 20, 10  # that are compared for the stability


@dataclass(frozen=True, eq=False)
class Separated:
    """Components as they were separated: their stability, their errors, what they might be instead.

    Everything is computed when first asked for, for the components in the order of ``arrays``.

    Parameters
    ----------
    spectra : LowRank
        What was separated.
    arrays : Normalised
        The components made of it.
    energies, widths : array, shape (channels,)
        Of the channels.
    visible : array, shape (rank,)
        Share of each principal component that is not noise, see `rank.expected_squared_cosines`.
    detail : Detail
        In which the ICA looks for components, and in which runs are compared.
    found_by : Independent, PurePixels, BesideAlone, BesideKnown or Factorised
        How the leading components were separated; those beyond them were left as they are.
    random_state : int
    findings : tuple of Finding
        What was found on the way.
    """

    spectra: LowRank = field(repr=False)
    arrays: Normalised = field(repr=False)
    energies: Floats = field(repr=False)
    widths: Floats = field(repr=False)
    visible: Floats
    detail: Detail
    found_by: FoundBy
    random_state: int = 0
    findings: tuple[Finding, ...] = field(default=(), repr=False)

    @property
    def choices(self) -> Settings:
        """What was found on the way, in plain words."""
        return choices_of(self.findings)

    @cached_property
    def mixed(self) -> NDArray[np.intp]:
        """The components that were separated from each other, not left beside them."""
        number = len(self.found_by.unmixing)
        is_mixed = np.abs(self.arrays.unmixing[:, :number]).max(1) > 0
        return np.flatnonzero(is_mixed)

    @cached_property
    def stability(self) -> Floats:
        """Stability index of each component, shape (components,)."""
        if self._are_all_known:
            return np.ones(self.spectra.rank)
        leading, unmixing = self._separated
        by_pixels = isinstance(self.found_by, PurePixels | Factorised)
        runs = PURE_PIXEL_RUNS if by_pixels else ICA_RUNS
        signal_share = self.visible[: leading.rank]
        signals = self.detail.of(leading.components, self._sd)
        chance = ChanceOfIndependent.of(self.found_by, leading, signals)
        draw = None if chance is None else chance.draw
        index_of_sources = stability_index(
            unmixing=self.found_by.unmixing,
            run=lambda generator: find_again(
                self.found_by, leading, signal_share, self.detail, generator, draw
            ),
            metric=_metric_of_spectra(self.found_by.unmixing, leading),
            spectra=leading,
            signal_share=signal_share,
            generators=np.random.default_rng(self.random_state).spawn(runs),
        )
        index = np.empty(self.spectra.rank)
        index[self.mixed] = index_of_sources[match_sources(self.found_by.unmixing, unmixing)]
        # Components that were not separated stay as they are, but for their noise.
        others = np.setdiff1d(np.arange(len(index)), self.mixed)
        index[others] = self.visible[np.abs(self.arrays.unmixing[others]).argmax(1)]
        # What was given comes back; a featureless one has no detail to compare runs by.
        index[self._known] = 1.0
        return index

    @cached_property
    def negativity(self) -> float:
        """How far the worst spectrum or map is below zero, over what its noise may do."""
        if self._are_all_known:
            return 0.0
        mixture = Mixture(*self._separated)
        return float(mixture.negativity_ratios(np.eye(len(self.mixed))).max())

    @cached_property
    def ambiguity(self) -> Ambiguity:
        """Ranges of all components; those left beside the others have none."""
        mixed, spectra = self.mixed, self.arrays.spectra * self.widths
        n = len(spectra)
        if self._are_all_known:
            return Ambiguity(
                np.zeros((n, n)), np.zeros((n, n)), self.arrays.spectra, self.arrays.spectra
            )
        of_mixed = ambiguity(Mixture(*self._separated, MOST_PIXELS_OF_AMBIGUITY), spectra[mixed])
        lowest, highest = np.zeros((n, n)), np.zeros((n, n))
        lower, upper = spectra.copy(), spectra.copy()
        pairs = np.ix_(mixed, mixed)
        lowest[pairs], highest[pairs] = of_mixed.lowest, of_mixed.highest
        lower[mixed], upper[mixed] = of_mixed.lower, of_mixed.upper
        known = self._known
        lowest[known], highest[known] = 0, 0
        lower[known], upper[known] = spectra[known], spectra[known]
        return Ambiguity(lowest, highest, lower / self.widths, upper / self.widths)

    @property
    def may_lie_under(self) -> NDArray[np.bool_]:
        """Which components j may lie under which components i, shape (i, j), or may not.

        Where spectrum j has no detail that independence could see in i, and i without it would be
        another spectrum, non-negative as well.
        """
        n, mixed = len(self.arrays.spectra), self.mixed
        may_be = np.zeros((n, n), bool)
        leading, unmixing = self._separated
        signals = self.detail.of(leading.components, self._sd)
        if len(mixed) < 2 or signals.shape[1] <= leading.rank:
            return may_be
        pairs = np.ix_(mixed, mixed)
        spectra, lowest = self.arrays.spectra[mixed] * self.widths, self.ambiguity.lowest[pairs]
        without = spectra[:, None] + lowest[..., None] * spectra
        lengths = np.linalg.norm(without, axis=2) * np.linalg.norm(spectra, axis=1)[:, None]
        cosines = np.sum(without * spectra[:, None], 2) / np.maximum(lengths, 1e-300)
        turns = np.degrees(np.arccos(np.clip(cosines, -1, 1)))
        unseen = ica_errors(leading, signals, unmixing)
        may_be[pairs] = (turns > LEAST_TURN_WITHOUT) & (unseen > LEAST_ERROR_OF_SMOOTH)
        return may_be

    @cached_property
    def changes(self) -> Floats:
        """Mean products of the changes X that the spectra, ``(1 + X) @ S``, may be wrong by.

        Shape (components, components, components, components), see `mixing_error`.
        """
        mixed, n = self.mixed, len(self.arrays.spectra)
        if self._are_all_known and not self._pixels.any():
            return np.zeros((n, n, n, n))
        leading, unmixing = self._separated
        signals = self.detail.of(leading.components, self._sd)
        found_by = with_mixtures_at_corners(self.found_by, leading)
        shares = chance_shares(found_by, unmixing, signals)
        pairs = np.ix_(mixed, mixed)
        products = limit_shares(shares, self.ambiguity.lowest[pairs], self.ambiguity.highest[pairs])
        # What is known is not ambiguous; the mean of pixels has their noise.
        for i in np.flatnonzero(np.isin(mixed, self._known)):
            products[i, :, i, :] = shares.covariance[i, :, i, :]
        changes = np.zeros((n, n, n, n))
        has_integral = self.arrays.unit_integral[mixed].astype(float)
        changes[np.ix_(mixed, mixed, mixed, mixed)] = changes_of_spectra(products, has_integral)
        return changes

    @property
    def noise_of_maps(self) -> Floats | None:
        """Variance of the noise of the maps (pixels, components); None: that of their counts."""
        return None

    @property
    def mixing_degrees(self) -> Floats:
        """Degrees by which mixing up the components may turn each spectrum, shape (components,).

        One standard deviation, in units of the channels' noise; without the noise of the counts,
        which other ways to separate them share.
        """
        white = self.arrays.spectra * self.widths / self._sd
        variance = spectra_variance(self.changes, white).sum(1)
        length = np.maximum(np.sum(white**2, 1), 1e-300)
        return np.asarray(np.degrees(np.arctan(np.sqrt(np.maximum(variance, 0) / length))))

    @cached_property
    def spectra_variance(self) -> Floats:
        """Variance of the spectra, shape (components, channels)."""
        if self._are_all_known:
            return self._noise
        return spectra_variance(self.changes, self.arrays.spectra) + self._noise

    def with_maps(self, maps: Floats) -> Normalised:
        """The components with these maps; non-negative, as the spectra, of a factorisation."""
        if not isinstance(self.found_by, Factorised):
            return replace(self.arrays, maps=maps)
        mixed, maps, spectra = self.mixed, maps.copy(), self.arrays.spectra.copy()
        spectra[mixed] = np.maximum(spectra[mixed], 0)  # rounding
        maps[:, mixed] = non_negative_maps(maps[:, mixed], spectra[mixed] * self.widths, self._sd)
        return replace(self.arrays, spectra=spectra, maps=maps)

    def totals_variance(self, totals: Floats) -> Floats:
        """Variance of the spectra times the sums of their maps, shape (components, channels)."""
        of_mixing = totals_variance(self.changes, self.arrays.spectra, totals)
        return of_mixing + totals[:, None] ** 2 * self._noise

    def maps_variance(self, maps: Floats, noise: Floats) -> Floats:
        """Variance of maps (pixels, components) whose noise has the variance ``noise``."""
        return maps_variance(self.changes, maps) + noise

    @property
    def _are_all_known(self) -> bool:
        """Whether nothing was separated."""
        if not isinstance(self.found_by, BesideKnown) or not self.found_by.are_all:
            return False
        return len(self.found_by.unmixing) == self.spectra.rank

    @property
    def _known(self) -> list[int]:
        """Numbers of the components that were given."""
        finding = finding_of(self.findings, KnownFinding)
        return [] if finding is None else list(finding.places)

    @property
    def _pixels(self) -> Index:
        """How many pixels each component is the mean of, as the user chose them."""
        pixels = np.zeros(len(self.arrays.spectra), int)
        finding = finding_of(self.findings, KnownFinding)
        if finding is not None:
            pixels[list(finding.places)] = finding.pixels
        return pixels

    @property
    def _sd(self) -> Floats:
        """Noise of the channels at unit weight."""
        return self.spectra.whitening.channel_sd

    @property
    def _separated(self) -> tuple[LowRank, Floats]:
        """The leading principal components, which were separated, and the unmixing of them."""
        number = len(self.found_by.unmixing)
        return self.spectra.truncate(number), self.arrays.unmixing[self.mixed][:, :number]

    @property
    def noise_of_spectra(self) -> Floats:
        """Variance that the noise of the counts gives the spectra, over that of the channels.

        Shape (components,); of those that were given zero.
        """
        unmixing = self.arrays.unmixing
        errors = np.einsum("ij,jk,ik->i", unmixing, self.spectra.component_errors(), unmixing)
        if self._are_all_known:
            # Of spectra that stand as they are there is none but their own.
            errors = np.zeros_like(errors)
        errors[self.held] = 0
        return np.asarray(errors)

    @property
    def held(self) -> list[int]:
        """Numbers of the components that are exactly as they were given."""
        finding = finding_of(self.findings, KnownFinding)
        if finding is None:
            return []
        return [i for i, held in zip(finding.places, finding.held, strict=False) if held]

    @property
    def _noise(self) -> Floats:
        """Variance that the noise of the counts gives each channel of the spectra."""
        errors, finding = self.noise_of_spectra, finding_of(self.findings, KnownFinding)
        variance: Floats = errors[:, None] * (self._sd / self.widths) ** 2
        if self._are_all_known and isinstance(self.found_by, BesideKnown) and finding is not None:
            known = self.found_by.known
            places = list(finding.places)
            scale = self.arrays.spectra[places] @ self.widths / known.spectra.sum(1)
            variance[places] += scale[:, None] ** 2 * known.variance / self.widths**2
        return variance


def _metric_of_spectra(unmixing: Floats, leading: LowRank) -> Floats:
    """In which runs are compared: by their shares of the answer's spectra, each of norm one."""
    spectra = unmixing @ leading.whitening.whiten(leading.components)
    to_shares = np.linalg.pinv(unmixing / np.linalg.norm(spectra, axis=1, keepdims=True))
    return np.asarray(to_shares @ to_shares.T)
