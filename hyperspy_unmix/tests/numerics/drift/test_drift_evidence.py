"""What speaks for a drift: known movements of two edges, or of one, in groups of a scan."""

import numpy as np
import pytest

from hyperspy_unmix.numerics.drift.drift_evidence import (
    likelihood_gain,
    movement,
    quiet_channel,
)
from hyperspy_unmix.numerics.drift.scan_groups import ScanGroups
from hyperspy_unmix.tests.preparation.drift_scenes import ENERGY, spectra

PIXELS, RUN = 640, 5
CUT = 240  # channels, up to which there is one edge


def scan_of(kind, dose=2e3, seed=0, channels=None, **options):
    """Groups of five pixels with Poisson counts, and the drift put in."""
    expected, moved = spectra(kind, PIXELS, **options)
    counts = np.random.default_rng(seed).poisson(dose * expected[:, :channels]).astype(float)
    groups = counts.reshape(-1, RUN, counts.shape[1]).mean(1)
    return ScanGroups(groups, np.full(len(groups), RUN), np.arange(PIXELS)), moved


@pytest.mark.parametrize("seed", range(3))
def test_gain_of_a_drift_and_of_none(seed):
    """Truth: a drift of half a channel, and none.

    The chi-square of what fits noise is a handful; that of the drift its sum of squared deviations,
    hundreds at this dose.
    """
    scan, moved = scan_of("one phase", drift=0.5, seed=seed)
    assert likelihood_gain(scan, moved, 1) > 500
    assert likelihood_gain(scan, -moved, 1) < 0
    still, _ = scan_of("one phase", seed=seed)
    assert likelihood_gain(still, moved, 1) < 0


def test_gain_is_negative_where_components_say_it_better():
    """Truth: two phases that change places; as a drift of one they would be described worse."""
    scan, _ = scan_of("phases")
    would_be = np.linspace(-0.75, 0.75, PIXELS)
    assert likelihood_gain(scan, would_be, 2) < 0


def test_energies_are_parted_between_the_edges():
    """Truth: edges at 532 and 640 eV, white lines 3 eV behind them."""
    scan, _ = scan_of("one phase")
    assert 545 < ENERGY[quiet_channel(scan, 3)] < 632


@pytest.mark.parametrize("drift", [0.5, 3.0])
@pytest.mark.parametrize("dose", [2e2, 2e4])
def test_edges_that_move_together(drift, dose):
    """Truth: both edges of the spectrum drift."""
    scan, moved = scan_of("one phase", drift=drift, dose=dose)
    assert movement(scan, moved, ENERGY) == "together"


@pytest.mark.parametrize("kind", ["lower edge", "upper edge"])
def test_one_of_two_edges(kind):
    """Truth: chemistry, one edge moves and the other does not."""
    scan, _ = scan_of(kind, size=2.0)
    assert movement(scan, np.linspace(-1, 1, PIXELS), ENERGY) == "apart"


def test_the_only_edge():
    """Truth: a drift, of which one edge alone cannot tell that it is no valence."""
    scan, moved = scan_of("one phase", drift=2.0, channels=CUT)
    assert movement(scan, moved, ENERGY[:CUT]) == "one edge"
