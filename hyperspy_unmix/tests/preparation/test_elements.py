"""Edges and lines of a signal's elements, and how their names find room."""

import numpy as np
import pytest
from scipy.optimize import minimize

from hyperspy_unmix import data
from hyperspy_unmix.plotting.edges_and_lines import spread
from hyperspy_unmix.plotting.maps_and_labels import round_length
from hyperspy_unmix.preparation.elements import features, lines, onsets
from hyperspy_unmix.tests.scenes import edge_on_background, two_phases


def eels(units, elements=("Fe", "O")):
    s = edge_on_background(elements=elements)
    s.axes_manager.signal_axes[0].units = units
    return s


@pytest.mark.parametrize(("units", "factor"), [("eV", 1.0), ("keV", 1e-3)])
def test_edges_are_in_the_units_of_the_axis(units, factor):
    """Truth: the tabulated onsets of O-K and Fe-L, 532 and 708 eV; L3 and L2 are one shell."""
    found = features(eels(units))
    assert found["O-K"] == pytest.approx(532 * factor)
    assert found["Fe-L"] == pytest.approx(708 * factor)
    assert onsets(eels(units))["Fe-L2"] == pytest.approx(721 * factor)


@pytest.mark.parametrize(("units", "factor"), [("keV", 1.0), ("eV", 1e3)])
def test_lines_are_in_the_units_of_the_axis(units, factor):
    """Truth: Fe Kα and Lα at 6.404 and 0.705 keV."""
    s = data.eds_phases(shape=(4, 4), phases=2).signal
    s.axes_manager.signal_axes[0].units = units
    found = features(s)
    assert found["Fe Kα"] == pytest.approx(6.404 * factor, rel=1e-3)
    assert found["Fe Lα"] == pytest.approx(0.705 * factor, rel=1e-3)
    assert found == lines(s)


def test_other_signals_have_neither():
    assert features(two_phases()) == {}
    assert features(eels("eV", ())) == {}


@pytest.mark.parametrize("seed", range(6))
def test_names_are_spread_as_little_as_needed(seed):
    """Independent: constrained least squares by scipy."""
    at = np.sort(np.random.default_rng(seed).uniform(-0.05, 1.0, 14))
    found = spread(at, 0.04)
    assert (np.diff(found) > 0.04 - 1e-9).all()
    assert found[0] > 0.02 - 1e-9
    assert found[-1] < 0.98 + 1e-9
    limits = [
        {"type": "ineq", "fun": lambda x: np.diff(x) - 0.04},
        {"type": "ineq", "fun": lambda x: x[0] - 0.02},
        {"type": "ineq", "fun": lambda x: 0.98 - x[-1]},
    ]
    start = np.linspace(0.02, 0.98, len(at))
    best = minimize(
        lambda x: np.sum((x - at) ** 2), start, constraints=limits, options={"ftol": 1e-12}
    )
    assert np.sum((found - at) ** 2) == pytest.approx(best.fun, rel=1e-4, abs=1e-8)


@pytest.mark.parametrize(
    ("longest", "length"), [(35.0, 20), (9.99, 5), (1.0, 1), (0.0213, 0.02), (4e-10, 2e-10)]
)
def test_scale_bars_have_round_lengths(longest, length):
    assert round_length(longest) == pytest.approx(length)
