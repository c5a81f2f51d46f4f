"""Bad input: masks of another shape, order or type, or that leave next to nothing."""

from __future__ import annotations

import dask.array as da
import hyperspy.api as hs
import numpy as np

from hyperspy_unmix.tests.arguments.bad_inputs.rows import (
    FULL,
    Accepted,
    Refused,
    Truth,
    bad_values,
    some_channels,
    some_pixels,
)
from hyperspy_unmix.tests.scenes import SHAPE, two_phases

FOUR = (2, slice(0, 4))  # pixels
WORDS = "the same mask as an array of True and False"
SAME_PIXELS = Truth(words=WORDS, keywords={"navigation_mask": lambda: some_pixels(FOUR)})
SAME_CHANNELS = Truth(words=WORDS, keywords={"signal_mask": lambda: some_channels(slice(0, 6))})
T = np.linspace(0.1, 0.8, 120).reshape(SHAPE)


def four(given, make, says="array order"):
    """A mask of four pixels, in another form."""
    return Accepted(
        given=given,
        keywords={"navigation_mask": make},
        setting="navigation_mask",
        value=4,
        says=says,
        masked=some_pixels(FOUR),
        truth=SAME_PIXELS,
    )


def pixels(given, mask, says, error=ValueError, **more):
    return Refused(given=given, keywords={"navigation_mask": mask}, says=says, error=error, **more)


def channels(given, mask, says, error=ValueError, **more):
    return Refused(given=given, keywords={"signal_mask": mask}, says=says, error=error, **more)


def six(given, make):
    """A mask of six channels, in another form."""
    return Accepted(
        given=given,
        keywords={"signal_mask": make},
        setting="signal_mask",
        value=6,
        says="excluded",
        excluded=some_channels(slice(0, 6)),
        truth=SAME_CHANNELS,
    )


MASKS = [
    four(
        "a mask in (x, y) order, on a scan that is not square",
        lambda: some_pixels(FOUR).T,
        r"\(x, y\)",
    ),
    Accepted(
        given="a mask on a square scan: taken in array order",
        signal=lambda: two_phases((11, 11)),
        keywords={"navigation_mask": lambda: np.tri(11, k=-6, dtype=bool)},
        setting="navigation_mask",
        value=15,
        says="array order",
        masked=np.tri(11, k=-6, dtype=bool),
    ),
    four("a mask of 0 and 1", lambda: some_pixels(FOUR, int)),
    four("a mask of 8-bit numbers, 255 where excluded", lambda: 255 * some_pixels(FOUR, "u1")),
    four("a lazy mask", lambda: da.from_array(some_pixels(FOUR))),
    four("a mask from a list", lambda: some_pixels(FOUR).tolist()),
    four("a mask that is an image", lambda: hs.signals.Signal2D(some_pixels(FOUR)), "excluded"),
    four(
        "a mask over navigation axes",
        lambda: hs.signals.BaseSignal(some_pixels(FOUR)).T,
        "excluded",
    ),
    four(
        "a mask over navigation axes, lazy",
        lambda: hs.signals.BaseSignal(some_pixels(FOUR)).T.as_lazy(),
        "excluded",
    ),
    Accepted(
        given="a mask that excludes nothing",
        keywords={"navigation_mask": lambda: np.zeros(SHAPE, bool)},
        setting="navigation_mask",
        value=0,
        truth=Truth(words="no mask"),
    ),
    Accepted(
        given="a mask that leaves one pixel",
        keywords={"navigation_mask": lambda: ~some_pixels((3, 4))},
        setting="n_components",
        value=1,
        says="component",
        masked=~some_pixels((3, 4)),
    ),
    pixels(
        "a mask of another shape",
        lambda: np.zeros((3, 3), bool),
        r"navigation_mask has shape \(3, 3\).*\(12, 10\)",
    ),
    pixels(
        "a mask in one line", lambda: np.zeros(120, bool), r"navigation_mask has shape \(120,\)"
    ),
    pixels("a mask that is one number", True, "navigation_mask has shape"),
    pixels("a mask of every value", lambda: np.zeros(FULL, bool), "navigation_mask has shape"),
    pixels(
        "a mask that excludes everything",
        lambda: np.ones(SHAPE, bool),
        "navigation_mask excludes every pixel",
    ),
    Refused(
        given="a mask that excludes all pixels without NaN",
        signal=bad_values(slice(0, 4), np.nan),
        keywords={"navigation_mask": lambda: np.arange(120).reshape(SHAPE) >= 40},
        says="[Ee]very pixel.*NaN",
    ),
    pixels(
        "a mask of fractions", lambda: T, "navigation_mask has values of type float64", TypeError
    ),
    pixels(
        "a mask of NaN",
        lambda: np.full(SHAPE, np.nan),
        "navigation_mask has values of type",
        TypeError,
    ),
    pixels("a mask that is a word", "left", "navigation_mask has values of type", TypeError),
    pixels(
        "a region of interest as a mask",
        lambda: hs.roi.RectangularROI(1, 1, 2, 2),
        "navigation_mask has values of type",
        TypeError,
    ),
    pixels(
        "a mask of rows of different lengths",
        [[True], [True, False]],
        "navigation_mask",
    ),
    six("a channel mask that is a signal", lambda: hs.signals.Signal1D(np.arange(80) < 6)),
    six("a channel mask that is lazy", lambda: da.arange(80) < 6),
    six("a channel mask from a list", lambda: (np.arange(80) < 6).tolist()),
    channels(
        "a channel mask of another length",
        lambda: np.zeros(3, bool),
        r"signal_mask has shape \(3,\).*\(80,\)",
    ),
    channels(
        "a channel mask of every value",
        lambda: np.zeros(FULL, bool),
        r"signal_mask has shape \(12, 10, 80\).*\(80,\)",
    ),
    channels(
        "energies instead of a channel mask", (120, 140), r"signal_mask has shape \(2,\).*\(80,\)"
    ),
    channels(
        "a channel mask of fractions",
        lambda: np.zeros(80),
        "signal_mask has values of type float64",
        TypeError,
    ),
    channels(
        "a channel mask that excludes everything",
        lambda: np.ones(80, bool),
        "0 channels.*signal_mask",
    ),
    channels(
        "a channel mask that leaves one channel",
        lambda: np.arange(80) != 7,
        "1 channel.*signal_mask",
    ),
    Accepted(
        given="a channel mask that leaves two channels",
        keywords={"signal_mask": lambda: np.arange(80) > 1},
        setting="n_components",
        value=1,
        says="component",
        excluded=some_channels(slice(2, None)),
    ),
]
