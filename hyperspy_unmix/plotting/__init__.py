"""Figures of results: HyperSpy's navigator where one moves, matplotlib where one prints."""

from .composite import plot_composite
from .detectors import plot_detectors
from .images import plot_residual, plot_thickness
from .navigator import plot_fit, plot_together
from .overview import nearest, plot_overview
from .phases import plot_phases
from .scatter import plot_scatter
from .scree import plot_scree
from .spectra_and_map import plot_map, plot_spectra

__all__ = [
    "nearest",
    "plot_composite",
    "plot_detectors",
    "plot_fit",
    "plot_map",
    "plot_overview",
    "plot_phases",
    "plot_residual",
    "plot_scatter",
    "plot_scree",
    "plot_spectra",
    "plot_thickness",
    "plot_together",
]
