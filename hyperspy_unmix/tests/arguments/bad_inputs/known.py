"""Bad input: components that are called known and are none, or not as they are given."""

from __future__ import annotations

from typing import Any

import hyperspy.api as hs
import numpy as np

from hyperspy_unmix.tests.arguments.bad_inputs.rows import Refused
from hyperspy_unmix.tests.scenes import PHASES


def spectrum(values: Any = None, units: str = "eV", offset: float = 100.0) -> Any:
    """A spectrum over the channels of the signal; default the first phase."""
    s = hs.signals.Signal1D(np.array(PHASES[0] if values is None else values, float))
    axis = s.axes_manager.signal_axes[0]
    axis.units, axis.scale, axis.offset = units, 2.0, offset
    return s


def refused(given, known, says, error=ValueError):
    """A row for what is called known; made when it is needed."""
    return Refused(
        given=given,
        keywords={"known": lambda: {"film": known()}},
        says=rf"known\['film'\].*{says}",
        error=error,
        stages=False,
    )


def with_gap():
    """Not a number in a third of the channels."""
    return np.where((np.arange(80) > 20) & (np.arange(80) < 48), np.nan, PHASES[0])


KNOWN = [
    refused("a known spectrum of zeros", lambda: spectrum(np.zeros(80)), "zero everywhere"),
    refused("a known spectrum upside down", lambda: spectrum(-PHASES[0]), "is negative"),
    refused("a known spectrum of NaN", lambda: spectrum(np.full(80, np.nan)), "from nowhere"),
    refused("a known spectrum that lacks a part", lambda: spectrum(with_gap()), "no finite values"),
    refused("a known spectrum elsewhere", lambda: spectrum(offset=400.0), "from 400 to 558 eV"),
    refused(
        "a known spectrum in nm", lambda: spectrum(units="nm"), "in nm, the signal in eV: give"
    ),
    refused("a known spectrum without units", lambda: spectrum(units=""), "without units"),
    refused(
        "a known spectrum that is an array",
        lambda: np.array(PHASES[0]),
        "a spectrum is a HyperSpy signal",
        TypeError,
    ),
    refused("a known region beyond the scan", lambda: (0, 0, 99, 3), "not within the scan"),
]
