"""Bad input: offsets, and values near the limits of their type or of what can be squared."""

from __future__ import annotations

import numpy as np

from hyperspy_unmix.tests.arguments.bad_inputs.rows import Accepted, Refused, Truth, filled, of
from hyperspy_unmix.tests.scenes import calibrated, counts, edge_on_background, two_phases


def close_to_limit(dtype):
    """Two phases whose brightest value is the greatest of its type."""
    data = counts() / counts().max() * float(np.finfo(dtype).max) * 0.9
    return lambda: calibrated(data.astype(dtype))


def whole_close_to_limit(dtype):
    top = float(np.nextafter(np.iinfo(dtype).max, 0, dtype=float))
    return lambda: calibrated(np.minimum(counts() / counts().max() * top, top).astype(dtype))


def uneven_channels():
    """EELS on a camera whose channels differ by a tenth."""
    s = edge_on_background()
    return s * np.random.default_rng(0).normal(1, 0.1, s.data.shape[-1])


LIMITS = [
    Accepted(
        given="a dark offset of 1000 counts in every channel",
        signal=lambda: two_phases() + 1000.0,
        setting="n_components",
        value=2,
        says="component",
    ),
    Accepted(
        given="an offset of a million counts under sixty",
        signal=lambda: two_phases() + 1e6,
        setting="WARNING: offset",
        says="[Ss]ubtract",
    ),
    Refused(given="values of 10³⁰⁰", signal=filled(1e300), says="large"),
    Refused(
        given="values of 10³², whose squares are beyond 32-bit numbers",
        signal=lambda: two_phases() * 1e30,
        says="large",
    ),
    *[
        Refused(
            given=f"values next to the greatest of {words} floating-point numbers",
            signal=close_to_limit(dtype),
            says="large",
        )
        for dtype, words in [("f4", "32-bit"), ("f8", "64-bit")]
    ],
    Accepted(
        given="values next to the greatest of 16-bit floating-point numbers",
        signal=close_to_limit("f2"),
        setting="n_components",
        value=2,
        says="component",
    ),
    *[
        Accepted(
            given=f"values up to the greatest of {int(dtype[1]) * 8}-bit numbers "
            f"{'without' if dtype[0] == 'u' else 'with'} sign",
            signal=whole_close_to_limit(dtype),
            setting="n_components",
            value=2,
            says="component",
        )
        for dtype in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")
    ],
    Accepted(
        given="EELS in other units than counts (divided by a million)",
        signal=lambda: edge_on_background() * 1e-6,
        setting="background",
        says="before the first rise",
        truth=Truth(
            words="the counts, divided",
            signal=lambda: edge_on_background() * 1.0,
            change=lambda spectra, maps: (spectra, 1e-6 * maps),
        ),
    ),
    Accepted(
        given="EELS on a camera whose channels differ by a tenth",
        signal=uneven_channels,
        setting="background",
        says="before the first rise",
    ),
    Accepted(
        given="values of 10⁻¹⁵",
        signal=lambda: two_phases() * 1e-15,
        setting="n_components",
        value=2,
        says="component",
    ),
    *[
        Refused(
            given=f"values of {words}",
            signal=of(counts() * factor),
            says="small",
        )
        for words, factor in [("10⁻³⁰", 1e-30), ("10⁻³⁰⁰", 1e-300)]
    ],
]
