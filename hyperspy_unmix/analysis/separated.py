"""How components were separated, and what follows for how sure they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.certainty.ambiguity import Ambiguity, ambiguity
from hyperspy_unmix.numerics.certainty.ica_error import BLOCKS, ica_covariance
from hyperspy_unmix.numerics.certainty.mixing_error import (
    Shares,
    changes,
    maps_variance,
    shares_of,
    sources_of,
    spectra_variance,
    totals_variance,
    within,
)
from hyperspy_unmix.numerics.certainty.stability import choose_blocks, repeated, stability_index
from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.separation.derivative import derivative
from hyperspy_unmix.numerics.separation.ica import Algorithm, separate_again
from hyperspy_unmix.numerics.separation.positivity import Mixture
from hyperspy_unmix.numerics.separation.pure_pixels import PurePixels, pure_components
from hyperspy_unmix.numerics.separation.sign_and_scale import Normalised
from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.settings import Finding, Settings, choices_of

Run = Callable[[np.random.Generator], Floats]
LEAST_STABLE = 0.5  # index from which a component is called stable
PIXELS = 1024  # in which the maps' limits are looked for
RUNS, PURE_RUNS, PURE_PIXELS = 20, 10, 2048


@dataclass(frozen=True)
class Independent:
    """An ICA: sources are ``unmixing @ components``, each with its sign."""

    unmixing: Floats
    algorithm: Algorithm
    super_gaussian: bool


FoundBy = Independent | PurePixels


@dataclass(frozen=True)
class Detail:
    """Derivative of spectra that tells them apart, smoothed by ``width`` channels.

    ``positions`` (channels,) are those of the channels on the energy axis.
    """

    positions: NDArray[np.intp]
    order: int
    width: float

    def of(self, components: Floats, sd: Floats) -> Floats:
        """Of components (rank, channels) in channels whose noise has this standard deviation."""
        return derivative(components, self.positions, sd, self.order, self.width)


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
        Share of each principal component that is not noise, see `rank.visible`.
    detail : Detail
        In which the ICA looks for components, and in which runs are compared.
    found_by : Independent or PurePixels
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
        inside = np.abs(self.arrays.unmixing[:, :number]).max(1) > 0
        return np.flatnonzero(inside)

    @cached_property
    def stability(self) -> Floats:
        """Stability index of each component, shape (components,)."""
        kept, unmixing = self._separated
        pure = isinstance(self.found_by, PurePixels)
        index_of_mixed = stability_index(
            self.found_by.unmixing,
            self._of_pure_pixels(kept) if pure else self._of_independent(kept),
            self._metric(kept),
            kept,
            self.visible[: kept.rank],
            np.random.default_rng(self.random_state).spawn(PURE_RUNS if pure else RUNS),
        )
        # those that were not separated stay as they are, but for their noise
        index = np.empty(self.spectra.rank)
        index[self.mixed] = index_of_mixed[sources_of(self.found_by.unmixing, unmixing)]
        others = np.setdiff1d(np.arange(len(index)), self.mixed)
        index[others] = self.visible[np.abs(self.arrays.unmixing[others]).argmax(1)]
        return index

    @cached_property
    def ambiguity(self) -> Ambiguity:
        """Ranges of all components; those left beside the others have none."""
        chosen, spectra = self.mixed, self.arrays.spectra * self.widths
        n = len(spectra)
        found = ambiguity(Mixture(*self._separated, PIXELS), spectra[chosen])
        lowest, highest = np.zeros((n, n)), np.zeros((n, n))
        lower, upper = spectra.copy(), spectra.copy()
        among = np.ix_(chosen, chosen)
        lowest[among], highest[among] = found.lowest, found.highest
        lower[chosen], upper[chosen] = found.lower, found.upper
        return Ambiguity(lowest, highest, lower / self.widths, upper / self.widths)

    @cached_property
    def changes(self) -> Floats:
        """Mean products of the changes X that components may be wrong by, see `mixing_error`."""
        chosen, n = self.mixed, len(self.arrays.spectra)
        among = np.ix_(chosen, chosen)
        unmixing = self._separated[1]
        if isinstance(self.found_by, PurePixels):
            pure = self.found_by
            products = shares_of(pure.unmixing, unmixing, pure.covariance).covariance
        else:
            shares = self._of_ica(unmixing, self.found_by)
            limits = self.ambiguity.lowest[among], self.ambiguity.highest[among]
            products = within(shares, *limits)
        found = np.zeros((n, n, n, n))
        has_integral = self.arrays.unit_integral[chosen].astype(float)
        found[np.ix_(chosen, chosen, chosen, chosen)] = changes(products, has_integral)
        return found

    @cached_property
    def spectra_variance(self) -> Floats:
        """Variance of the spectra, shape (components, channels)."""
        return spectra_variance(self.changes, self.arrays.spectra) + self._noise

    def totals_variance(self, totals: Floats) -> Floats:
        """Variance of the spectra times the sums of their maps, shape (components, channels)."""
        mixed = totals_variance(self.changes, self.arrays.spectra, totals)
        return mixed + totals[:, None] ** 2 * self._noise

    def maps_variance(self, maps: Floats, noise: Floats) -> Floats:
        """Variance of maps (pixels, components) whose noise has the variance ``noise``."""
        return maps_variance(self.changes, maps) + noise

    @property
    def _sd(self) -> Floats:
        return self.spectra.whitening.channel_sd

    @property
    def _separated(self) -> tuple[LowRank, Floats]:
        """What was separated, and the unmixing of it."""
        number = len(self.found_by.unmixing)
        return self.spectra.truncate(number), self.arrays.unmixing[self.mixed][:, :number]

    @property
    def _noise(self) -> Floats:
        """Variance that the noise of the counts gives each channel of the spectra."""
        unmixing = self.arrays.unmixing
        errors = np.einsum("ij,jk,ik->i", unmixing, self.spectra.component_errors(), unmixing)
        return errors[:, None] * (self._sd / self.widths) ** 2

    def _metric(self, kept: LowRank) -> Floats:
        """Covariance in which runs are compared: of the detail, where there is enough of it."""
        detail = self.detail.of(kept.components, self._sd)
        if detail.shape[1] <= kept.rank:
            detail = kept.whitening.whiten(kept.components)
        return np.cov(detail).reshape(kept.rank, kept.rank)

    def _of_ica(self, unmixing: Floats, ica: Independent) -> Shares:
        detail = self.detail.of(self._separated[0].components, self._sd)
        if detail.shape[1]:
            detail = detail - detail.mean(1, keepdims=True)
        sources = ica.unmixing @ detail
        uncorrelated = ica.algorithm == "fastica" or not ica.super_gaussian
        covariance = ica_covariance(sources, uncorrelated)
        return shares_of(ica.unmixing, unmixing, covariance)

    def _of_independent(self, kept: LowRank) -> Run:
        ica = self.found_by
        assert isinstance(ica, Independent)
        visible = self.visible[: kept.rank]

        def run(generator: np.random.Generator) -> Floats:
            if kept.rank == 1:
                return np.ones((1, 1))
            detail = self.detail.of(repeated(kept, visible, generator), self._sd)
            detail = detail[:, choose_blocks(detail.shape[1], BLOCKS, generator)]
            return separate_again(detail, generator, ica.algorithm, ica.super_gaussian)

        return run

    def _of_pure_pixels(self, kept: LowRank) -> Run:
        n = len(kept.scores)

        def run(generator: np.random.Generator) -> Floats:
            drawn = kept.select_pixels(np.sort(generator.integers(0, n, min(n, PURE_PIXELS))))
            try:
                return pure_components(drawn, drawn.components.sum(1)).unmixing
            except ValueError:
                # too few pixels hold counts: nothing comes back
                return np.zeros((kept.rank, kept.rank))

        return run
