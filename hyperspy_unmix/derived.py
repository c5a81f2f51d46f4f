"""What follows from a result: quantities of the specimen, and how the model fits the counts."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Literal

from . import quantities, reconstruction
from .numerics.goodness import Goodness
from .wrapping import as_map

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

    from .unmixing import Unmixing


class Derived:
    """Properties of `Unmixing`, each computed when first asked for."""

    @cached_property
    def thickness(self: Unmixing) -> BaseSignal | None:
        """Map of t/lambda (or of the thickness given, in its unit); None without a low loss.

        Smoothed where few counts call for it (see ``settings``), NaN in vacuum and where masked;
        its variance is in ``metadata.Signal.Noise_properties``.
        """
        return quantities.thickness(self)

    def thickness_nm(
        self: Unmixing, *, density: float | None = None, mean_free_path: float | None = None
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
        return quantities.thickness_nm(self, density, mean_free_path)

    @cached_property
    def densities(self: Unmixing) -> BaseSignal:
        """Maps per zero-loss electron and thickness: ``maps / (I0 x t/lambda)``.

        I0 are the zero-loss counts times the exposure ratio of core loss and low loss; without
        that ratio the densities are relative, and labelled so. NaN in vacuum and where masked.

        Raises
        ------
        ValueError
            If there is neither a low loss nor a thickness.
        """
        return quantities.densities(self)

    @cached_property
    def energy_shift(self: Unmixing) -> BaseSignal | None:
        """Map of the energy shift found, in the units of the axis; None where none was looked for.

        Its variance is in ``metadata.Signal.Noise_properties``; ``settings`` tells whether it was
        taken out.
        """
        return quantities.energy_shift(self)

    @cached_property
    def background(self: Unmixing) -> BaseSignal | None:
        """What was subtracted before the deconvolution, in measured counts; None if nothing was."""
        return reconstruction.background(self)

    def model(
        self: Unmixing, space: Literal["measured", "single_scattering"] = "measured"
    ) -> BaseSignal:
        """Sum of the components, over the scan and the analysed range.

        Parameters
        ----------
        space : {"measured", "single_scattering"}
            ``"measured"``: with plural scattering, background and energy shift, comparable with
            the counts; NaN where a shift leaves a spectrum unknown.
            ``"single_scattering"``: the components alone.
        """
        return reconstruction.model(self, space)

    def residual(self: Unmixing) -> BaseSignal:
        """The counts as recorded minus ``model()``."""
        return reconstruction.residual(self)

    @cached_property
    def goodness(self: Unmixing) -> Goodness:
        """Numbers behind `reduced_chi_square` and `plot_residual`, of pixels and channels."""
        return reconstruction.goodness_of_fit(self)

    @cached_property
    def reduced_chi_square(self: Unmixing) -> BaseSignal:
        """Map of how well ``model()`` describes each pixel's counts: 1 is noise alone.

        The sum of the squares of the residual over the variance that the noise model gives the
        model's counts, over the channels less the numbers fitted. Takes a pass over the data.
        """
        values = self.goodness.chi_square
        return as_map(self.pca.prepared.image, values, "reduced chi-square", "Reduced chi-square")
