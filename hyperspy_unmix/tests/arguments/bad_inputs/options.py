"""Bad input: options that do not fit, by name; the other numbers that do."""

from __future__ import annotations

import hyperspy.api as hs
import numpy as np

from hyperspy_unmix.tests.arguments.bad_inputs.rows import (
    FULL,
    Accepted,
    Refused,
    Truth,
    bad_values,
    filled,
    of,
    some_channels,
)
from hyperspy_unmix.tests.scenes import SHAPE, two_phases


def cut_window(given, says, window, **keywords):
    """A row for a window of which a part counts; the truth is that of this part."""
    asked, make = keywords.pop("background"), keywords.pop("signal", two_phases)
    keywords["background_type"] = "offset"
    return Accepted(
        given=given,
        signal=make,
        keywords={**keywords, "background": asked},
        setting="background",
        value=window,
        says=f"given; cut to the channels that count, {says} left out",
        excluded=keywords["signal_mask"]() if "signal_mask" in keywords else None,
        truth=Truth(
            words="the window without these",
            signal=make,
            keywords={**keywords, "background": window},
        ),
    )


def option(name, value, error, says, **more):
    """A row for a value of an option."""
    return Refused(
        given=f"`{name}={value!r}`", keywords={name: value}, error=error, says=says, **more
    )


NUMBER = [
    *[
        option("n_components", n, error, f"n_components={says}", stages=False)
        for n, error, says in [
            (0, ValueError, "0: at least 1"),
            (-1, ValueError, "-1: at least 1"),
            (2.5, TypeError, r"2\.5 .*whole number"),
            (2.0, TypeError, r"2\.0 .*whole number"),
            (True, TypeError, "True .*whole number"),
            ("three", TypeError, "'three' .*whole number"),
            ("2", TypeError, "'2' .*whole number"),
            (None, TypeError, "None .*whole number"),
            ([2], TypeError, r"\[2\] .*whole number"),
            (81, ValueError, "81.* 80 channels"),
            (121, ValueError, "121.*120 pixels"),
            (10**9, ValueError, "1000000000.*120 pixels"),
        ]
    ],
    Refused(
        given="`n_components` a negative number of numpy",
        keywords={"n_components": np.int8(-1)},
        says="n_components=-1: at least 1",
        stages=False,
    ),
    Refused(
        given="`n_components` a True of numpy",
        keywords={"n_components": np.True_},
        error=TypeError,
        says="n_components=.*True.* .*whole number",
        stages=False,
    ),
    Accepted(
        given="`n_components` a number of numpy (`uint8`)",
        keywords={"n_components": np.uint8(2)},
        setting="n_components",
        value=2,
        says="asked for",
    ),
    # ICA works on differences of neighbouring channels: three fewer than there are channels
    Refused(
        given="as many components as channels",
        keywords={"n_components": 80},
        says="n_components=80",
        stages=False,
    ),
    Refused(
        given="fewer pixels (2) than components (3)",
        signal=lambda: two_phases((2,)),
        keywords={"n_components": 3},
        says="n_components=3.*2 pixels",
        stages=False,
    ),
    Refused(
        given="fewer channels (3) than components (4)",
        signal=lambda: two_phases().isig[:3],
        keywords={"n_components": 4},
        says="n_components=4.*3 channels",
        stages=False,
    ),
    Refused(
        given="fewer pixels left by the mask (1) than components (2)",
        keywords={"n_components": 2, "navigation_mask": lambda: np.arange(120).reshape(SHAPE) > 0},
        says="n_components=2.*1 pixel",
        stages=False,
    ),
    Refused(
        given="every other channel masked, and two independent components",
        keywords={
            "n_components": 2,
            "signal_mask": lambda: np.arange(80) % 2 == 0,
            "assume": "overlap",
        },
        says="channels",
        stages=False,
    ),
]
BACKGROUND = [
    *[
        option("background", window, error, says)
        for window, error, says in [
            ("linear", TypeError, "background='linear'.*'auto', None or"),
            (5, TypeError, r"background=5.*\(start, end\)"),
            (True, TypeError, r"background=True.*\(start, end\)"),
            ((1, 2, 3), TypeError, r"background=.*two numbers"),
            (("a", "b"), TypeError, "background=.*two numbers"),
            ((None, 120), TypeError, "background=.*two numbers"),
            ((150, 120), ValueError, "background=.*start must be smaller than end"),
            ((120, 120), ValueError, "background=.*start must be smaller than end"),
            ((np.nan, 120), ValueError, "background="),
            ((0, 50), ValueError, "background=.*goes from 100 to 258"),
            ((50, 150), ValueError, "background=.*goes from 100 to 258"),
            ((200, 300), ValueError, "background=.*goes from 100 to 258"),
            ((100, 103), ValueError, "background=.*at least 3 channels"),
        ]
    ],
    Refused(
        given="a background window outside of `signal_range`",
        keywords={"background": (110, 140), "signal_range": (150, 250)},
        says="background=.*goes from 150 to 250",
    ),
    cut_window(
        "a background window that begins where no channel has counts",
        "3 without counts",
        (106.0, 140.0),
        background=(100.0, 140.0),
        signal=bad_values((..., slice(0, 3)), 0),
    ),
    cut_window(
        "a background window that ends where no channel has counts",
        "2 without counts",
        (220.0, 254.0),
        background=(220.0, 258.0),
        signal=bad_values((..., slice(-2, None)), 0),
    ),
    cut_window(
        "a background window that begins outside of `signal_range`",
        "5 outside the analysed range",
        (120.0, 150.0),
        background=(110.0, 150.0),
        signal_range=(120.0, 250.0),
    ),
    cut_window(
        "a background window that begins in masked channels",
        "6 excluded",
        (112.0, 150.0),
        background=(100.0, 150.0),
        signal_mask=lambda: some_channels(slice(0, 6)),
    ),
    Refused(
        given="a background window with counts in two of its channels",
        signal=bad_values((..., slice(0, 9)), 0),
        keywords={"background": (100, 121)},
        says="background=.*holds 2 channels .*beside 9 without counts.*at least 3 channels",
    ),
    Refused(
        given="a background window in which the counts are negative",
        signal=lambda: two_phases() - 100.0,
        keywords={"background": (110, 140)},
        says="background=.*positive",
    ),
    Refused(
        given="a background window below zero energy",
        signal=lambda: two_phases(offset=-100.0),
        keywords={"background": (-90, -20)},
        says="background=.*positive",
    ),
    Accepted(
        given="`background=None` on EELS",
        signal=lambda: two_phases(signal_type="EELS_unmix"),
        keywords={"background": None},
        setting="background",
        value=None,
        says="not asked for",
    ),
]
RANGE = [
    *[
        option("signal_range", pair, error, f"signal_range={says}")
        for pair, error, says in [
            ("auto", TypeError, "'auto'.*two numbers"),
            (5, TypeError, "5.*two numbers"),
            ((), TypeError, ".*two numbers"),
            ((120, None), TypeError, ".*two numbers"),
            ((0, 50), ValueError, ".*100 to 258 eV"),
            ((300, 400), ValueError, ".*100 to 258 eV"),
            ((200, 120), ValueError, ".*start must be smaller"),
            ((np.nan, 120), ValueError, ".*start must be smaller"),
            ((120, 121), ValueError, ".*[Aa]t least"),
        ]
    ],
    Accepted(
        given="a range wider than the axis",
        keywords={"signal_range": (0, 1e6)},
        setting="signal_range",
        value=(0, 1e6),
        says="given",
        truth=Truth(words="the whole axis"),
    ),
    Accepted(
        given="a region of interest as range",
        keywords={"signal_range": lambda: hs.roi.SpanROI(120, 200)},
        setting="signal_range",
        value=(120, 200),
        says="given",
    ),
]


