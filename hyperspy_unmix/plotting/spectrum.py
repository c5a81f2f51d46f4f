"""One component's spectrum with its bands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from hyperspy_unmix.components.components import Components


def show_spectrum(ax: Any, result: Components, i: int, name: str, lw: float = 1.0) -> None:
    """One spectrum, its error band, and the band of what fits as well."""
    energy = result.spectra.axes_manager.signal_axes[0].axis
    spectrum, sd = result.spectra.data[i], result.spectra_uncertainty.data[i]
    bounds = result.ambiguity.lower.data[i], result.ambiguity.upper.data[i]
    if np.nanmax(np.abs(bounds[1] - bounds[0])) > 0.01 * np.nanmax(np.abs(spectrum)):
        ax.fill_between(energy, *bounds, color="C1", alpha=0.25, lw=0, label="equally good fits")
    error = np.where(np.isfinite(sd), 2 * sd, np.nan)
    ax.fill_between(
        energy, spectrum - error, spectrum + error, color="C0", alpha=0.35, lw=0, label="±2 s.d."
    )
    ax.plot(energy, spectrum, lw=lw, color="C0", label=name)
