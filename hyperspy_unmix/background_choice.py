"""Where the background is fitted, and with what shape."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from .elements import onsets
from .image import Image
from .inputs import read_pair
from .numerics.window import (
    LEAST_WINDOW,
    Window,
    nothing_before,
    window_before_onsets,
    window_from_data,
)
from .settings import Choice, Settings
from .wrapping import base_type

BACKGROUND_TYPES = ("auto", "power law", "exponential", "polynomial", "offset")
FALLS_FROM_ZERO = ("auto", "power law")
SUBTRACTED = 0.01  # share of negative values before an edge, where there is no background left


def background_window(background: Any, shape: str, image: Image, settings: Settings) -> Window:
    """Window of the pre-edge background, and the choice on record."""
    energies = image.energies
    if background is None:
        window = Window(0, 0, "not asked for")
    elif isinstance(background, str) and background == "auto":
        window = _automatic_window(image)
    elif isinstance(background, str):
        raise TypeError(
            f"background={background!r} is not understood: 'auto', None or (start, end)."
        )
    else:
        window = _given_window(background, shape, image)
    if window.found:
        spans = ((window.start, window.stop), *window.others)
        ranges = tuple((float(energies[a]), float(energies[b - 1])) for a, b in spans)
        name = "power law" if shape == "auto" else shape
        several = f"{len(ranges)} windows" if len(ranges) > 1 else "window"
        value = ranges if len(ranges) > 1 else ranges[0]
        settings["background"] = Choice(value, f"{name}, {several} {window.reason}")
    else:
        settings["background"] = Choice(None, f"left alone: {window.reason}")
    return window


def _given_window(background: Any, shape: str, image: Image) -> Window:
    """One window or several, as the user gives them."""
    try:
        several = len(background) > 0 and all(np.ndim(pair) == 1 for pair in background)
    except TypeError:
        several = False
    pairs = list(background) if several else [background]
    spans = sorted(_span(pair, shape, image) for pair in pairs)
    for (_, stop), (start, _) in pairwise(spans):
        if start < stop:
            raise ValueError(f"background={background!r}: the windows overlap; give one of both.")
    (start, stop), *others = spans
    return Window(start, stop, "given", others=tuple(others))


def _span(pair: Any, shape: str, image: Image) -> tuple[int, int]:
    """First channel of a window, and the one behind its last."""
    energies, mean = image.energies, image.summary.mean
    start, end = read_pair(pair, "background")
    inside = np.flatnonzero((energies >= start) & (energies <= end))
    if start < energies[0] - 1e-9 or end > energies[-1] + 1e-9 or len(inside) < 3:
        raise ValueError(
            f"background=({start:g}, {end:g}) holds {len(inside)} channels of the analysed "
            f"range, which goes from {energies[0]:g} to {energies[-1]:g}. Give a window inside "
            "it, before an edge, with at least 3 channels."
        )
    falls = shape in ("auto", "power law", "exponential")
    if (falls and mean[inside].mean() <= 0) or (
        shape in FALLS_FROM_ZERO and energies[inside[0]] <= 0
    ):
        raise ValueError(
            f"background=({start:g}, {end:g}): a power law needs positive energies and counts "
            "in the window. Choose another one, background_type='polynomial', or background=None."
        )
    return int(inside[0]), int(inside[-1]) + 1


def _automatic_window(image: Image) -> Window:
    if base_type(image.frame) != "EELS":
        return Window(0, 0, "only EELS has a pre-edge background to find")
    energies, mean = image.energies, image.summary.mean
    if (np.diff(energies) <= 0).any():
        return Window(0, 0, "the energy axis does not rise")
    left_out = ~image.masked_channels[image.first : image.blocks.channels[0]]
    if left_out.sum() >= LEAST_WINDOW and nothing_before(mean, LEAST_WINDOW):
        return Window(0, 0, "the first channels are empty: there is no background", absent=True)
    window = window_before_onsets(energies, mean, onsets(image.frame))
    if window.absent:
        return window
    if not window.found:
        window = _window_from_data(image)
    sample = image.summary.sample
    if window.found:
        inside = sample[:, window.start : window.stop]
        # read noise alone makes some values of a weak background negative
        subtracted = np.mean(inside < 0) > SUBTRACTED and inside.mean() < 0.5 * inside.std()
    else:
        subtracted = np.mean(sample < 0) > SUBTRACTED
    if subtracted:
        return Window(0, 0, "negative values: it seems to be subtracted already")
    return window


def _window_from_data(image: Image) -> Window:
    energies, mean = image.energies, image.summary.mean
    size = image.summary.group_size
    spread = np.sqrt(np.average((image.summary.groups - mean) ** 2, axis=0, weights=size))
    counts = np.sqrt(np.maximum(mean, 0) / size.sum())
    return window_from_data(energies, mean, np.maximum(counts, spread / np.sqrt(len(size))))
