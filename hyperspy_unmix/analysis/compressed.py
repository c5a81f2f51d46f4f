"""A spectrum image in compressed form: its components counted, background and scattering out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from hyperspy_unmix.arguments.checks import check_n_components
from hyperspy_unmix.arguments.code_to_repeat import call, of_options, typed
from hyperspy_unmix.arguments.options import Preprocessing, SeparationOptions
from hyperspy_unmix.arguments.recipe import Asked
from hyperspy_unmix.numerics.compression.low_rank import NEGLIGIBLE_SHARE_OF_EDGE, LowRank
from hyperspy_unmix.numerics.compression.number_of_components import (
    ComponentCount,
)
from hyperspy_unmix.numerics.compression.scree import Scree
from hyperspy_unmix.numerics.compression.weighted_pca import compress
from hyperspy_unmix.numerics.corrections.correct import Corrected
from hyperspy_unmix.numerics.threads import MOST_PIXELS_ALL_ON_ONE_THREAD, limit_blas_threads
from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.preparation.noise import FewCountsFinding
from hyperspy_unmix.preparation.prepare import Prepared, prepare
from hyperspy_unmix.settings import Choice, FrozenSettings, Settings, choices_of, held_back, warn_of

from .correct_and_count import BackgroundFitFinding, correct_and_count, correct_leading
from .count_again import recounted, with_stable_components
from .counted import Counted, SummedPixels
from .doubts import find_doubts
from .lost_components import with_number
from .neighbours_finding import find_neighbouring_noise
from .reuse import Steps, protect, steps_of
from .separate_counted import fitted_as_recorded, separate_counted
from .separated import Separated
from .summed_pixels import Sought, find_in_sums, in_all_channels

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

LEAST_COMPONENTS_KEPT = 12  # also where fewer are above the noise edge
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Compressed(Counted):  # noqa: D101
    __doc__ = Counted.__doc__

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
            compressed = compressed.with_summed_pixels(n_components, steps)
            compressed = compressed.with_doubts(steps)
            if only_stable and n_components == "auto":
                compressed = compressed.with_stable_components(steps)
        arguments = {"n_components": n_components, **of_options(options)}
        code = call("s.pca", **arguments)
        return replace(compressed, calls=(code,), asked=Asked().updated(**arguments))

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
        fit = corrected.fits.get("background")
        if fit is not None:
            of_fit = BackgroundFitFinding(
                fit.law, fit.parameters, fit.misfit, prepared.background.ranges
            )
            warn_of(of_fit)
            settings |= of_fit.choices()
        return cls(n, count, FrozenSettings(settings), prepared, raw, corrected, scree)

    def with_summed_pixels(self, n_components: Any, steps: Steps | None = None) -> Self:
        """The same, its components those of sums of pixels, where more is known of them."""
        sums = self._sought_in_sums(steps or Steps()).found
        if sums is None:
            return self
        asked = check_n_components(n_components, self.prepared.image.blocks)
        if isinstance(asked, int) and asked > sums.pca.raw.rank:
            most = min(asked, *sums.pca.prepared.image.blocks.shape)
            with held_back():
                larger = type(self).of_prepared(sums.pca.prepared, most)
            sums = replace(sums, pca=replace(larger, count=sums.pca.count))
            spectra, recorded = in_all_channels(self.prepared, sums.prepared, larger, sums.channels)
            sums = replace(sums, spectra=spectra, recorded=recorded)
        return self._of_sums(replace(sums, pca=with_number(sums.pca, asked)))

    def _sought_in_sums(self, steps: Steps) -> Sought:
        """What was found in sums of pixels, once."""

        def count(summed: Prepared) -> Counted:
            with held_back():  # sums are tried: what is said of them is none of the result
                return type(self).of_prepared(summed, "auto")

        return steps.once("summed", (self.raw.rank,), lambda: find_in_sums(self, count))

    def with_doubts(self, steps: Steps) -> Self:
        """The same with what speaks against the components that were counted; it is warned of."""
        tried = self._sought_in_sums(steps).tried
        doubts = steps.once("doubts", (self.raw.rank,), lambda: find_doubts(self, tried))
        warn_of(*doubts)
        return replace(self, settings=FrozenSettings(dict(self.settings) | choices_of(doubts)))

    def _of_sums(self, sums: SummedPixels) -> Self:
        """The same with the number of components, and the reasons for it, of these sums."""
        settings, of_sums = dict(self.settings), sums.pca.settings
        settings.pop(FewCountsFinding.NAME, None)
        settings |= {name: of_sums[name] for name in ("n_components", "noise edge")}
        settings |= sums.choices()
        return replace(
            self,
            n_components=sums.pca.n_components,
            count=sums.pca.count,
            settings=FrozenSettings(settings),
            summed=sums,
        )

    def with_stable_components(self, steps: Steps | None = None) -> Self:
        """The same with the number that ``"auto"`` takes: of many components those that are stable.

        They are separated for it, which takes about as long as `ica` a few times; of few there is
        no need, but where sums show more than single pixels. ``steps`` are those that are known
        already.
        """
        if self.summed is None:
            return with_stable_components(self, steps or Steps())
        sums = self.summed
        stable = with_stable_components(sums.separable, Steps(), sums.counted_before)
        pca = replace(
            sums.pca,
            n_components=stable.n_components,
            count=stable.count,
            settings=stable.settings,
        )
        return self._of_sums(replace(sums, pca=pca))

    def recounted(self) -> ComponentCount:
        """Count again, with shares of the counts that are really drawn: a pass over the data."""
        return recounted(self if self.summed is None else self.summed.pca)

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
            raw = raw.recompress(negligible, max(self._scree.above_noise_edge, 1))
        scree = self._scree
        counted = correct_and_count(prepared, raw, scree, count)
        compressed = self._chosen(prepared, raw, scree, "auto", *counted, Steps())
        compressed = compressed.with_summed_pixels("auto")
        if count is None:
            compressed = compressed.with_stable_components()
        window = typed("background", background)
        code = call("with_background", window, background_type=background_type)
        asked = self.asked.updated(background=background, background_type=background_type)
        return replace(compressed, calls=(*self.calls, code), asked=asked)

    # ------------------------------------------------------------------ what follows

    def separate(self, n_components: Any, options: SeparationOptions) -> tuple[Separated, Settings]:
        """Separate the components, as `PCA.ica` says; and every choice, those of the PCA first."""
        separated, choices = self.separate_silently(n_components, options)
        warn_of(*separated.findings)
        return separated, dict(self.settings) | choices

    def separate_silently(
        self, n_components: Any, options: SeparationOptions
    ) -> tuple[Separated, Settings]:
        """The same, and the choices of the separation; who calls warns of its findings."""
        image, sums = self.prepared.image, self.summed
        if sums is None:
            return separate_counted(self, n_components, options, image)
        if isinstance(n_components, int):
            sums = replace(sums, pca=with_number(sums.pca, n_components))
        return separate_counted(sums.separable, n_components, options, image, sums.of_pixels)

    def maps_as_recorded(self, spectra: Floats, maps: Floats) -> Floats:
        """Maps (pixels, components) of spectra that fit the counts best, where it matters."""
        widths, corrected = self.prepared.image.widths_in_values, self.corrected
        found = replace(corrected.spectra, scores=maps, components=spectra * widths)
        return fitted_as_recorded(self, found, corrected).scores


def _number_of_pixels(signal: Any) -> int:
    """Pixels of a signal; none where it has no shape, or one that dask does not know."""
    number = np.prod(np.shape(getattr(signal, "data", ()))[:-1])
    return int(number) if np.isfinite(number) else 0
