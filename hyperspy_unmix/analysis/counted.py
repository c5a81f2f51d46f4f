"""Principal components of a spectrum image, counted: of its pixels, or of sums of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from hyperspy_unmix.arguments.recipe import Asked
from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.compression.number_of_components import (
    ComponentCount,
    expected_squared_cosines,
)
from hyperspy_unmix.numerics.compression.scree import Scree
from hyperspy_unmix.numerics.compression.summed_channels import share_of_signal
from hyperspy_unmix.numerics.corrections.background_fit import BackgroundFit
from hyperspy_unmix.numerics.corrections.correct import Corrected
from hyperspy_unmix.numerics.noise.noise_edge import noise_edge
from hyperspy_unmix.numerics.separation.sign_and_scale import Normalised
from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.preparation.prepare import Prepared
from hyperspy_unmix.settings import MISSING, Choice, Settings, caution

from .separated import Separated

LEAST_CLEAR = 2.0  # times the noise edge: a weaker component is not the weakest that there is


@dataclass(frozen=True, eq=False)
class Counted:
    """Weighted PCA of a spectrum image, its background and plural scattering taken out.

    Parameters
    ----------
    n_components : int
        Number that `ica` unmixes unless told otherwise.
    count : ComponentCount
        What the data say about that number.
    settings : mapping
        Every choice made, and why.
    prepared : Prepared
        What was decided before the PCA.
    raw : LowRank
        The counts as recorded.
    corrected : Corrected
        Without ``prepared.corrections``.
    calls : tuple of str
        What was called to get it.
    summed : SummedPixels, optional
        Sums of pixels, where the components were counted in them and are separated in them.
    asked : Asked
        Options that it was made with.
    """

    n_components: int
    count: ComponentCount
    settings: Mapping[str, Choice]
    prepared: Prepared = field(repr=False)
    raw: LowRank = field(repr=False)
    corrected: Corrected = field(repr=False)
    _scree: Scree = field(repr=False)
    calls: tuple[str, ...] = field(default=(), repr=False)
    summed: SummedPixels | None = field(default=None, repr=False)
    asked: Asked = field(default=Asked(), repr=False)

    @property
    def principal_components(self) -> LowRank:
        """What is unmixed unless told otherwise: spectra, and the scores of every pixel."""
        return self.corrected_components(self.n_components)

    def corrected_components(self, n: int) -> LowRank:
        """So many leading components over all channels, and the scores of every single pixel."""
        if self.summed is None:
            return self.corrected.spectra.truncate(n)
        return self.summed.of_pixels(self.summed.separable.corrected.spectra.truncate(n))

    @property
    def recorded(self) -> LowRank:
        """The counts as recorded, along components of which those that are unmixed are made."""
        return self.raw if self.summed is None else self.summed.recorded

    @property
    def shape(self) -> tuple[int, int]:
        """(pixels, channels) in which the components were counted."""
        return self._counted.shape

    @property
    def edge(self) -> float:
        """Noise edge of single pixels: the squared singular value that white noise reaches."""
        return self._scree.edge

    @property
    def scree_of_pixels(self) -> Scree:
        """The scree of single pixels, also where the components were counted in sums of them."""
        return self._scree

    @property
    def above_noise_edge(self) -> int:
        """Components of the counts as recorded above the noise edge."""
        return self._counted.above_noise_edge

    @property
    def noise_level(self) -> float:
        """Noise edge over that of white noise of variance one."""
        return self._counted.edge / noise_edge(*self.shape)

    @property
    def scree_values(self) -> Floats:
        """Squared singular values of the counts as recorded, in units of the noise edge.

        Of many channels and pixels (900 of Poisson counts, else 2 560): the leading ones, at least
        16 of noise too.
        """
        return self._counted.values

    @property
    def single_pixel_values(self) -> Floats:
        """The same of single pixels, where ``scree_values`` are those of sums of pixels."""
        return self._scree.values

    @property
    def scree_total(self) -> float:
        """Sum of all squared singular values, in units of the noise edge."""
        return self._counted.total

    def visible(self, corrected: Corrected) -> Floats:
        """Share of each of these ``corrected`` components that is not noise, shape (rank,)."""
        share, number = expected_squared_cosines(corrected.values, *self.shape)[0], self.shape[1]
        if number == corrected.spectra.components.shape[1]:
            return share
        return share_of_signal(share, corrected.spectra, number)

    @property
    def _counted(self) -> Scree:
        """The scree of the pixels, or of the sums of them, in which components were counted."""
        return self._scree if self.summed is None else self.summed.pca._scree

    @property
    def background_fit(self) -> BackgroundFit | None:
        """What was fitted before the edge; None where nothing was."""
        fit: BackgroundFit | None = self.corrected.fits.get("background")
        return fit

    def arrays_of(self, separated: Separated) -> Normalised:
        """The components that were separated, with the maps of single pixels."""
        arrays = separated.arrays
        if self.summed is None:
            return separated.with_maps(arrays.maps)
        pixels = self.summed.of_pixels(separated.spectra)
        maps = pixels.scores @ np.linalg.inv(arrays.unmixing)
        return separated.with_maps(maps)


@dataclass(frozen=True, eq=False)
class SummedPixels:
    """The PCA of an image whose neighbouring pixels, and it may be channels, are summed.

    Parameters
    ----------
    factors : tuple of int
        Pixels summed along each axis of the scan, array order.
    channels : int
        That are summed.
    pca : Counted
        Of these sums.
    prepared : Prepared
        The sums of pixels in all channels.
    spectra : LowRank
        The same along the components of ``pca.raw``.
    recorded : LowRank
        Every pixel as recorded, likewise.
    counts : float
        Mean of a pixel.
    counted_before : int
        Components of single pixels.
    found : tuple of (factors, channels, int)
        Components of the sums that were tried, of pixels and of channels.
    alone : int
        Pixels that are not summed: they stand out of those about them.
    """

    factors: tuple[int, ...]
    channels: int
    pca: Counted = field(repr=False)
    prepared: Prepared = field(repr=False)
    spectra: LowRank = field(repr=False)
    recorded: LowRank = field(repr=False)
    counts: float
    counted_before: int
    found: tuple[tuple[tuple[int, ...], int, int], ...] = ()
    alone: int = 0

    def choices(self) -> Settings:
        """In plain words."""
        by_scale = "".join(
            f", {components} in sums of {_sums_in_words(factors, channels)}"
            for factors, channels, components in self.found
        )
        found = (
            f"summed to find the components, of {self.counts:.3g} counts a pixel: "
            f"{self.counted_before} found at full resolution{by_scale}"
        )
        choices: Settings = {}
        if self.are_pixels_summed:
            number = self.pca.prepared.image.blocks.shape[0]
            reason = (
                f"pixels {found}. Number, spectra and where each is alone are those of "
                f"{number - self.alone:,} sums"
            )
            if self.alone:
                reason += (
                    f" and of {self.alone:,} pixels that stand out of those about them and are "
                    "not summed"
                )
            reason += "; maps are of single pixels"
            choices["summed pixels"] = Choice(in_words(self.factors), reason)
            found = "summed to find the components"
        if self.channels > 1:
            reason = (
                f"neighbouring channels {found}: finer than what these differ by, and each with "
                "its own noise. Spectra are of single channels"
            )
            choices["summed channels"] = Choice(self.channels, reason)
        weakest = float(self.pca.scree_values[max(self.pca.count.consensus, 1) - 1])
        if self.are_pixels_summed and weakest < LEAST_CLEAR:
            hint = (
                f"{self.counts:.3g} counts a pixel, of which {self.words} are summed: the weakest "
                f"component is {weakest:.2g} times what noise reaches, and a phase that is weaker "
                "is lost in it. Measure longer, with larger pixels, or sum several measurements"
            )
            short = (
                f"Only {self.counts:.3g} counts a pixel: weaker phases are lost in the noise; "
                "measure longer."
            )
            choices |= caution("few counts", hint, short, MISSING)
        return choices

    @property
    def are_pixels_summed(self) -> bool:
        """Whether they are, or only channels."""
        return max(self.factors) > 1

    @property
    def words(self) -> str:
        """Pixels and channels that are summed, as they are written."""
        return _sums_in_words(self.factors, self.channels)

    @property
    def separable(self) -> Counted:
        """What is separated: the same PCA, its spectra over all channels."""
        if self.channels == 1:
            return self.pca
        white = self.pca.raw.whitening.whiten
        found = self.pca.corrected.spectra
        turn = white(found.components) @ white(self.pca.raw.components).T
        spectra = replace(
            self.spectra.truncate(found.rank),
            scores=found.scores,
            components=turn @ self.spectra.components,
            directions=turn @ self.spectra.white_directions,
        )
        return replace(
            self.pca,
            prepared=self.prepared,
            raw=self.spectra,
            corrected=replace(self.pca.corrected, spectra=spectra),
        )

    def of_pixels(self, spectra: LowRank) -> LowRank:
        """Every pixel as recorded, along these components of the sums' PCA."""
        white = self.recorded.whitening.whiten
        turn = white(spectra.components) @ np.linalg.pinv(white(self.recorded.components))
        scores = self.recorded.scores @ np.linalg.pinv(turn)
        return replace(spectra, scores=scores, weights=self.recorded.weights)


def _sums_in_words(factors: tuple[int, ...], channels: int) -> str:
    """What is summed of pixels and channels, as it is written."""
    pixels = f"{in_words(factors)} pixels" if max(factors) > 1 else ""
    return " and ".join(filter(None, (pixels, f"{channels} channels" if channels > 1 else "")))


def in_words(factors: tuple[int, ...]) -> str:
    """Pixels that are summed along the axes of the scan, as HyperSpy orders them."""
    return " x ".join(str(factor) for factor in factors[::-1])
