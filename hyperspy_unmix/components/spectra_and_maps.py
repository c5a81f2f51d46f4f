"""Spectra and maps as HyperSpy signals, and their standard deviations."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from hyperspy_unmix.analysis.separated import LEAST_STABLE
from hyperspy_unmix.numerics.certainty.background_spread import BackgroundSpread
from hyperspy_unmix.numerics.fitting.smooth_map import SmoothMap
from hyperspy_unmix.numerics.types import Floats

from . import uncertainty
from .as_signals import as_maps, as_spectra
from .background_error import background_spread
from .named import NamedComponents
from .smooth_maps import SmoothMapsFinding, as_smooth_maps, find_smoothing, smooth_each
from .suggested_names import suggest_names

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal


class SpectraAndMaps(NamedComponents):
    """Component spectra and maps, and how sure they are."""

    @cached_property
    def spectra(self) -> BaseSignal:
        """(Component | energy), of integral one over the axis, in 1/unit; see ``settings``.

        Their variance is in ``metadata.Signal.Noise_properties``, see `spectra_uncertainty`.
        Channels that were left out as dead or hot lie on the line between those beside them, with
        infinite variance, and are not in the integral; those that you exclude are NaN.
        """
        return self._as_spectra(self.arrays.spectra, "component spectra", self._spectra_variance)

    @cached_property
    def maps(self) -> BaseSignal:
        """(Component | x, y) in counts: ``maps x spectra x channel width`` is the contribution.

        Single-scattering counts where a low loss was used. NaN where masked, zero in pixels that
        hold no counts. Their variance is in
        ``metadata.Signal.Noise_properties``, see `maps_uncertainty`.
        """
        title, values = "component maps", self.arrays.maps
        return as_maps(
            self.prepared.image,
            values,
            title,
            self.quantity,
            self._maps_variance,
            of_empty=0.0,
        )

    @cached_property
    def smooth_maps(self) -> BaseSignal:
        """`maps`, each pixel estimated with the help of its neighbours.

        Neighbours are averaged where no difference is seen beyond the noise; what stands out of it
        stays, even a single pixel. The width is that of the least estimated risk (Stein); it is in
        the title, in ``metadata.Signal.smoothed_over_pixels`` (mean of each map) and in
        `smoothing`. ``metadata.Signal.expected_rms_error`` is the error of all pixels of a map;
        errors of single pixels are not known: neighbours share them, and fine detail may be lost
        without a trace. Measure in `maps`, look at these. NaN where masked.
        """
        return as_smooth_maps(self.prepared.image, self._smoothed, self.smoothing, self.quantity)

    @property
    def smoothing(self) -> SmoothMapsFinding:
        """How far `smooth_maps` are smoothed, and their expected errors."""
        return find_smoothing(self.names, self._smoothed)

    @property
    def spectra_counts(self) -> BaseSignal:
        """Each spectrum times the sum of its map, in counts per channel, and their variance.

        In counts per unit of energy, where data on a non-uniform axis are not binned.
        """
        image = self.prepared.image
        total = self.arrays.maps.sum(0)[:, None] * image.widths_in_values
        return as_spectra(
            image,
            self.arrays.spectra * total,
            f"component spectra, {self.prepared.unit}",
            self.quantity + (f" per {image.axis.units}" if image.are_densities else ""),
            variance=uncertainty.counts_variance(
                self.separated, self.arrays, image, self._background_spread
            ),
        )

    @cached_property
    def fractions(self) -> BaseSignal:
        """Each component's share of the component counts of a pixel; NaN where there are none."""
        image = self.prepared.image
        counts = self.arrays.maps * (self.arrays.spectra @ image.channel_widths)
        total = counts.sum(1, keepdims=True)
        shares = np.where(total > 0, counts / np.where(total > 0, total, 1), np.nan)
        return as_maps(image, shares, "component fractions", "Fraction")

    @property
    def quantity(self) -> str:
        """What the maps hold: counts, or single-scattering counts; intensity of other data."""
        unit = self.prepared.unit
        return unit.capitalize() if self.prepared.kernel is None else f"Single-scattering {unit}"

    @cached_property
    def spectra_uncertainty(self) -> BaseSignal:
        """Standard deviation of `spectra`, channel by channel.

        It has three parts. First, the noise of the counts. Second, components mixed up with each
        other: features of spectra coincide by chance (ICA), or the pixels that are averaged have
        noise (``assume="pure"``), as far as spectra and maps stay non-negative within the noise.
        Third, the background: its noise, and its deviations from the law that was fitted, which
        grow with the distance from the window. Errors of the second and third kind are shared by
        all channels. What an assumption that does not hold may do is not in it: see `ambiguity`.
        Infinite in channels that hold no counts, or were left out as dead or hot.
        """
        sd = np.sqrt(self._spectra_variance)
        signal = self._as_spectra(sd, "component spectra, standard deviation")
        signal.data[:, self.prepared.image.without_weight] = np.inf
        return signal

    @cached_property
    def maps_uncertainty(self) -> BaseSignal:
        """Standard deviation of `maps`, pixel by pixel; see `spectra_uncertainty`."""
        sd = np.sqrt(self._maps_variance)
        title = "component maps, standard deviation"
        return as_maps(self.prepared.image, sd, title, self.quantity)

    def _as_spectra(self, values: Floats, title: str, variance: Floats | None = None) -> BaseSignal:
        return as_spectra(
            self.prepared.image, values, title, "Intensity", variance=variance, is_binned=False
        )

    @property
    def background_variance(self) -> Floats:
        """What the background adds to the variance of the spectra, (components, channels)."""
        return uncertainty.background_variance(
            self.separated, self.arrays, self.prepared.image, self._background_spread
        )

    @cached_property
    def _spectra_variance(self) -> Floats:
        return uncertainty.spectra_variance(
            self.separated, self.arrays, self.prepared.image, self._background_spread
        )

    @cached_property
    def _maps_variance(self) -> Floats:
        return uncertainty.maps_variance(
            self.pca, self.separated, self.arrays, self._background_spread
        )

    @cached_property
    def _background_spread(self) -> BackgroundSpread | None:
        return background_spread(self.pca, self.separated, self.arrays)

    @cached_property
    def suggested_names(self) -> tuple[str, ...]:
        """What components might be called, by the edges or lines of the elements in the metadata.

        ``"Fe-L, O-K"``: of those that stand out of a spectrum by four standard deviations the two
        that tell it best from the others. Empty where there is none, and where the component is
        not reproducible: noise is no element. ``u.rename()`` takes them.
        """
        image, spectra = self.prepared.image, self.arrays.spectra
        variance = uncertainty.noise_variance(self.separated, self.arrays, image)
        names = suggest_names(image, spectra, variance)
        is_stable = self.separated.stability[self.arrays.origin] >= LEAST_STABLE
        return tuple(name if stable else "" for name, stable in zip(names, is_stable, strict=True))

    @cached_property
    def _smoothed(self) -> tuple[SmoothMap, ...]:
        noise = uncertainty.maps_noise(self.pca, self.separated, self.arrays, counts_added=0.0)
        return smooth_each(self.prepared.image, self.arrays.maps, noise)
