"""The figures of a result, as its methods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from hyperspy_unmix import plotting
from hyperspy_unmix.components.as_signals import select_components
from hyperspy_unmix.components.components import Components
from hyperspy_unmix.components.naming import called


class Plotted(Components):
    """Components that plot."""

    def plot(self) -> None:
        """Plot spectra and maps in HyperSpy's navigator, moving together over the components.

        Those that were left out by `exclude` are not shown.
        """
        titles = {}
        for i in self.shown:
            title = called(self.names[i], i)
            titles[i] = f"{title} (UNSTABLE)" if self.names[i] in self.unstable else title
        spectra, maps = self.spectra, self.maps
        if self.excluded:
            spectra, maps = (select_components(signal, self.shown) for signal in (spectra, maps))
        plotting.plot_together(spectra, maps, titles)

    def plot_fit(self) -> None:
        """Plot counts, model, components, background and residual at the navigator's pixel."""
        plotting.plot_fit(self)

    def plot_overview(
        self,
        smooth: bool = False,
        *,
        components: Sequence[int | str] | None = None,
        style: Literal["screen", "paper"] = "screen",
        width: float | Literal["single", "double"] | None = None,
    ) -> Any:
        """One figure: every component's spectrum, with its bands, beside its map; returns it.

        Parameters
        ----------
        smooth : bool
            Whether the maps are `smooth_maps`; they say over how many pixels.
        components : sequence of int or str, optional
            Numbers or names; default all that are not excluded.
        style : {"screen", "paper"}
            ``"paper"``: as wide as a column, in type of seven points, with scale bars and without
            a legend: bands are two standard deviations (blue), and what fits as well (orange).
        width : float or {"single", "double"}, optional
            For ``"paper"``, in mm: one column (88), or two (180, default).

        Raises
        ------
        ValueError
            If there is no such component, style or width.
        """
        return plotting.plot_overview(
            self, smooth=smooth, components=components, style=style, width=width
        )

    def plot_residual(self) -> Any:
        """Map of the reduced chi-square, and the mean residual against its noise; one figure."""
        return plotting.plot_residual(self)

    def plot_thickness(self) -> Any:
        """Map of the thickness and of its standard deviation; returns the figure."""
        return plotting.plot_thickness(self)

    def plot_spectra(self, components: Sequence[int | str] | None = None, **options: Any) -> Any:
        """Spectra of all or some components in one axes, which it returns.

        Parameters
        ----------
        components : sequence of int or str, optional
            Numbers or names; default all that are not excluded.
        **options
            ``ax`` to draw in, ``colors``, ``title``, ``bands=False`` without errors,
            ``stacked=True`` one above the other.

        Raises
        ------
        ValueError
            If there is no such component, or colours are too few.
        """
        return plotting.plot_spectra(self, components, **options)

    def plot_map(self, component: int | str, **options: Any) -> Any:
        """Map of one component, in the axes that it returns.

        Parameters
        ----------
        component : int or str
            Its number or name.
        **options
            ``ax`` to draw in, ``cmap``, ``vmin`` and ``vmax`` (``"99th"`` is a percentile),
            ``title``, ``scalebar=True`` for a bar instead of ticks, ``at=3`` for a slice of a
            stack.

        Raises
        ------
        ValueError
            If there is no such component or slice, or no unit for the scale bar asked for.
        """
        return plotting.plot_map(self, component, **options)

    def plot_composite(self, components: Sequence[int | str] | None = None, **options: Any) -> Any:
        """Shares of components as one picture, a colour each; returns the figure.

        Parameters
        ----------
        components : sequence of int or str, optional
            Numbers or names of two or more; default all that are not excluded.
        **options
            ``ax`` to draw in, ``colors``, ``survey`` (an image of the same pixels, such as HAADF,
            beneath), ``title``, ``scalebar=True`` for a bar instead of ticks, ``at=3`` for a slice
            of a stack.

        Raises
        ------
        ValueError
            If there is one component only, components or colours are not that, the scan is no map
            of two axes, or the survey image has other pixels.
        """
        return plotting.plot_composite(self, components, **options)

    def plot_scree(self, ax: Any = None) -> Any:
        """Scree plot in units of the noise edge; returns the matplotlib axes."""
        return plotting.plot_scree(self.pca, ax)
