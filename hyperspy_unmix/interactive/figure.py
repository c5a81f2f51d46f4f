"""What the interactive tool shows: mean spectrum and window, scree, spectra and maps."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_unmix.components.forward_model import added
from hyperspy_unmix.plotting import colours
from hyperspy_unmix.plotting.edges_and_lines import mark_features
from hyperspy_unmix.plotting.figures import is_live
from hyperspy_unmix.plotting.maps_and_labels import edges, is_strip, label, name_of, per_unit
from hyperspy_unmix.preparation.spectrum_image import to_pixels

if TYPE_CHECKING:
    from hyperspy_unmix.numerics.types import Floats, Mask

    from .open_choices import OpenChoices

MOST_MAPS = 6  # components whose maps are shown
LEAST_SCREE_VALUES = 20  # shown, as far as there are so many
MARGIN = 0.08  # of the range of the spectra, above and below
MOST_OVER_PHASES = 1.5  # times the highest phase, that a spectrum of noise may reach unscaled
REGION_COLOUR = "C3"
DRAGGED = 4  # pixels of the screen, from which a click is a drag
SIZE, DPI = (10.0, 7.2), 80  # inches, dots per inch


def is_region(region: Any) -> bool:
    """Whether this is a rectangle of pixels (left, top, right, bottom)."""
    return isinstance(region, tuple) and len(region) == 4


class UnmixFigure:
    """Follows a tool; where it is ``live``, the mouse chooses window and number.

    Parameters
    ----------
    tool : UnmixTool
    """

    def __init__(self, tool: OpenChoices) -> None:
        self.tool, self.live = tool, is_live()
        self.figure = self._new_figure()
        grid = self.figure.add_gridspec(
            3, MOST_MAPS, left=0.09, right=0.98, top=0.94, bottom=0.05, hspace=0.5, wspace=0.45
        )
        top = grid[0, :].subgridspec(1, 2, width_ratios=[1.8, 1], wspace=0.22)
        self.mean, self.scree = (self.figure.add_subplot(place) for place in top)
        self.spectra = self.figure.add_subplot(grid[1, :])
        self.maps = [self.figure.add_subplot(grid[2, i]) for i in range(MOST_MAPS)]
        self._map_artists = [self._empty_map(ax, i) for i, ax in enumerate(self.maps)]
        self._changing: list[Any] = []
        self._draw_what_stays()
        self.update()
        tool.observe(self.update, "result, component, region, view")
        if self.live:
            self._follow_the_mouse()

    def update(self, event: Any = None) -> None:
        """Draw the tool's result."""
        for artist in self._changing:
            artist.remove()
        self._changing = [*self._window(), *self._number(), *self._show_spectra()]
        for i, ax in enumerate(self.maps):
            self._show_map(ax, i)
            if self._are_images and ax.get_visible():
                self._changing += self._regions(ax)
        if self.live:
            self.figure.canvas.draw_idle()

    def png(self) -> bytes:
        """The picture as a file."""
        buffer = BytesIO()
        self.figure.savefig(buffer, format="png", dpi=DPI)
        return buffer.getvalue()

    def _new_figure(self) -> Any:
        if self.live:
            import matplotlib.pyplot as plt

            return plt.figure(figsize=SIZE)
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=SIZE)
        FigureCanvasAgg(figure)
        return figure

    def _draw_what_stays(self) -> None:
        pca = self.tool.whole
        image = pca.prepared.image
        order = np.argsort(image.energies)
        self.mean.plot(image.energies[order], image.summary.mean[order], lw=0.8, color="k")
        self.mean.set(
            xlabel=label(image.axis, "Signal axis"), ylabel=pca.prepared.unit.capitalize()
        )
        self.mean.set_title("mean spectrum, background window", fontsize="medium")
        values = pca.scree_values[: max(LEAST_SCREE_VALUES, self.tool.most + 1)]
        self.scree.semilogy(np.arange(1, len(values) + 1), values, "o", ms=4)
        self.scree.axhline(1, color="k", lw=0.8, ls="--")
        self.scree.set(xlabel="Component", ylabel="Over noise edge")
        self.scree.set_title("scree, components taken", fontsize="medium")

    def _window(self) -> list[Any]:
        """The window and the background of the mean spectrum."""
        result = self.tool.result
        prepared = result.prepared
        if not prepared.window.found:
            return []
        scores, components = added(result.pca)
        energies = prepared.image.energies
        spans = [
            self.mean.axvspan(*energies[[a, b - 1]], color="C1", alpha=0.25, lw=0)
            for a, b in ((prepared.window.start, prepared.window.stop), *prepared.window.others)
        ]
        background = scores.mean(0) @ components
        return [*spans, *self.mean.plot(energies, background, lw=1, color="C1")]

    def _number(self) -> list[Any]:
        """A line behind the components taken."""
        n_components = self.tool.result.n_components
        return [self.scree.axvline(n_components + 0.5, color="C3", lw=1.5)]

    def _show_spectra(self) -> list[Any]:
        """All spectra, the selected one on top of the others; those that are noise are scaled."""
        result, ax = self.tool.result, self.spectra
        image, drawn = result.prepared.image, []
        energies, arrays = image.energies, result.arrays
        # What has no integral, or is unstable, is mostly noise, on a scale of its own.
        is_stable = [name not in result.unstable for name in result.names]
        phases = arrays.spectra[arrays.unit_integral & is_stable]
        phases = phases if len(phases) else arrays.spectra
        shown = self._in_view(energies)
        phases = phases[:, shown]
        low, high = float(phases.min()), float(phases.max())
        for i, spectrum in enumerate(arrays.spectra):
            is_selected, name, alpha = i == self.tool.component, name_of(result, i), 1.0
            if np.abs(spectrum[shown]).max() > MOST_OVER_PHASES * max(abs(low), abs(high)):
                spectrum = spectrum * (high - low) / np.ptp(spectrum[shown])
                name, alpha = f"{name}, scaled", 0.4
            drawn += ax.plot(
                energies,
                spectrum,
                color=f"C{i % 10}",
                lw=1.8 if is_selected else 0.9,
                zorder=3 if is_selected else 2,
                alpha=alpha,
                label=name,
            )
        ax.set(xlabel=label(image.axis, "Signal axis"), ylabel=per_unit(image.axis))
        ax.set_xlim(*self.tool.view)
        ax.set_ylim(low - MARGIN * (high - low), high + MARGIN * (high - low))
        # Above the spectra it covers none of them.
        legend = ax.legend(
            handles=drawn,
            fontsize="small",
            ncols=MOST_MAPS,
            loc="lower right",
            bbox_to_anchor=(1, 1),
            borderaxespad=0.3,
            frameon=False,
        )
        n_lines, n_texts = len(ax.lines), len(ax.texts)
        mark_features(ax, image.frame, "inside")
        return [*drawn, legend, *ax.lines[n_lines:], *ax.texts[n_texts:]]

    def _in_view(self, energies: Floats) -> Mask:
        """Channels between the energies that are shown; all, where there are less than two."""
        low, high = sorted(self.tool.view)
        shown = (energies >= low) & (energies <= high)
        return shown if shown.sum() > 1 else np.ones(len(energies), bool)

    def _empty_map(self, ax: Any, i: int) -> Any:
        """Where map ``i`` will be; to change it is quicker than to draw it anew."""
        image = self.tool.whole.prepared.image
        axes = image.frame.axes_manager.navigation_axes
        ax.tick_params(labelsize="x-small")
        if len(axes) == 1:
            return ax.plot(axes[0].axis, np.zeros(axes[0].size), lw=0.8, color=f"C{i % 10}")[0]
        (left, *_, right), (top, *_, bottom) = (edges(axis) for axis in axes[:2])
        strip = is_strip(*axes[:2])
        ax.locator_params(nbins=3)
        return ax.imshow(
            np.zeros((2, 2)),
            cmap=colours.MAP,
            extent=(left, right, bottom, top),
            aspect="auto" if strip else "equal",
            interpolation="nearest",
        )

    @property
    def _are_images(self) -> bool:
        """Whether maps are pictures, in which a region can be drawn."""
        image = self.tool.whole.prepared.image
        return len(image.frame.axes_manager.navigation_axes) == 2

    def _regions(self, ax: Any) -> list[Any]:
        """Rectangles that are called pure, and the one that was drawn."""
        from matplotlib.patches import Rectangle

        known = self.tool.known
        drawn = [(region, "-", name) for name, region in known.items() if is_region(region)]
        if is_region(self.tool.region) and self.tool.region not in known.values():
            drawn.append((self.tool.region, "--", ""))
        artists: list[Any] = []
        for (left, top, right, bottom), line, name in drawn:
            (x0, x1), (y0, y1) = self._across(0, left, right), self._across(1, top, bottom)
            box = Rectangle(
                (x0, y0), x1 - x0, y1 - y0, fill=False, ec=REGION_COLOUR, ls=line, lw=1.5
            )
            artists.append(ax.add_patch(box))
            if name:
                place = ax.annotate(
                    name, (x0, y0), color=REGION_COLOUR, fontsize="x-small", va="top"
                )
                artists.append(place)
        return artists

    def _across(self, axis: int, first: int, last: int) -> tuple[float, float]:
        """Ends of the pixels from ``first`` up to ``last`` in the units of a scan axis."""
        axes = self.tool.whole.prepared.image.frame.axes_manager.navigation_axes
        all_edges = edges(axes[axis])
        low, high = all_edges[0], all_edges[-1]
        step = (high - low) / axes[axis].size
        return float(low + first * step), float(low + last * step)

    def _draw_region(self, press: Any, release: Any) -> None:
        """Take the pixels whose centres are in what was dragged over a map."""
        axes = self.tool.whole.prepared.image.frame.axes_manager.navigation_axes
        ends = []
        for i, pair in enumerate(((press.xdata, release.xdata), (press.ydata, release.ydata))):
            low, step = self._across(i, 0, 1)[0], np.subtract(*self._across(i, 0, 1)[::-1])
            first, last = sorted((v - low) / step for v in pair)
            ends.append(
                (max(round(first), 0), min(max(round(last), round(first) + 1), axes[i].size))
            )
        (left, right), (top, bottom) = ends
        if left < right and top < bottom:
            self.tool.region = (left, top, right, bottom)

    def _show_map(self, ax: Any, i: int) -> None:
        result = self.tool.result
        ax.set_visible(i < result.n_components)
        if i >= result.n_components:
            return
        # The signal `result.maps` would compute the errors as well.
        values = to_pixels(result.prepared.image, result.arrays.maps[:, i])
        if values.ndim == 1:
            self._map_artists[i].set_ydata(values)
            ax.relim()
            ax.autoscale_view()
        else:
            # Of further scan axes the sum is shown.
            values = np.nansum(values, tuple(range(values.ndim - 2))) if values.ndim > 2 else values
            self._map_artists[i].set_data(values)
            self._map_artists[i].set_clim(np.nanmin(values), np.nanmax(values))
        n_more = result.n_components - MOST_MAPS
        name = name_of(result, i, 16)
        if result.names[i] in result.unstable:
            name += "\nUNSTABLE"
        if i == MOST_MAPS - 1 and n_more > 0:
            name += f" (+{n_more} more)"
        ax.set_title(name, fontsize="small", color=f"C{i % 10}")
        is_selected = i == self.tool.component
        for spine in ax.spines.values():
            spine.set(linewidth=2.5 if is_selected else 0.8, color="C3" if is_selected else "k")

    def _follow_the_mouse(self) -> None:
        from matplotlib.widgets import RectangleSelector, SpanSelector

        self._selector = SpanSelector(
            self.mean, self.tool.set_background, "horizontal", props={"alpha": 0.2}
        )
        self._on_maps = [
            RectangleSelector(
                ax, self._draw_region, minspanx=DRAGGED, minspany=DRAGGED, spancoords="pixels"
            )
            for ax in self.maps
            if self._are_images
        ]
        self.figure.canvas.mpl_connect("button_press_event", self._on_click)

    def _on_click(self, event: Any) -> None:
        if event.inaxes is self.scree and event.xdata is not None:
            self.tool.n_components = int(np.clip(round(event.xdata), 1, self.tool.most))
        elif event.inaxes in self.maps:
            self.tool.component = self.maps.index(event.inaxes)
