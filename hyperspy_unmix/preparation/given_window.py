"""Background windows that the user gives, on the channels that count."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from hyperspy_unmix.arguments.checks import read_pair
from hyperspy_unmix.numerics.corrections.falling_window import Window
from hyperspy_unmix.numerics.types import Index

from .spectrum_image import Image

FALLS = ("auto", "power law", "exponential")
FALLS_FROM_ZERO = ("auto", "power law")
LEAST_GIVEN = 3  # channels of a window


@dataclass(frozen=True)
class NotCounting:
    """Channels that a window holds beside those that count.

    ``outside`` the analysed range, ``excluded`` (masked or dead), ``empty`` in all spectra.
    """

    outside: int
    excluded: int
    empty: int

    @property
    def described(self) -> str:
        """How many, and why, in plain words; empty where there are none."""
        parts = (
            (self.outside, "outside the analysed range"),
            (self.excluded, "excluded"),
            (self.empty, "without counts"),
        )
        return " and ".join(f"{number} {why}" for number, why in parts if number)


def windows_asked_for(background: Any) -> list[Any]:
    """The windows, of which the user gives one or several."""
    try:
        several = len(background) > 0 and all(np.ndim(pair) == 1 for pair in background)
    except TypeError:
        several = False
    return list(background) if several else [background]


def given_window(background: Any, shape: str, image: Image, is_cut: bool) -> Window:
    """One window or several, as the user gives them."""
    spans = sorted(_span(pair, shape, image, is_cut) for pair in windows_asked_for(background))
    for (_, stop), (start, _) in pairwise(spans):
        if start < stop:
            raise ValueError(f"background={background!r}: the windows overlap; give one of both.")
    (start, stop), *others = spans
    return Window(start, stop, "given", others=tuple(others))


def _span(pair: Any, shape: str, image: Image, is_cut: bool) -> tuple[int, int]:
    """First channel of a window, and the one behind its last, among those that count.

    A window may reach over channels of the file that do not count, but not beyond the axis.
    """
    energies = image.energies
    start, end = read_pair(pair, "background")
    inside = np.flatnonzero((energies >= start) & (energies <= end))
    whole = energies if is_cut else np.asarray(image.frame.axes_manager.signal_axes[0].axis)
    is_beyond = start < whole[0] - 1e-9 or end > whole[-1] + 1e-9
    if is_beyond or len(inside) < LEAST_GIVEN:
        drift = " once the energy drift is taken out" * (image.blocks.shifts is not None)
        lost = not_counting([pair], image).described
        beside = f", beside {lost}" * bool(lost)
        raise ValueError(
            f"background=({start:g}, {end:g}) holds {len(inside)} channels of the analysed range, "
            f"which goes from {energies[0]:g} to {energies[-1]:g}{drift}{beside}. Give a window "
            f"inside it, before an edge, with at least {LEAST_GIVEN} channels."
        )
    if not can_be_fitted(shape, image, inside):
        raise ValueError(
            f"background=({start:g}, {end:g}): a power law needs positive energies and counts "
            "in the window. Choose another one, background_type='polynomial', or background=None."
        )
    return int(inside[0]), int(inside[-1]) + 1


def can_be_fitted(shape: str, image: Image, window: Index) -> bool:
    """Whether energies and counts of these channels allow a background of this shape."""
    if shape in FALLS_FROM_ZERO and image.energies[window[0]] <= 0:
        return False
    return shape not in FALLS or bool(image.summary.mean[window].mean() > 0)


def not_counting(pairs: list[Any], image: Image) -> NotCounting:
    """Channels of the file in these windows that do not count, and why."""
    energies = np.asarray(image.frame.axes_manager.signal_axes[0].axis)
    lost = np.zeros(len(energies), bool)
    for start, end in (read_pair(pair, "background") for pair in pairs):
        lost |= (energies >= start) & (energies <= end)
    lost[image.blocks.channels] = False
    analysed = slice(image.first, image.last)
    excluded = int((lost & image.masked_channels)[analysed].sum())
    within = int(lost[analysed].sum())
    return NotCounting(int(lost.sum()) - within, excluded, within - excluded)
