"""What `hyperspy_unmix.unmix` returns: ordinary HyperSpy signals, and the choices behind them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from . import summary
from .dual import RELATIVE
from .image import Image
from .numerics.normalise import Normalised
from .numerics.scattering import scatter
from .pca_result import PCA
from .separation import flags
from .settings import Choice, FrozenSettings
from .wrapping import as_image, as_map, as_maps, as_spectra, low_rank_image

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

COUNTS = "Counts"
SINGLE = "Single-scattering counts"
BY_COMPONENT = ("refine", "pure pixels")  # settings that hold a value for each component


def unmixed(pca: PCA, arrays: Normalised, choices: Mapping[str, Choice]) -> Unmixing:
    """A new result, its components known by their numbers."""
    return Unmixing(_numbers(len(arrays.spectra)), FrozenSettings(choices), pca, arrays)


def _moved(values: list[Any], places: list[int]) -> list[Any]:
    """Values of the components in their new places; those beyond the counts have none."""
    return [values[i] if i < len(values) else None for i in places]


def _numbers(n: int) -> tuple[str, ...]:
    return tuple(str(i) for i in range(n))


@dataclass(frozen=True, eq=False)
class Unmixing:
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
    """

    names: tuple[str, ...]
    choices: Mapping[str, Choice] = field(repr=False)
    pca: PCA = field(repr=False)
    arrays: Normalised = field(repr=False)

    @property
    def n_components(self) -> int:
        """Number of components."""
        return len(self.names)

    @cached_property
    def settings(self) -> Mapping[str, Choice]:
        """Every choice made, and what is to be known of single components."""
        return FrozenSettings({**self.choices, **flags(self.arrays, self.names)})

    def rename(self, names: Sequence[str]) -> Unmixing:
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
        listed = isinstance(names, Iterable) and not isinstance(names, str)
        given = tuple(names) if listed else (names,)
        if not listed or not all(isinstance(name, str) for name in given):
            raise TypeError(f"names={names!r}: a list of words is needed, one for each component.")
        if len(given) != self.n_components or len(set(given)) != len(given):
            raise ValueError(
                f"names={names!r}: {self.n_components} different names are needed, one for each "
                "component."
            )
        return replace(self, names=given)

    def reorder(self, order: Sequence[int | str]) -> Unmixing:
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
        if not isinstance(order, Iterable):
            raise TypeError(f"order={order!r}: a list of all components is needed.")
        places = [self._place(component) for component in order]
        if sorted(places) != list(range(self.n_components)):
            raise ValueError(
                f"order={list(order)!r}: all of the {self.n_components} components are needed, "
                "each once."
            )
        # components that go by their number are numbered anew
        numbered = self.names == _numbers(self.n_components)
        names = self.names if numbered else tuple(self.names[i] for i in places)
        choices = dict(self.choices)
        for key in BY_COMPONENT:
            if key in choices and isinstance(choices[key].value, list):
                choices[key] = choices[key]._replace(value=_moved(choices[key].value, places))
        arrays = self.arrays.taken(places)
        return replace(self, names=names, choices=FrozenSettings(choices), arrays=arrays)

    def reverse(self, component: int | str) -> Unmixing:
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
        return replace(self, arrays=self.arrays.reversed(self._place(component)))

    def _place(self, component: int | str) -> int:
        if isinstance(component, str) and component in self.names:
            return self.names.index(component)
        whole = isinstance(component, (int, np.integer)) and not isinstance(component, bool)
        if whole and -self.n_components <= component < self.n_components:
            return int(component) % self.n_components
        raise ValueError(f"there is no component {component!r}, only {', '.join(self.names)}")

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
            (name, f"{c:.4g}", f"{100 * s:.1f} %" if np.isfinite(s) else "-")
            for name, c, s in zip(self.names, counts, share, strict=True)
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
