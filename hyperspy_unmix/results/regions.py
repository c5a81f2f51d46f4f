"""Regions of what was unmixed: by their noise, or picked in two maps."""

from __future__ import annotations

from typing import Any, Literal

from hyperspy_unmix import plotting
from hyperspy_unmix.components.components import Components
from hyperspy_unmix.components.regions import Region, region_between

from .phases import Phases, phases_of_components


class WithRegions(Components):
    """Components, and the regions of the specimen that hold them."""

    def phases(self, *, false_alarm: float = 0.01, random_state: int = 0) -> Phases:
        """Homogeneous regions: label map, mean spectra and areas of pixels that differ by noise.

        Parameters
        ----------
        false_alarm, random_state
            As in `hyperspy_unmix.phases`.

        Returns
        -------
        Phases
            Named after the components that they are made of, where these have names.

        Raises
        ------
        TypeError, ValueError
            If an argument does not fit.
        """
        return phases_of_components(self, false_alarm, random_state)

    def plot_scatter(self, first: int | str = 0, second: int | str = 1, **options: Any) -> Any:
        """Maps of two components against each other, in the axes that it returns.

        The corners of the triangle are pixels that are all of one component.

        Parameters
        ----------
        first, second : int or str
            Numbers or names of the components.
        **options
            ``of="fractions"`` instead of counts, ``ax`` to draw in, ``cmap``, ``title``;
            ``select=True`` picks pixels with a lasso (``"rectangle"`` with one) and returns what
            holds their ``region``, see `region_between`.

        Raises
        ------
        ValueError
            If there is no such component, or both are the same.
        """
        return plotting.plot_scatter(self, first, second, **options)

    def region_between(
        self,
        first: int | str,
        second: int | str,
        limits: Any,
        *,
        of: Literal["maps", "fractions"] = "maps",
    ) -> Region:
        """Pixels whose maps of two components lie in a rectangle or polygon of `plot_scatter`.

        Parameters
        ----------
        first, second : int or str
            Numbers or names of the components.
        limits : (left, right, bottom, top) or sequence of (x, y)
            In counts, or shares: ``of="fractions"``.
        of : {"maps", "fractions"}

        Returns
        -------
        Region
            ``.mask`` and ``.spectrum``, either of which ``known`` takes.

        Raises
        ------
        TypeError, ValueError
            If there is no such component, or the limits are neither.
        """
        return region_between(self, first, second, limits, of)
