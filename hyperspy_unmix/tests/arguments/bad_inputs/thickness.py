"""Bad input: thicknesses without unit, of another scan, not positive; exposure ratios."""

from __future__ import annotations

import hyperspy.api as hs
import numpy as np

from hyperspy_unmix.tests.arguments.bad_inputs.low_loss import as_it_is, core_of_wedge, on_wedge
from hyperspy_unmix.tests.arguments.bad_inputs.rows import Accepted, Refused
from hyperspy_unmix.tests.scenes import SHAPE

T = np.linspace(0.1, 0.8, 120).reshape(SHAPE)


def thickness(given, says, value, error=ValueError, **more):
    return Refused(
        given=given, says=f"thickness{says}", error=error, keywords={"thickness": value}, **more
    )


def map_given(given, value, unit):
    return Accepted(
        given=given, keywords={"thickness": value}, setting="thickness", value=unit, says="given"
    )


THICKNESS = [
    map_given("a thickness map in nm", (100 * T, "nm"), "nm"),
    map_given("a thickness map in t/lambda", (T, "t/lambda"), "t/lambda"),
    map_given("a thickness map in t/λ", (T, "t/λ"), "t/lambda"),
    thickness("a thickness map without unit", ".*unit", lambda: T),
    thickness("a thickness signal without unit", ".*unit", lambda: hs.signals.Signal2D(T)),
    thickness("a thickness map in m", ".*'m'", (T, "m")),
    thickness("a thickness map in µm", ".*'µm'", (T, "µm")),
    thickness("a thickness map whose unit is empty", ".*unit", (T, "")),
    thickness("a thickness map whose unit is `None`", ".*unit", (T, None)),
    thickness("a unit instead of a thickness", ".*unit", "nm"),
    thickness("a thickness map of another scan", r" has shape \(3, 10\)", (T[:3], "nm")),
    thickness("a thickness map in (x, y) order", r" has shape \(10, 12\)", (T.T, "nm")),
    thickness("one thickness for all pixels", " has shape", (50.0, "nm")),
    thickness(
        "a thickness map of words", "", (np.full(SHAPE, "thick"), "nm"), (TypeError, ValueError)
    ),
    thickness("a thickness map of complex numbers", ".*complex", (T * 1j, "nm"), TypeError),
    thickness("a thickness map of negative numbers", ".*negative", (-T, "nm")),
    thickness("a thickness map of NaN", ".*NaN", (T * np.nan, "nm")),
    Accepted(
        given="a thickness map with infinity in twelve pixels",
        keywords={"thickness": (np.where(T > 0.1 + 11.5 * 0.7 / 119, T, np.inf), "nm")},
        setting="thickness unknown",
        value=12,
        says="no densities",
    ),
    *[
        Refused(
            given=f"`exposure_ratio={value!r}`",
            signal=core_of_wedge,
            keywords={"low_loss": on_wedge(as_it_is), "exposure_ratio": value},
            error=error,
            says="exposure_ratio=.*positive number is needed",
        )
        for value, error in [
            (0, ValueError),
            (-1.0, ValueError),
            (np.nan, ValueError),
            (np.inf, ValueError),
            ("2", TypeError),
            (True, TypeError),
        ]
    ],
    *[
        Refused(
            given=f"`surface_losses={value!r}`",
            signal=core_of_wedge,
            keywords={"low_loss": on_wedge(as_it_is), "surface_losses": value},
            error=error,
            says="surface_losses=.*what both faces add to t/lambda is needed",
        )
        for value, error in [
            (-0.1, ValueError),
            (np.nan, ValueError),
            ((0.1, -0.1), ValueError),
            ((0.1, 0.01, 0.01), TypeError),
            ("0.1", TypeError),
            (True, TypeError),
        ]
    ],
]
