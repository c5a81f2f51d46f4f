"""What `hyperspy_unmix.pca` returns."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from . import summary
from .calls import call, of_options, typed
from .counting import (
    MOST_PHYSICS_COMPONENTS,
    ComponentCount,
    agreement,
    count_components,
)
from .inputs import NumberOfComponents, check_n_components
from .numerics.background import BackgroundFit
from .numerics.blocks import Block
from .numerics.edge import noise_edge
from .numerics.ica import Algorithm
from .numerics.noise import Floats
from .numerics.pca import NEGLIGIBLE, LowRank, compress
from .numerics.physics import Corrected, correct
from .numerics.rank import visible
from .numerics.scattering import remove_scattering_from
from .numerics.schedulers import few_threads
from .numerics.scree import Scree
from .numerics.split_half import thinned_significance
from .options import Preprocessing
from .preparation import Prepared, prepare
from .separation import Options, separate_components
from .settings import Choice, FrozenSettings
from .wrapping import as_maps, as_spectra, channel_filler, image_of

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

    from .unmixing import Unmixing


KEPT_BELOW_EDGE = 12  # components, of which all are kept
_logger = logging.getLogger(__name__)


def pca_of(signal: BaseSignal, n_components: Any, options: Preprocessing) -> PCA:
    """Prepare, compress, correct and count; see `hyperspy_unmix.pca`."""
    result = compressed(prepare(signal, options), n_components)
    return replace(result, calls=(call("s.pca", n_components=n_components, **of_options(options)),))


def compressed(prepared: Prepared, n_components: Any) -> PCA:
    """Compress, correct and count."""
    image = prepared.image
    asked = check_n_components(n_components, image.blocks)
    least = max(asked if isinstance(asked, int) else 0, KEPT_BELOW_EDGE)
    raw, scree = compress(image.blocks, image.summary, prepared.noise, least)
    result = PCA.build(prepared, raw, scree, asked)
    _logger.info("%s", result.count.reason)
    return result


@dataclass(frozen=True, eq=False)
class PCA:
    """Weighted PCA of a spectrum image, its background and plural scattering taken out.

    Parameters
    ----------
    n_components : int
        Number that `ica` unmixes unless told otherwise.
    count : ComponentCount
        What the data say about that number.
    settings : mapping
        Every choice made, and why.
    calls : tuple of str
        What was called to get it.
    """

    n_components: int
    count: ComponentCount
    settings: Mapping[str, Choice]
    prepared: Prepared = field(repr=False)
    raw: LowRank = field(repr=False)
    corrected: Corrected = field(repr=False)
    _scree: Scree = field(repr=False)
    calls: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def build(
        cls,
        prepared: Prepared,
        raw: LowRank,
        scree: Scree,
        asked: int | str,
        count: ComponentCount | None = None,
    ) -> PCA:
        """Take the physics out of compressed counts, count the components, put it on record.

        ``asked`` is a number, ``"auto"`` or the name of one of the counts; ``count`` what is known
        of the number already.
        """
        least = asked if isinstance(asked, int) else 1
        agreed = min(int(np.median(agreement(scree))), MOST_PHYSICS_COMPONENTS)
        blocks = prepared.image.blocks
        ticks = blocks.progress("background, plural scattering", 2 * blocks.shape[0])
        with ticks as done, few_threads(blocks.shape[0]):
            corrected = _correct(prepared, raw, scree.edge, max(least, agreed))
            done(blocks.shape[0])
            # with shares of the counts, which go through the same stages
            if count is None:
                count = count_components(prepared, raw, scree, corrected)
            done(blocks.shape[0])
        n, reason = _chosen(count, asked)
        n = min(n, raw.rank)
        if n > corrected.spectra.rank:
            corrected = _correct(prepared, raw, scree.edge, n)
        settings = {"n_components": Choice(n, reason), **prepared.settings}
        settings["noise edge"] = Choice(
            scree.above_noise_edge, "components of the counts as recorded above the noise edge"
        )
        if corrected.fit is not None:
            settings["background fit"] = _described(corrected.fit)
        return cls(n, count, FrozenSettings(settings), prepared, raw, corrected, scree)

    def recounted(self) -> ComponentCount:
        """Count again, with shares of the counts that are really drawn: a pass over the data."""
        prepared = self.prepared
        drawn = thinned_significance(prepared.image.blocks, self.raw, prepared.noise, self._scree)
        scree = replace(self._scree, repeats=drawn)
        return count_components(prepared, self.raw, scree, self.corrected)

    @property
    def above_noise_edge(self) -> int:
        """Components of the counts as recorded above the noise edge."""
        return self._scree.above_noise_edge

    @property
    def noise_level(self) -> float:
        """Noise edge over that of white noise of variance one."""
        return self._scree.edge / noise_edge(*self._scree.shape)

    @property
    def scree_values(self) -> Floats:
        """Squared singular values of the counts as recorded, in units of the noise edge."""
        return self._scree.values

    @property
    def scree(self) -> BaseSignal:
        """`scree_values` as a signal, (| component)."""
        import hyperspy.api as hs

        signal = hs.signals.Signal1D(self.scree_values)
        axis = signal.axes_manager.signal_axes[0]
        axis.name, axis.offset = "Component", 1
        signal.metadata.General.title = "Scree"
        signal.metadata.Signal.quantity = "Variance (noise edge = 1)"
        return signal

    @property
    def components(self) -> BaseSignal:
        """Spectra of the principal components, (component | energy)."""
        kept = self.corrected.spectra.truncate(self.n_components)
        return as_spectra(self.prepared.image, kept.components, "principal components")

    @property
    def scores(self) -> BaseSignal:
        """Maps of the principal components, (component | x, y)."""
        kept = self.corrected.spectra.truncate(self.n_components)
        return as_maps(self.prepared.image, kept.scores, "scores", "Score")

    def ica(
        self,
        n_components: int | NumberOfComponents | None = None,
        *,
        algorithm: Algorithm = "picard",
        refine: Literal["auto"] | None = "auto",
        assume: Literal["overlap", "pure"] = "overlap",
        random_state: int = 0,
    ) -> Unmixing:
        """Unmix by independent component analysis of the spectral derivative, or pure pixels.

        Parameters
        ----------
        n_components : int or str, optional
            Default `PCA.n_components`; the names are those of `hyperspy_unmix.unmix`. At most the
            components kept.
        algorithm, refine, assume, random_state
            As in `hyperspy_unmix.unmix`.

        Returns
        -------
        Unmixing

        Raises
        ------
        TypeError, ValueError
            If an argument does not fit, or the number is more than were kept.
        """
        options = Options(algorithm, refine, assume, random_state)
        n, corrected, settings = self.n_components, self.corrected, dict(self.settings)
        if n_components is not None:
            asked = check_n_components(n_components, self.prepared.image.blocks)
            n, reason = _chosen(self.count, asked)
            if n > self.raw.rank:
                raise ValueError(
                    f"n_components={n}, but this PCA kept {self.raw.rank}: call "
                    f"pca(n_components={n}) for more."
                )
            if n > corrected.spectra.rank:
                corrected = _correct(self.prepared, self.raw, self._scree.edge, n)
            settings["n_components"] = Choice(n, reason)
        from .unmixing import unmixed

        kept = corrected.spectra.truncate(n)
        seen = visible(corrected.values[:n], *self._scree.shape)[0]
        image = self.prepared.image
        with few_threads(image.blocks.shape[0]):
            found = separate_components(image, kept, seen, self.count, options, settings)
        again = call("ica", n_components=n_components or "auto", **vars(options))
        return unmixed(self, found, settings, (*self.calls, again))

    def with_background(
        self,
        background: Literal["auto"] | tuple[float, float] | Sequence[tuple[float, float]] | None,
        background_type: str = "auto",
        *,
        count: ComponentCount | None = None,
    ) -> PCA:
        """The same principal components with another background subtracted; no pass over the data.

        Parameters
        ----------
        background, background_type
            As in `hyperspy_unmix.unmix`. The window must lie in the range of this PCA:
            ``pca(background=None)`` has all of it.
        count : ComponentCount, optional
            What is known of the number of components; without it they are counted again, which
            takes most of the time.

        Returns
        -------
        PCA
            Over the energies from the window on.

        Raises
        ------
        TypeError, ValueError
            If the window does not fit.
        """
        prepared = self.prepared.with_background(background, background_type)
        kept = np.isin(self.prepared.image.blocks.channels, prepared.image.blocks.channels)
        raw = self.raw
        if not kept.all():
            least = NEGLIGIBLE * self._scree.edge
            raw = raw.having(kept).recompressed(least, max(self.above_noise_edge, 1))
        result = PCA.build(prepared, raw, self._scree, "auto", count)
        window = typed("background", background)
        again = call("with_background", window, background_type=background_type)
        return replace(result, calls=(*self.calls, again))

    def preprocessed(self) -> BaseSignal:
        """The counts, not denoised, without background and plural scattering; lazy if they are."""
        prepared = self.prepared
        image, background = prepared.image, self.corrected.background
        kernel = prepared.kernel
        weights = transforms = None
        if kernel is not None:
            weights, transforms = kernel.inverse
            weights = np.broadcast_to(weights, (image.blocks.shape[0], weights.shape[1]))
        else:
            weights = np.zeros((image.blocks.shape[0], 0))
        scores = np.zeros((len(weights), 0))
        components = np.zeros((0, image.blocks.shape[1]))
        if background is not None:
            scores, components = background

        fill, axis = channel_filler(image), None if kernel is None else kernel.axis

        def on_block(block: Block) -> Floats:
            scores, weights = block.given
            single = block.spectra - scores @ components
            if axis is not None:
                single = remove_scattering_from(single, weights, transforms, axis)
            return fill(single.astype(np.float32))

        return image_of(image, on_block, "preprocessed", "preprocessing", scores, weights)

    def plot_scree(self, ax: Any = None) -> Any:
        """Scree plot in units of the noise edge; returns the matplotlib axes."""
        from .plotting import plot_scree

        return plot_scree(self, ax)

    def __repr__(self) -> str:
        return summary.text(f"PCA of {summary.name(self.prepared)}", self.settings)

    def _repr_html_(self) -> str:
        return summary.html(f"PCA of {summary.name(self.prepared)}", self.settings)


def _chosen(count: ComponentCount, asked: int | str) -> tuple[int, str]:
    """Number of components to unmix, and why."""
    if isinstance(asked, int):
        return asked, f"asked for; the data say: {count.reason}"
    if asked == "auto":
        number, reason = count.automatic, count.reason
    else:
        number, reason = getattr(count, asked), f"{asked}, asked for; all in all: {count.reason}"
    if number == 0:
        return 1, f"{reason}; the first principal component was taken"
    return number, reason


def _described(fit: BackgroundFit) -> Choice:
    words = ", ".join(f"{value:.3g}" for value in fit.parameters)
    law = {
        "power law": f"power law E^-r, r = {words}",
        "power law, scattered": f"power law E^-r with plural scattering, r = {words}",
        "exponential": f"exponential exp(-E/w), w = {words}",
        "polynomial": "polynomial of second degree",
        "offset": "constant",
    }[fit.shape]
    good = "within its noise" if fit.misfit <= 1 else f"not within noise ({fit.misfit:.2g})"
    known = f"describes the window {good}"
    return Choice(fit.parameters, f"{law}; {known}") if fit.parameters else Choice(law, known)


def _correct(prepared: Prepared, raw: LowRank, edge: float, rank: int) -> Corrected:
    """The physics of the ``rank`` leading components."""
    return correct(raw.truncate(rank), edge, prepared.physics)
