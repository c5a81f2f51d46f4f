"""What `hyperspy_unmix.unmix` returns: ordinary HyperSpy signals, and the choices behind them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from . import summary
from .dual import RELATIVE
from .image import Image
from .numerics.ica import derivative, separate
from .numerics.normalise import CLEAR, Normalised, normalise
from .numerics.pca import LowRank
from .numerics.scattering import scatter
from .pca_result import PCA
from .settings import Choice, FrozenSettings, Settings
from .wrapping import as_image, as_map, as_maps, as_spectra, low_rank_image

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

COUNTS = "Counts"
SINGLE = "Single-scattering counts"


def separate_components(
    pca: PCA, spectra: LowRank, settings: Settings, random_state: int
) -> Unmixing:
    """ICA of compressed single-scattering spectra, and the choices on record."""
    image = pca.prepared.image
    sd = spectra.whitening.channel_sd
    slopes = derivative(spectra.components, image.positions, sd)
    if len(slopes) > 1 and len(slopes) >= slopes.shape[1]:
        raise ValueError(
            f"{len(slopes)} components cannot be separated: signal_mask leaves only "
            f"{slopes.shape[1]} pairs of neighbouring channels. Mask ranges rather than every "
            "other channel."
        )
    separation = separate(slopes, random_state)
    strength = np.sqrt(np.maximum(np.diag(spectra.second_moment()), 1e-300))
    arrays = normalise(
        spectra.scores,
        spectra.components,
        separation.unmixing,
        image.channel_widths,
        1 / (strength * np.sqrt(len(spectra.scores))),
        sd,
        spectra.whitening.sum_variance,
    )
    settings["ica"] = Choice(
        "Picard, tanh",
        "of the first difference of the spectra; likeliest of 5 starts"
        + ("" if separation.converged else "; did NOT converge, look at the result with care"),
    )
    settings["random_state"] = Choice(random_state, "of the starts of the ICA")
    unsure = [str(i) for i, c in enumerate(arrays.confidence) if c < CLEAR]
    if unsure:
        settings["sign"] = Choice(
            unsure, "components whose spectrum and map contradict each other about the sign"
        )
    negative = [str(i) for i, counts in enumerate(arrays.maps.sum(0)) if counts < 0]
    if negative:
        settings["negative"] = Choice(
            negative, "components that take counts away in all: a difference, not a phase"
        )
    flat = [str(i) for i, unit in enumerate(arrays.unit_integral) if not unit]
    if flat:
        settings["scale"] = Choice(
            flat, "components whose integral is not above zero: L2 norm 1 instead of integral 1"
        )
    return Unmixing(len(arrays.spectra), FrozenSettings(settings), pca, arrays)


@dataclass(frozen=True, eq=False)
class Unmixing:
    """Component spectra and maps of a spectrum image.

    Unpacks into ``(spectra, maps)``. Components are in the order of the counts they explain.

    Parameters
    ----------
    n_components : int
    settings : mapping of str to (value, reason)
        Every choice made, the automatic ones included.
    pca : PCA
        What was unmixed.
    arrays : Normalised
        The numbers behind the signals.
    """

    n_components: int
    settings: Mapping[str, Choice]
    pca: PCA = field(repr=False)
    arrays: Normalised = field(repr=False)

    def __iter__(self) -> Iterator[BaseSignal]:
        return iter((self.spectra, self.maps))

    @cached_property
    def spectra(self) -> BaseSignal:
        """(Component | energy), of integral one over the axis, in 1/unit; see ``settings``."""
        return as_spectra(
            self._image, self.arrays.spectra, "component spectra", "Intensity", is_binned=False
        )

    @cached_property
    def maps(self) -> BaseSignal:
        """(Component | x, y) in counts: ``maps x spectra x channel width`` is the contribution.

        Single-scattering counts where a low loss was used. NaN where masked.
        """
        return as_maps(self._image, self.arrays.maps, "component maps", self._quantity)

    @property
    def spectra_counts(self) -> BaseSignal:
        """Each spectrum times the sum of its map, in counts per channel."""
        total = self.arrays.maps.sum(0)[:, None] * self._image.channel_widths
        return as_spectra(
            self._image, self.arrays.spectra * total, "component spectra, counts", self._quantity
        )

    @cached_property
    def fractions(self) -> BaseSignal:
        """Each component's share of the component counts of a pixel; NaN where there are none."""
        counts = self.arrays.maps * (self.arrays.spectra @ self._image.channel_widths)
        total = counts.sum(1, keepdims=True)
        shares = np.where(total > 0, counts / np.where(total > 0, total, 1), np.nan)
        return as_maps(self._image, shares, "component fractions", "Fraction")

    @cached_property
    def thickness(self) -> BaseSignal | None:
        """Map of t/lambda (or of the thickness given, in its unit); None without a low loss."""
        given, dual = self.pca.prepared.thickness, self.pca.prepared.dual
        if given is not None:
            values, unit = given
            values = values.ravel()[self._image.blocks.pixels]
        elif dual is not None:
            values, unit = dual.t_over_lambda(self._image.blocks.shape[0]), RELATIVE
        else:
            return None
        quantity = "t/λ" if unit == RELATIVE else "thickness (nm)"
        return as_map(self._image, values, "thickness", quantity)

    def model(self, space: Literal["measured", "single_scattering"] = "measured") -> BaseSignal:
        """Sum of the components, over the scan and the analysed range.

        Parameters
        ----------
        space : {"measured", "single_scattering"}
            ``"measured"``: with plural scattering and background, comparable with the counts.
            ``"single_scattering"``: the components alone.
        """
        scores = self.arrays.maps
        components = self.arrays.spectra * self._image.channel_widths
        if space == "measured":
            kernel = self.pca.prepared.kernel
            if kernel is not None:
                scores, components = scatter(scores, components, kernel)
            background = self.pca.corrected.background
            if background is not None:
                scores = np.concatenate([scores, background.background.scores], 1)
                components = np.concatenate([components, background.background.components])
        elif space != "single_scattering":
            raise ValueError(f"space={space!r}: 'measured' or 'single_scattering' is needed.")
        data = low_rank_image(self._image, scores, components)
        return as_image(self._image, data, f"model ({space.replace('_', ' ')})")

    def residual(self) -> BaseSignal:
        """The counts as recorded minus ``model()``."""
        image = self._image
        residual = self.model()
        residual.data = image.signal.data[..., image.first : image.last] - residual.data
        residual.metadata.General.title = residual.metadata.General.title.replace(
            "model (measured)", "residual"
        )
        return residual

    def plot(self) -> None:
        """Plot spectra and maps in HyperSpy's navigator, moving together over the components."""
        from .plotting import plot_together

        plot_together(self.spectra, self.maps)

    def plot_overview(self) -> Any:
        """One figure: every component's spectrum beside its map; returns it."""
        from .plotting import plot_overview

        return plot_overview(self)

    def plot_scree(self, ax: Any = None) -> Any:
        """Scree plot in units of the noise edge; returns the matplotlib axes."""
        return self.pca.plot_scree(ax)

    @property
    def _image(self) -> Image:
        return self.pca.prepared.image

    @property
    def _quantity(self) -> str:
        return COUNTS if self.pca.prepared.dual is None else SINGLE

    def _rows(self) -> list[tuple[str, str, str]]:
        """Component, counts and share, for the summary."""
        counts = self.arrays.maps.sum(0) * (self.arrays.spectra @ self._image.channel_widths)
        share = counts / counts.sum() if counts.sum() > 0 else np.full_like(counts, np.nan)
        return [
            (str(i), f"{c:.4g}", f"{100 * s:.1f} %")
            for i, (c, s) in enumerate(zip(counts, share, strict=True))
        ]

    @property
    def title(self) -> str:
        """One line: what was unmixed into how many components."""
        s = "s" * (self.n_components != 1)
        return f"Unmixing of {summary.name(self.pca.prepared)}: {self.n_components} component{s}"

    def __repr__(self) -> str:
        table = [
            f"  component {i}: {c} {self._quantity.lower()} ({share})"
            for i, c, share in self._rows()
        ]
        return summary.text(self.title, self.settings, table)

    def _repr_html_(self) -> str:
        return summary.html(
            self.title, self.settings, (("component", self._quantity, "share"), *self._rows())
        )