def variance(given, make, says, error=ValueError, **more):
    return Refused(given=given, keywords={"noise": make}, error=error, says=says, **more)


SAME_VARIANCE = Truth(words="the same variance as a signal", keywords={"noise": two_phases})


def given_variance(given, make):
    return Accepted(
        given=given,
        keywords={"noise": make},
        setting="noise",
        value="given",
        says="given",
        truth=SAME_VARIANCE,
    )


NOISE = [
    *[
        option("noise", noise, TypeError, f"noise={noise!r}.*'auto', 'poisson'")
        for noise in ("Poisson", "gaussian", None, 3.0)
    ],
    variance("an array as variance", lambda: np.ones(FULL), "noise.*signal", TypeError),
    variance(
        "the variance of another scan",
        of(np.ones((10, 12, 80))),
        r"noise has shape \(10, 12, 80\)",
    ),
    variance(
        "the variance of other channels",
        of(np.ones((12, 10, 79))),
        r"noise has shape \(12, 10, 79\)",
    ),
    variance("a variance of complex numbers", filled(1, complex), "noise.*complex", TypeError),
    variance("a negative variance", filled(-1.0), "noise.*negative"),
    variance("a variance of zero everywhere", filled(0.0), "noise.*zero"),
    variance("a variance of NaN", filled(np.nan), "noise.*NaN"),
    variance("a variance with NaN in one pixel", bad_values((2, 3), np.nan), "noise.*NaN"),
    variance("a variance of infinity", filled(np.inf), "noise.*infinity"),
    variance("a variance of 10⁻³⁰⁰", filled(1e-300), "noise.*small"),
    variance("a variance of 10³⁰⁰", filled(1e300), "noise.*large"),
    Refused(
        given="`noise='poisson'`, and a negative value",
        signal=bad_values((0, 0, 0), -1),
        keywords={"noise": "poisson"},
        says="noise='poisson'.*negative",
    ),
    given_variance("the variance of every value", two_phases),
    given_variance("the variance of every value, lazy", lambda: two_phases(lazy=True)),
    given_variance("the variance of every value, whole numbers", lambda: two_phases(dtype="u2")),
    Accepted(
        given="a variance of zero where there are no counts",
        signal=bad_values((0, 0), 0),
        keywords={"noise": bad_values((0, 0), 0)},
        setting="noise",
        value="given",
        says="given",
    ),
    Accepted(
        given="`noise='uniform'`",
        keywords={"noise": "uniform"},
        setting="noise",
        value="uniform",
        says="same variance",
    ),
]
WORDS = [
    *[
        option("random_state", seed, error, "random_state.*needed", stages=False)
        for seed, error in [(-1, ValueError), (1.5, TypeError), ("a", TypeError)]
    ],
    *[
        option(
            name, value, ValueError, f"{name}={value!r} is not understood: one of", stages=stages
        )
        for name, value, stages in [
            ("algorithm", "pca", False),
            ("refine", True, False),
            ("assume", "impure", False),
            ("spikes", True, True),
            ("energy_shift", 1.0, True),
            ("background_type", "log", True),
        ]
    ],
    option("backgrund", None, TypeError, "no option 'backgrund'; it has low_loss"),
]
