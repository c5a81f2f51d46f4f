"""Raw compressed spectra to compressed single-scattering spectra: the physics in one place."""

from __future__ import annotations

from dataclasses import dataclass

from .background import BackgroundFit, Window, subtract_background
from .noise import Floats
from .pca import LowRank
from .rank import order_by_significance
from .scattering import Scattering, remove_scattering


@dataclass(frozen=True)
class Corrected:
    """Spectra without background and plural scattering, most significant component first.

    ``values`` are their variances over noise and model error in units of the noise edge;
    ``background`` is None where none was subtracted.
    """

    spectra: LowRank
    values: Floats
    background: BackgroundFit | None


def correct(
    raw: LowRank,
    edge: float,
    energies: Floats,
    window: Window | None = None,
    kernel: Scattering | None = None,
) -> Corrected:
    """Subtract the background fitted in ``window``, then take plural scattering out.

    Parameters
    ----------
    raw : LowRank
        Counts as recorded.
    edge : float
        Their noise edge.
    energies : array, shape (channels,)
    window : Window, optional
    kernel : Scattering, optional
    """
    spectra, background = raw, None
    if window is not None and window.found:
        background = subtract_background(spectra, energies, window)
        spectra = background.spectra
    if kernel is not None:
        spectra = remove_scattering(spectra, kernel)
    ordered, values = order_by_significance(spectra, edge)
    return Corrected(ordered, values, background)
