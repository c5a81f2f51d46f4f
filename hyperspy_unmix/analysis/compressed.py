"""A spectrum image in compressed form: its components counted, background and scattering out."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from hyperspy_unmix.arguments.checks import check_n_components
from hyperspy_unmix.arguments.code_to_repeat import call, of_options, typed
from hyperspy_unmix.arguments.options import Preprocessing, SeparationOptions
from hyperspy_unmix.numerics.compression.low_rank import NEGLIGIBLE_SHARE_OF_EDGE, LowRank
from hyperspy_unmix.numerics.compression.number_of_components import (
    ComponentCount,
    expected_squared_cosines,
)
from hyperspy_unmix.numerics.compression.scree import Scree
from hyperspy_unmix.numerics.compression.split_half import thinned_significance
from hyperspy_unmix.numerics.compression.weighted_pca import compress
from hyperspy_unmix.numerics.corrections.background_fit import BackgroundFit
from hyperspy_unmix.numerics.corrections.correct import Corrected
from hyperspy_unmix.numerics.corrections.fit_as_recorded import fit_as_recorded
from hyperspy_unmix.numerics.noise.noise_edge import noise_edge
from hyperspy_unmix.numerics.threads import MOST_PIXELS_ALL_ON_ONE_THREAD, limit_blas_threads
from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.preparation.prepare import Prepared, prepare
from hyperspy_unmix.settings import Choice, FrozenSettings, Settings, warn_of

from .component_count import count_components
from .correct_and_count import background_choice, correct_and_count, correct_leading
from .known_components import check_number, known_spectra
from .known_finding import KnownSpectra
from .neighbours_finding import find_neighbouring_noise
from .reuse import Steps, protect, steps_of
from .separated import Separated
from .separation import count_stable_components, separate_components

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

LEAST_COMPONENTS_KEPT = 12  # also where fewer are above the noise edge
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Compressed:
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
    """

    n_components: int
    count: ComponentCount
    settings: Mapping[str, Choice]
    prepared: Prepared = field(repr=False)
    raw: LowRank = field(repr=False)
    corrected: Corrected = field(repr=False)
    _scree: Scree = field(repr=False)
    calls: tuple[str, ...] = field(default=(), repr=False)

    # ------------------------------------------------------------------ how it is made

    @classmethod
    def of_signal(
        cls,
        signal: BaseSignal,
        n_components: Any,
        options: Preprocessing,
        *,
        only_stable: bool = True,
    ) -> Self:
        """Prepare, compress, correct and count; see `hyperspy_unmix.pca`.

        ``only_stable=False`` takes all components that are counted: where none is separated.
        """
        steps = steps_of(signal, options)
        pixels = _number_of_pixels(signal)
        with limit_blas_threads(pixels, MOST_PIXELS_ALL_ON_ONE_THREAD):
            prepared = steps.once(
                "prepared",
                (),
                lambda: prepare(signal, options),
                again=lambda known: warn_of(*known.findings),
            )
            compressed = cls.of_prepared(prepared, n_components, steps)
            if only_stable and n_components == "auto":
                compressed = compressed.with_stable_components(steps)
        code = call("s.pca", n_components=n_components, **of_options(options))
        return replace(compressed, calls=(code,))

    @classmethod
    def of_prepared(cls, prepared: Prepared, n_components: Any, steps: Steps | None = None) -> Self:
        """Compress, correct and count; ``steps`` are those that are known already."""
        image, steps = prepared.image, steps or Steps()
        asked = check_n_components(n_components, image.blocks)
        least_rank = max(asked if isinstance(asked, int) else 0, LEAST_COMPONENTS_KEPT)
        raw, scree = steps.once(
            "compressed",
            (least_rank,),
            lambda: protect(compress(image.blocks, image.summary, prepared.noise, least_rank)),
        )
        warn_of(find_neighbouring_noise(prepared.image, scree.neighbours))
        counted = steps.once(
            "counted", (least_rank,), lambda: protect(correct_and_count(prepared, raw, scree))
        )
        return cls._chosen(prepared, raw, scree, asked, *counted, steps)

    @classmethod
    def _chosen(
        cls,
        prepared: Prepared,
        raw: LowRank,
        scree: Scree,
        asked: int | str,
        corrected: Corrected,
        count: ComponentCount,
        steps: Steps,
    ) -> Self:
        """As many components as ``asked`` for, a number, ``"auto"`` or the name of a count."""
        n, reason = count.chosen(asked)
        n = min(n, raw.rank)
        if n > corrected.spectra.rank:
            corrected = steps.once(
                "corrected",
                (raw.rank, n),
                lambda: protect(correct_leading(prepared, raw, scree.edge, n)),
            )
        settings = {"n_components": Choice(n, reason), **prepared.settings}
        settings["noise edge"] = Choice(
            scree.above_noise_edge, "components of the data as recorded above the noise edge"
        )
        settings |= find_neighbouring_noise(prepared.image, scree.neighbours).choices()
        fit = _background_fit(corrected)
        if fit is not None:
            settings["background fit"] = background_choice(fit)
        return cls(n, count, FrozenSettings(settings), prepared, raw, corrected, scree)

    def with_stable_components(self, steps: Steps | None = None) -> Self:
        """The same with the number that ``"auto"`` takes: of many components those that are stable.

        They are separated for it, which takes about as long as `ica` a few times; of few there is
        no need. ``steps`` are those that are known already.
        """
        count = (steps or Steps()).once(
            "stable", (self.raw.rank,), lambda: self._limited_to_stable(self.count)
        )
        _logger.info("%s", count.reason)
        n, reason = count.chosen("auto")
        n = min(n, self.raw.rank)
        settings = FrozenSettings({**self.settings, "n_components": Choice(n, reason)})
        return replace(self, n_components=n, count=count, settings=settings)

    def _limited_to_stable(self, count: ComponentCount) -> ComponentCount:
        image, corrected = self.prepared.image, self.corrected
        signal_share = expected_squared_cosines(corrected.values, *self._scree.shape)[0]
        with limit_blas_threads(image.blocks.shape[0]):
            return count_stable_components(image, corrected.spectra, signal_share, count)

    def recounted(self) -> ComponentCount:
        """Count again, with shares of the counts that are really drawn: a pass over the data."""
        prepared, scree = self.prepared, self._scree
        significance = thinned_significance(
            prepared.image.blocks,
            self.raw,
            prepared.noise,
            scree.calibration,
            number=len(scree.repeats),
        )
        scree = replace(scree, repeats=significance)
        count = count_components(prepared, self.raw, scree, self.corrected)
        return self._limited_to_stable(count)

    def with_background(
        self,
        background: Literal["auto"] | tuple[float, float] | Sequence[tuple[float, float]] | None,
        background_type: str = "auto",
        *,
        count: ComponentCount | None = None,
    ) -> Self:
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
        in_range = np.isin(self.prepared.image.blocks.channels, prepared.image.blocks.channels)
        raw = self.raw
        if not in_range.all():
            negligible = NEGLIGIBLE_SHARE_OF_EDGE * self._scree.edge
            raw = raw.select_channels(in_range)
            raw = raw.recompress(negligible, max(self.above_noise_edge, 1))
        scree = self._scree
        counted = correct_and_count(prepared, raw, scree, count)
        compressed = self._chosen(prepared, raw, scree, "auto", *counted, Steps())
        if count is None:
            compressed = compressed.with_stable_components()
        window = typed("background", background)
        code = call("with_background", window, background_type=background_type)
        return replace(compressed, calls=(*self.calls, code))

    # ------------------------------------------------------------------ what was found

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
        """Squared singular values of the counts as recorded, in units of the noise edge.

        Of more than 2 559 channels and pixels the leading ones, at least 16 of noise among them.
        """
        return self._scree.values

    @property
    def scree_total(self) -> float:
        """Sum of all squared singular values, in units of the noise edge."""
        return self._scree.total

    @property
    def background_fit(self) -> BackgroundFit | None:
        """What was fitted before the edge; None where nothing was."""
        return _background_fit(self.corrected)

    # ------------------------------------------------------------------ what follows

    def separate(self, n_components: Any, options: SeparationOptions) -> tuple[Separated, Settings]:
        """Separate the components, as `PCA.ica` says; and every choice, those of the PCA first."""
        n, corrected, settings = self.n_components, self.corrected, dict(self.settings)
        if n_components is not None:
            asked = check_n_components(n_components, self.prepared.image.blocks)
            count = self._limited_to_stable(self.count) if asked == "auto" else self.count
            n, reason = count.chosen(asked)
            if n > self.raw.rank:
                raise ValueError(
                    f"n_components={n}, but this PCA kept {self.raw.rank}: call "
                    f"pca(n_components={n}) for more."
                )
            if n > corrected.spectra.rank:
                corrected = correct_leading(self.prepared, self.raw, self._scree.edge, n)
            settings["n_components"] = Choice(n, reason)
        known = self._known(options, n, corrected)
        spectra = corrected.spectra.truncate(n)
        recorded = self._fitted_as_recorded(spectra, corrected)
        signal_share = expected_squared_cosines(corrected.values[:n], *self._scree.shape)[0]
        image = self.prepared.image
        with limit_blas_threads(image.blocks.shape[0]):
            separated = separate_components(
                image, spectra, signal_share, self.count, options, recorded, known
            )
        warn_of(*separated.findings)
        return separated, settings | separated.choices

    def _known(
        self, options: SeparationOptions, n: int, corrected: Corrected
    ) -> KnownSpectra | None:
        """What the user knows, in the space of the ``n`` components that are to be found.

        Where all are known, nothing else limits them than what the counts hold.
        """
        if options.known is None:
            return None
        number = len(options.known) if isinstance(options.known, Mapping) else n
        rank = max(n, self.count.consensus) if number >= n else n
        space = corrected.spectra.truncate(rank)
        visible = expected_squared_cosines(corrected.values[: space.rank], *self._scree.shape)[0]
        known = known_spectra(options.known, self.prepared.image, space, visible)
        check_number(known, n)
        return known

    def _fitted_as_recorded(self, spectra: LowRank, corrected: Corrected) -> LowRank:
        """Corrected spectra with the scores that fit the counts best, where it matters."""
        kernel = self.prepared.kernel
        if kernel is None or kernel.is_none:
            return spectra
        return fit_as_recorded(spectra, self.raw, self.prepared.corrections, corrected.fits)


def _number_of_pixels(signal: Any) -> int:
    """Pixels of a signal; none where it has no shape, or one that dask does not know."""
    number = np.prod(np.shape(getattr(signal, "data", ()))[:-1])
    return int(number) if np.isfinite(number) else 0


def _background_fit(corrected: Corrected) -> BackgroundFit | None:
    """The fit before the edge, if a background was taken out."""
    fit: BackgroundFit | None = corrected.fits.get("background")
    return fit
