"""What `Unmixing.phases` and `hyperspy_unmix.phases` return: regions that plot and are written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_unmix import plotting
from hyperspy_unmix.analysis.compressed import Compressed
from hyperspy_unmix.analysis.phases import find_phases
from hyperspy_unmix.arguments.checks import check_false_alarm, check_random_state
from hyperspy_unmix.components.components import Components
from hyperspy_unmix.components.naming import numbers
from hyperspy_unmix.components.phases import PhaseRegions, suggested_names
from hyperspy_unmix.settings import warn_of

if TYPE_CHECKING:
    from hyperspy_unmix.numerics.types import Floats


@dataclass(frozen=True, eq=False, repr=False)
class Phases(PhaseRegions):  # noqa: D101
    __doc__ = PhaseRegions.__doc__

    def plot(self, **options: Any) -> Any:
        """Label map with a legend of names and areas, mixed pixels grey; returns the figure.

        Parameters
        ----------
        **options
            ``ax`` to draw in, ``colors`` for the phases, ``title``, ``scalebar=True`` for a bar
            instead of ticks.

        Raises
        ------
        ValueError
            If colours are too few, or no unit for the scale bar asked for.
        """
        return plotting.plot_phases(self, **options)

    def export(self, folder: str | Path, overwrite: bool | None = None) -> list[Path]:
        """Write mean spectra as .msa, label map as .tif (of a line .msa), and the summary.

        Parameters
        ----------
        folder : str or Path
            Made if it is not there.
        overwrite : bool, optional
            Of existing files; None asks, False leaves them.

        Returns
        -------
        list of Path
            Of the files written.
        """
        from hyperspy_unmix.storage import export_phases

        return export_phases(self, folder, overwrite)


def phases_of(
    pca: Compressed,
    n_components: int,
    false_alarm: float,
    random_state: int,
    calls: tuple[str, ...],
) -> Phases:
    """Phases of a compressed spectrum image, which go by their numbers."""
    level, seed = check_false_alarm(false_alarm), check_random_state(random_state)
    found, compressed = find_phases(pca, n_components, level, seed)
    names = numbers(len(found.means))
    result = Phases(names, n_components, pca, found, compressed, calls)
    warn_of(result.finding)
    return result


def phases_of_components(result: Components, false_alarm: float, random_state: int) -> Phases:
    """Phases of what was unmixed, named after its components."""
    again = f"phases(false_alarm={false_alarm!r}, random_state={random_state!r})"
    calls = (*result.calls, again)
    phases = phases_of(result.pca, result.n_components, false_alarm, random_state, calls)
    names = suggested_names(result.names, _fractions(result, phases))
    return Phases(names, phases.asked, phases.pca, phases.found, phases.compressed, calls)


def _fractions(result: Components, phases: Phases) -> Floats:
    """Shares of the components in the counts of each phase, (phases, components)."""
    counts = result.arrays.maps * (result.arrays.spectra @ result.prepared.image.channel_widths)
    labels = phases.found.labels
    sums = np.array([counts[labels == i].sum(0) for i in range(len(phases))])
    sums = np.maximum(sums.reshape(len(phases), counts.shape[1]), 0)
    total = sums.sum(1, keepdims=True)
    return np.asarray(sums / np.where(total > 0, total, 1))
