"""Component spectra and maps as ordinary HyperSpy signals, and the choices behind them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from hyperspy_unmix.analysis.compressed import Compressed
from hyperspy_unmix.analysis.separated import Separated
from hyperspy_unmix.analysis.separation_findings import concentrations, detector_steps, flags
from hyperspy_unmix.arguments import code_to_repeat as calls
from hyperspy_unmix.arguments.checks import check_choice
from hyperspy_unmix.numerics.certainty.background_spread import BackgroundSpread
from hyperspy_unmix.numerics.certainty.left_over import LeftOver
from hyperspy_unmix.numerics.fitting.goodness import Goodness
from hyperspy_unmix.numerics.fitting.smooth_map import SmoothMap
from hyperspy_unmix.numerics.separation.pure_pixels import PurePixels
from hyperspy_unmix.numerics.separation.sign_and_scale import Normalised
from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.preparation.prepare import Prepared
from hyperspy_unmix.settings import Choice, Finding, FrozenSettings, choices_of

from . import forward_model, quantities, summary_text, uncertainty
from .ambiguity import SpectralAmbiguity
from .as_signals import as_image, as_map, as_maps, as_spectra
from .background_error import background_spread, find_extrapolation
from .disagreement import disagreement
from .naming import check_names, check_order, find_place, reorder_choices, reorder_names
from .residual import ResidualFinding, find_residual, left_in_residual
from .smooth_maps import SmoothMapsFinding, as_smooth_maps, find_smoothing, smooth_each

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal


@dataclass(frozen=True, eq=False)
class Components:
    """Component spectra and maps of a spectrum image.

    Unpacks into ``(spectra, maps)``. Components are in the order of the counts they explain.

    Parameters
    ----------
    names : tuple of str
        Of the components; their numbers unless `rename` was called.
    choices : mapping of str to (value, reason)
        Every choice made, the automatic ones included; ``settings`` adds what is to be known of
        single components.
    pca : PCA
        What was unmixed.
    arrays : Normalised
        The numbers behind the signals.
    separated : Separated
        How the components were found, which tells how sure they are.
    calls : tuple of str
        What was called to get it, see ``code``.
    """

    names: tuple[str, ...]
    choices: Mapping[str, Choice] = field(repr=False)
    pca: Compressed = field(repr=False)
    arrays: Normalised = field(repr=False)
    separated: Separated = field(repr=False)
    calls: tuple[str, ...] = field(default=(), repr=False)

    # ------------------------------------------------------------------ what was found, and how

    @property
    def n_components(self) -> int:
        """Number of components."""
        return len(self.names)

    @property
    def prepared(self) -> Prepared:
        """What was decided before the PCA."""
        return self.pca.prepared

    @property
    def are_spectra_given(self) -> bool:
        """Whether the spectra are those of another result; then the maps came with their noise."""
        return self.arrays.map_noise is not None

    @cached_property
    def settings(self) -> Mapping[str, Choice]:
        """Every choice made, and what is to be known of single components."""
        image = self.prepared.image
        pixels = np.flatnonzero(image.blocks.pixels)
        in_one_place = concentrations(
            self.arrays.maps, self.names, pixels, image.navigation_shape, self.prepared.unit
        )
        is_pure = isinstance(self.separated.found_by, PurePixels)
        flagged = flags(self.arrays, self.names, self.prepared.unit, is_pure=is_pure)
        spectra = self.arrays.spectra * image.widths_in_values
        steps = detector_steps(spectra, self.names, image)
        last = choices_of(self.own_findings)
        return FrozenSettings({**self.choices, **flagged, **in_one_place, **steps, **last})

    @property
    def own_findings(self) -> tuple[Finding, ...]:
        """What ``settings`` say of what the components leave, and of the background in them."""
        of_background = find_extrapolation(self.pca, self.names, self._background_spread)
        return (self.residual_finding, *(() if of_background is None else (of_background,)))

    @property
    def code(self) -> str:
        """What to type for the same result: ``s`` is the signal, others are named by option."""
        return calls.code(self.calls)

    def __iter__(self) -> Iterator[BaseSignal]:
        return iter((self.spectra, self.maps))

    # ------------------------------------------------------------------ names, order, signs

    def rename(self, names: Sequence[str]) -> Self:
        """The same result with other names for its components.

        Parameters
        ----------
        names : sequence of str
            One for each component, all different.

        Raises
        ------
        TypeError, ValueError
            If they are not that.
        """
        names = check_names(names, self.n_components)
        return self._changed("rename", list(names), names=names)

    def reorder(self, order: Sequence[int | str]) -> Self:
        """The same result with its components in another order.

        Parameters
        ----------
        order : sequence of int or str
            Numbers or names of all components, each once, in the order they shall have.

        Raises
        ------
        TypeError, ValueError
            If a component is missing or there twice.
        """
        places = check_order(order, self.names)
        return self._changed(
            "reorder",
            list(order),
            names=reorder_names(self.names, places),
            choices=FrozenSettings(reorder_choices(self.choices, places)),
            arrays=self.arrays.select_components(places),
        )

    def reverse(self, component: int | str) -> Self:
        """The same result with the signs of one component's spectrum and map turned.

        Parameters
        ----------
        component : int or str
            Its number or name.

        Raises
        ------
        ValueError
            If there is no such component.
        """
        arrays = self.arrays.reversed(find_place(component, self.names))
        return self._changed("reverse", component, arrays=arrays)

    def _changed(self, method: str, argument: Any, **fields: Any) -> Self:
        """The same result but for these fields, and the call that changed them."""
        former_calls = self.calls
        # A second renaming takes the place of the first.
        if method == "rename" and former_calls and former_calls[-1].startswith("rename("):
            former_calls = former_calls[:-1]
        return replace(self, calls=(*former_calls, f"{method}({argument!r})"), **fields)

    # ------------------------------------------------------------------ spectra and maps

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
        stays, be it a single pixel. How far is what has the least estimated risk (Stein), and is
        said in the title, in ``metadata.Signal.smoothed_over_pixels`` (in the mean of each map) and
        in `smoothing`. ``metadata.Signal.expected_rms_error`` is that of all pixels of a map;
        errors pixel by pixel are not known: neighbours share them, and fine detail may be lost
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

        Of data that are not binned, on a non-uniform axis, in counts per unit of energy.
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

    def _as_spectra(self, values: Floats, title: str, variance: Floats | None = None) -> BaseSignal:
        return as_spectra(
            self.prepared.image, values, title, "Intensity", variance=variance, is_binned=False
        )

    # ------------------------------------------------------------------ how sure they are

    @cached_property
    def spectra_uncertainty(self) -> BaseSignal:
        """Standard deviation of `spectra`, channel by channel.

        Of the noise of the counts, and of components mixed up with each other: by the chance with
        which the features of spectra coincide (ICA) or the noise of the pixels that are averaged
        (``assume="pure"``), as far as spectra and maps stay non-negative within the noise. And of
        the background: its noise, and that it follows its law only about, which grows with the
        distance from the window. Errors of the second and third kind are those of all channels
        together. What an assumption that does not
        hold may do is not in it: see `ambiguity`. Infinite in channels that hold no counts, or were
        left out as dead or hot.
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

    @property
    def stability(self) -> Floats:
        """Stability index of each component, from 0 to 1, shape (components,).

        How alike the component comes back from other noise, other starts of the ICA and another
        mixing by chance (or other pixels, where these decide). Below 0.5 it is flagged.
        """
        return self.separated.stability[self.arrays.origin]

    @cached_property
    def ambiguity(self) -> SpectralAmbiguity:
        """How far each spectrum may hold more or less of the others, and bands of the spectra.

        Other spectra and maps describe the counts just as well. This is how far they can be from
        those shown before they become more negative than noise allows: the rotational ambiguity of
        the chemometric literature.
        """
        return uncertainty.spectral_ambiguity(
            self.separated, self.arrays, self.prepared.image, self.names
        )

    @property
    def findings(self) -> Mapping[str, Choice]:
        """What a reader of the summary should know about how sure the components are."""
        of_fit = uncertainty.goodness_choices(self._sampled_chi_square)
        films = uncertainty.may_lie_under(self.separated, self.arrays)
        of_certainty = uncertainty.choices(self.unstable, self.ambiguity, films)
        other = disagreement(self.separated, self.arrays, self.names)
        of_other = {} if other is None else other.choices()
        # Where counts are few, maps of single pixels show little.
        of_maps = {} if self.pca.summed is None else self.smoothing.choices()
        return FrozenSettings(of_certainty | of_other | of_fit | of_maps)

    @property
    def unstable(self) -> list[str]:
        """Names of the components whose stability is below what is called stable."""
        return uncertainty.unstable(self.stability, self.names)

    @cached_property
    def _spectra_variance(self) -> Floats:
        return uncertainty.spectra_variance(
            self.separated, self.arrays, self.prepared.image, self._background_spread
        )

    @cached_property
    def _sampled_chi_square(self) -> Floats | None:
        return forward_model.sampled_chi_square(self.pca, self.arrays)

    @cached_property
    def _smoothed(self) -> tuple[SmoothMap, ...]:
        noise = uncertainty.unbiased_maps_noise(self.pca, self.arrays)
        return smooth_each(self.prepared.image, self.arrays.maps, noise)

    @cached_property
    def _maps_variance(self) -> Floats:
        return uncertainty.maps_variance(
            self.pca, self.separated, self.arrays, self._background_spread
        )

    @cached_property
    def _background_spread(self) -> BackgroundSpread | None:
        return background_spread(self.pca, self.separated, self.arrays)

    # ------------------------------------------------------------------ the specimen

    @cached_property
    def thickness(self) -> BaseSignal | None:
        """Map of t/lambda (or of the thickness given, in its unit); None without a low loss.

        Smoothed where few counts call for it (see ``settings``), NaN in vacuum and where masked;
        its variance is in ``metadata.Signal.Noise_properties``: counting noise, and what is none,
        such as surface losses, see ``settings["t/lambda error"]``.
        """
        return quantities.thickness(self.prepared)

    def thickness_nm(
        self, *, density: float | None = None, mean_free_path: float | None = None
    ) -> BaseSignal:
        """Map of the thickness in nm, by exspy's ``estimate_thickness``.

        Parameters
        ----------
        density : float, optional
            Of the specimen in g/cm3; the metadata must hold beam energy and angles.
        mean_free_path : float, optional
            In nm.

        Raises
        ------
        ValueError
            If there is no t/lambda, or neither is given.
        """
        return quantities.thickness_nm(self.prepared, density, mean_free_path)

    @cached_property
    def areal_densities(self) -> BaseSignal:
        """Maps per zero-loss electron, ``maps / I0``: how much of each phase the beam passes.

        Where a foil is thick the maps themselves fall, as the electrons that are scattered once
        and no more do: by ``exp(-t/lambda)``, as I0. NaN where there are no zero-loss counts and
        where masked. Their variance is in ``metadata.Signal.Noise_properties``.

        Raises
        ------
        ValueError
            If there is no low loss with an unclipped zero-loss peak.
        """
        return quantities.areal_densities(self.prepared, self.arrays.maps, self._maps_variance)

    @cached_property
    def densities(self) -> BaseSignal:
        """Maps per zero-loss electron and thickness: ``maps / (I0 x t/lambda)``.

        I0 are the zero-loss counts times the exposure ratio of core loss and low loss; without
        that ratio the densities are relative, and labelled so. NaN in vacuum and where masked.
        Their variance, in ``metadata.Signal.Noise_properties``, holds that of ``thickness``.

        Raises
        ------
        ValueError
            If there is neither a low loss nor a thickness.
        """
        return quantities.densities(self.prepared, self.arrays.maps, self._maps_variance)

    @cached_property
    def energy_shift(self) -> BaseSignal | None:
        """Map of the energy shift found, in the units of the axis; None where none was looked for.

        Its variance is in ``metadata.Signal.Noise_properties``; ``settings`` tells whether it was
        taken out.
        """
        return quantities.energy_shift(self.prepared)

    # ------------------------------------------------------------------ the fit

    @cached_property
    def background(self) -> BaseSignal | None:
        """What was subtracted before the deconvolution, in measured counts; None if nothing was."""
        return forward_model.background(self.pca)

    def model(self, space: Literal["measured", "single_scattering"] = "measured") -> BaseSignal:
        """Sum of the components, over the scan and the analysed range.

        Parameters
        ----------
        space : {"measured", "single_scattering"}
            ``"measured"``: with plural scattering, background and energy shift, comparable with
            the counts; NaN where a shift leaves a spectrum unknown.
            ``"single_scattering"``: the components alone.
        """
        check_choice("space", space, ("measured", "single_scattering"))
        image, title = self.prepared.image, f"model ({space.replace('_', ' ')})"
        return as_image(image, forward_model.model(self.pca, self.arrays, space), title)

    def residual(self) -> BaseSignal:
        """The counts as recorded minus ``model()``; NaN in channels that are dead or hot."""
        return as_image(
            self.prepared.image, forward_model.residual(self.pca, self.arrays), "residual"
        )

    @cached_property
    def goodness(self) -> Goodness:
        """Numbers behind `reduced_chi_square` and `plot_residual`, of pixels and channels."""
        return forward_model.goodness_of_fit(self.pca, self.arrays)

    @cached_property
    def left_over(self) -> LeftOver:
        """Strongest spectrum in the residual, its map and its strength; no pass over the data."""
        return left_in_residual(self.pca, self.arrays)

    @property
    def residual_finding(self) -> ResidualFinding:
        """What ``settings`` say of `left_over`."""
        return find_residual(self.pca, self.n_components, self.left_over)

    @cached_property
    def reduced_chi_square(self) -> BaseSignal:
        """Map of how well ``model()`` describes each pixel's counts: 1 is noise alone.

        The sum of the squares of the residual over the variance that the noise model gives the
        model's counts, over the channels less the numbers fitted. Takes a pass over the data.
        """
        values = self.goodness.chi_square
        return as_map(self.prepared.image, values, "reduced chi-square", "Reduced chi-square")

    # ------------------------------------------------------------------ what is printed

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Component, counts, share and stability of each component, as they are printed.

        Shares are of the counts that components add; one below zero says what it is.
        """
        widths = self.prepared.image.channel_widths
        counts = self.arrays.maps.sum(0) * (self.arrays.spectra @ widths)
        return summary_text.rows(self.names, counts, self.stability)

    @property
    def title(self) -> str:
        """One line: what was unmixed into how many components."""
        s = "s" * (self.n_components != 1)
        return f"Unmixing of {summary_text.name(self.prepared)}: {self.n_components} component{s}"

    def __repr__(self) -> str:
        of_unit, is_number = self.quantity.lower(), self.prepared.unit == "counts"
        table = [
            f"  component {i}: {f'{c} {of_unit}' if is_number else f'{of_unit} {c}'} "
            f"({share}), stability {index}"
            for i, c, share, index in self.rows()
        ]
        return summary_text.text(self.title, {**self.findings, **self.settings}, table)

    def _repr_html_(self) -> str:
        head = ("component", self.quantity, "share", "stability")
        return summary_text.html(
            self.title, {**self.findings, **self.settings}, (head, *self.rows())
        )
