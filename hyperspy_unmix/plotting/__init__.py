"""Figures of results: HyperSpy's navigator where one moves, matplotlib where one prints."""

from .images import plot_composite, plot_residual, plot_thickness
from .navigator import plot_fit, plot_together
from .overview import nearest, plot_overview
from .scree import plot_scree

__all__ = [
    "nearest",
    "plot_composite",
    "plot_fit",
    "plot_overview",
    "plot_residual",
    "plot_scree",
    "plot_thickness",
    "plot_together",
]
