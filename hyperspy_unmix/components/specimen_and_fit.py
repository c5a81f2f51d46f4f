"""What components say of the specimen, and how well they describe the counts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from hyperspy_unmix.arguments.checks import check_choice
from hyperspy_unmix.numerics.certainty.left_over import LeftOver
from hyperspy_unmix.numerics.fitting.goodness import Goodness
from hyperspy_unmix.numerics.types import Floats

from . import contribution, forward_model, quantities
from .as_signals import as_image, as_map
from .naming import called, find_places
from .residual import ResidualFinding, find_residual, left_in_residual
from .spectra_and_maps import SpectraAndMaps

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal


class SpecimenAndFit(SpectraAndMaps):
    """Thickness of the specimen, how much of each phase is in it, and the model of the counts."""

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
            Density of the specimen in g/cm3; the metadata must hold beam energy and angles.
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

    @cached_property
    def background(self) -> BaseSignal | None:
        """What was subtracted before the deconvolution, in measured counts; None if nothing was."""
        return forward_model.background(self.pca)

    def model(
        self,
        space: Literal["measured", "single_scattering"] = "measured",
        *,
        components: int | str | Sequence[int | str] | None = None,
    ) -> BaseSignal:
        """Sum of the components that are not excluded, over the scan and the analysed range.

        Parameters
        ----------
        space : {"measured", "single_scattering"}
            ``"measured"``: with plural scattering, background and energy shift, comparable with
            the counts; NaN where a shift leaves a spectrum unknown.
            ``"single_scattering"``: the components alone.
        components : int, str or sequence of these, optional
            Numbers or names: the contribution of these alone, as each pixel records it, and no
            background. Default: all components, and what else is in the counts.

        Raises
        ------
        TypeError, ValueError
            If ``space`` or ``components`` are not that.
        """
        check_choice("space", space, ("measured", "single_scattering"))
        image, title = self.prepared.image, f"model ({space.replace('_', ' ')})"
        if components is None:
            return as_image(image, forward_model.model(self.pca, self.included, space), title)
        places = find_places(components, self.names)
        data = contribution.contribution(self.pca, self.arrays, places, space)
        return as_image(image, data, f"{title} of {self._called(places)}")

    def subtract(self, components: int | str | Sequence[int | str]) -> BaseSignal:
        """The counts as recorded less what these components add to them: a substrate, a film.

        What is left, background and noise included, stays as it is. The noise is that of all the
        counts, also of those that are gone: what is left is no longer Poisson, and its variance is
        in ``metadata.Signal.Noise_properties``, where HyperSpy's models and ``unmix`` look for it
        (unless neighbouring channels are correlated: ``unmix`` then measures the noise anew).

        Parameters
        ----------
        components : int, str or sequence of these
            Numbers or names.

        Returns
        -------
        BaseSignal
            Over the scan and the analysed range, of the class of the signal that was unmixed, as
            lazy as it. NaN where a mask or a shift leaves the components unknown.

        Raises
        ------
        TypeError, ValueError
            If there are no such components.
        """
        places = find_places(components, self.names)
        return contribution.without(self.pca, self.arrays, places, self._called(places))

    def _called(self, places: list[int]) -> str:
        return ", ".join(called(self.names[i], i) for i in places)

    def residual(self) -> BaseSignal:
        """The counts as recorded minus ``model()``; NaN in channels that are dead or hot."""
        return as_image(
            self.prepared.image, forward_model.residual(self.pca, self.included), "residual"
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

    @cached_property
    def _sampled_chi_square(self) -> Floats | None:
        return forward_model.sampled_chi_square(self.pca, self.arrays)
