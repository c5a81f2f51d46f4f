"""Figures of results: HyperSpy's navigator where one moves, matplotlib where one prints."""

from .navigator import plot_together
from .overview import nearest, plot_overview
from .scree import plot_scree

__all__ = ["nearest", "plot_overview", "plot_scree", "plot_together"]
