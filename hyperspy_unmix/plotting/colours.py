"""The colours of maps, errors, composites and scale bars."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from hyperspy_unmix.numerics.types import Floats

MAP = "viridis"  # matplotlib's name of the colour map of maps
MISFIT = "cividis"  # of what is no map of a component: chi-square, standard deviations
SURVEY = "gray"  # of a survey image
# Blue, orange and near white are told apart by those who do not see red or green, and by lightness;
# of more components each differs from its neighbours in both.
COMPOSITE = np.array(
    [
        [0.0, 0.35, 0.75],
        [0.95, 0.55, 0.0],
        [0.93, 0.93, 0.93],
        [0.0, 0.6, 0.5],
        [0.75, 0.15, 0.35],
        [0.95, 0.9, 0.25],
        [0.35, 0.75, 0.95],
        [0.35, 0.2, 0.55],
    ]
)
MISSING = (0.5, 0.5, 0.5)  # of a pixel without any of the components
SCALE_BAR = "tab:orange"  # seen on black and on white; HyperSpy's own is white


def as_colours(colors: Any) -> list[Any]:
    """The colours given, checked.

    Raises
    ------
    ValueError
        If one of them is none.
    """
    from matplotlib.colors import is_color_like

    given = [colors] if is_color_like(colors) or not isinstance(colors, Iterable) else list(colors)
    for colour in given:
        if not is_color_like(colour):
            raise ValueError(
                f"colors: {colour!r} is no colour; a list of names such as 'tab:red', of "
                "'#d62728' or of (red, green, blue) between 0 and 1 is needed."
            )
    return given


def mixed(shares: Floats, colours: Floats) -> Floats:
    """Colours (..., 3) of mixtures, as light mixes: half and half is not darker than either.

    The transfer function is that of sRGB (IEC 61966-2-1).

    Parameters
    ----------
    shares : array, shape (components, ...)
        Their sum is one.
    colours : array, shape (components, 3)
        Red, green and blue between zero and one.
    """
    light = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    sums = np.tensordot(shares, light, (0, 0))
    powers = 1.055 * np.maximum(sums, 0.0031308) ** (1 / 2.4) - 0.055
    return np.asarray(np.clip(np.where(sums <= 0.0031308, 12.92 * sums, powers), 0, 1))
