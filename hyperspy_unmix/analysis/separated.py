"""How components were separated, and what follows for how sure they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.certainty.ambiguity import Ambiguity, ambiguity
from hyperspy_unmix.numerics.certainty.ica_error import NUMBER_OF_BLOCKS, ica_covariance
from hyperspy_unmix.numerics.certainty.mixing_error import (
    Shares,
    changes_of_spectra,
    estimate_shares,
    limit_shares,
    maps_variance,
    match_sources,
    spectra_variance,
    totals_variance,
)
from hyperspy_unmix.numerics.certainty.stability import draw_blocks, redraw_noise, stability_index
from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.separation.derivative import derivative
from hyperspy_unmix.numerics.separation.ica import Algorithm, separate_again
from hyperspy_unmix.numerics.separation.positivity import Mixture
from hyperspy_unmix.numerics.separation.pure_pixels import PurePixels, pure_components
from hyperspy_unmix.numerics.separation.sign_and_scale import Normalised
from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.settings import Finding, Settings, choices_of

# Separates again, with this source of chance, and gives the unmixing.
Run = Callable[[np.random.Generator], Floats]
LEAST_STABLE = 0.5  # index from which a component is called stable
MOST_PIXELS_OF_AMBIGUITY = 1024  # in which the maps' limits are looked for
ICA_RUNS, PURE_PIXEL_RUNS = 20, 10  # that are compared for the stability
MOST_PIXELS_PER_RUN = 2048  # of a run that looks for pure pixels


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
        """Derivative of components (rank, channels), in channels with noise ``sd`` (channels,)."""
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
        Share of each principal component that is not noise, see `rank.expected_squared_cosines`.
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
        is_mixed = np.abs(self.arrays.unmixing[:, :number]).max(1) > 0
        return np.flatnonzero(is_mixed)

    @cached_property
    def stability(self) -> Floats:
        """Stability index of each component, shape (components,)."""
        leading, unmixing = self._separated
        is_pure = isinstance(self.found_by, PurePixels)
        runs = PURE_PIXEL_RUNS if is_pure else ICA_RUNS
        index_of_sources = stability_index(
            unmixing=self.found_by.unmixing,
            run=self._pure_pixels_again(leading) if is_pure else self._ica_again(leading),
            metric=self._metric(leading),
            spectra=leading,
            signal_share=self.visible[: leading.rank],
            generators=np.random.default_rng(self.random_state).spawn(runs),
        )
        index = np.empty(self.spectra.rank)
        index[self.mixed] = index_of_sources[match_sources(self.found_by.unmixing, unmixing)]
        # Components that were not separated stay as they are, but for their noise.
        others = np.setdiff1d(np.arange(len(index)), self.mixed)
        index[others] = self.visible[np.abs(self.arrays.unmixing[others]).argmax(1)]
        return index

    @cached_property
    def ambiguity(self) -> Ambiguity:
        """Ranges of all components; those left beside the others have none."""
        mixed, spectra = self.mixed, self.arrays.spectra * self.widths
        n = len(spectra)
        of_mixed = ambiguity(Mixture(*self._separated, MOST_PIXELS_OF_AMBIGUITY), spectra[mixed])
        lowest, highest = np.zeros((n, n)), np.zeros((n, n))
        lower, upper = spectra.copy(), spectra.copy()
        pairs = np.ix_(mixed, mixed)
        lowest[pairs], highest[pairs] = of_mixed.lowest, of_mixed.highest
        lower[mixed], upper[mixed] = of_mixed.lower, of_mixed.upper
        return Ambiguity(lowest, highest, lower / self.widths, upper / self.widths)

    @cached_property
    def changes(self) -> Floats:
        """Mean products of the changes X that the spectra, ``(1 + X) @ S``, may be wrong by.

        Shape (components, components, components, components), see `mixing_error`.
        """
        mixed, n = self.mixed, len(self.arrays.spectra)
        unmixing = self._separated[1]
        if isinstance(self.found_by, PurePixels):
            pure = self.found_by
            products = estimate_shares(pure.unmixing, unmixing, pure.covariance).covariance
        else:
            pairs = np.ix_(mixed, mixed)
            products = limit_shares(
                self._shares_of_ica(unmixing, self.found_by),
                self.ambiguity.lowest[pairs],
                self.ambiguity.highest[pairs],
            )
        changes = np.zeros((n, n, n, n))
        has_integral = self.arrays.unit_integral[mixed].astype(float)
        changes[np.ix_(mixed, mixed, mixed, mixed)] = changes_of_spectra(products, has_integral)
        return changes

    @cached_property
    def spectra_variance(self) -> Floats:
        """Variance of the spectra, shape (components, channels)."""
        return spectra_variance(self.changes, self.arrays.spectra) + self._noise

    def totals_variance(self, totals: Floats) -> Floats:
        """Variance of the spectra times the sums of their maps, shape (components, channels)."""
        of_mixing = totals_variance(self.changes, self.arrays.spectra, totals)
        return of_mixing + totals[:, None] ** 2 * self._noise

    def maps_variance(self, maps: Floats, noise: Floats) -> Floats:
        """Variance of maps (pixels, components) whose noise has the variance ``noise``."""
        return maps_variance(self.changes, maps) + noise

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
    def _noise(self) -> Floats:
        """Variance that the noise of the counts gives each channel of the spectra."""
        unmixing = self.arrays.unmixing
        errors = np.einsum("ij,jk,ik->i", unmixing, self.spectra.component_errors(), unmixing)
        variance: Floats = errors[:, None] * (self._sd / self.widths) ** 2
        return variance

    def _metric(self, leading: LowRank) -> Floats:
        """Covariance in which runs are compared: of the detail, where there is enough of it."""
        detail = self.detail.of(leading.components, self._sd)
        if detail.shape[1] <= leading.rank:
            detail = leading.whitening.whiten(leading.components)
        return np.cov(detail).reshape(leading.rank, leading.rank)

    def _shares_of_ica(self, unmixing: Floats, ica: Independent) -> Shares:
        """Shares of the components in each other, with the chance error of the ICA."""
        detail = self.detail.of(self._separated[0].components, self._sd)
        if detail.shape[1]:
            detail = detail - detail.mean(1, keepdims=True)
        sources = ica.unmixing @ detail
        uncorrelated = ica.algorithm == "fastica" or not ica.super_gaussian
        covariance = ica_covariance(sources, uncorrelated)
        return estimate_shares(ica.unmixing, unmixing, covariance)

    def _ica_again(self, leading: LowRank) -> Run:
        """The ICA from another start, on other noise and other parts of the spectrum."""
        ica = self.found_by
        assert isinstance(ica, Independent)
        signal_share = self.visible[: leading.rank]

        def run(generator: np.random.Generator) -> Floats:
            if leading.rank == 1:
                return np.ones((1, 1))
            detail = self.detail.of(redraw_noise(leading, signal_share, generator), self._sd)
            detail = detail[:, draw_blocks(detail.shape[1], NUMBER_OF_BLOCKS, generator)]
            return separate_again(detail, generator, ica.algorithm, ica.super_gaussian)

        return run

    def _pure_pixels_again(self, leading: LowRank) -> Run:
        """Pure pixels among pixels drawn with replacement."""
        n = len(leading.scores)

        def run(generator: np.random.Generator) -> Floats:
            pixels = np.sort(generator.integers(0, n, min(n, MOST_PIXELS_PER_RUN)))
            drawn = leading.select_pixels(pixels)
            try:
                return pure_components(drawn, drawn.components.sum(1)).unmixing
            except ValueError:
                # Too few pixels hold counts: no component comes back.
                return np.zeros((leading.rank, leading.rank))

        return run
