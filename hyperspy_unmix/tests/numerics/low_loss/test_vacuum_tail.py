"""The zero-loss peak's own tail, and the errors of t/lambda that are no counting noise."""

import numpy as np
import pytest

from hyperspy_unmix.numerics.low_loss.analysis import measure_low_loss
from hyperspy_unmix.numerics.low_loss.systematic import surface_probability
from hyperspy_unmix.numerics.reading.row_blocks import row_blocks
from hyperspy_unmix.tests.numerics.low_loss.test_analysis import ENERGIES, SCALE, spectra

T = np.repeat([0.0, 0.0, 0.1, 0.3, 0.6, 1.0], 24)
VACUUM = T == 0


def with_tail(mean, decay):
    """Spectra recorded with a cold field emitter, whose peak has an exponential tail of losses."""
    fine = np.arange(0, 12, SCALE)
    tail = np.exp(-fine / decay)
    tail /= tail.sum()
    return np.apply_along_axis(lambda row: np.convolve(row, tail)[: len(row)], 1, mean)


def recorded(mean, seed=0):
    return np.random.default_rng(seed).poisson(np.maximum(mean, 0)).astype(float)


def measured(values):
    return measure_low_loss(row_blocks(values), ENERGIES)


def test_the_tail_is_measured_in_vacuum():
    """Truth: t/lambda of the Poisson series; a tail of 1.2 eV makes the log-ratio too high.

    Without vacuum the error of the result holds that; with it, it is gone, to the noise of 24
    pixels (0.001 at most).
    """
    low_loss = measured(recorded(with_tail(spectra(T, sd=0.5, counts=1e6), 1.2)))
    mirrored, own = low_loss.analysed(), low_loss.in_vacuum(VACUUM).analysed()
    off = mirrored.t_over_lambda - T
    assert (off > 0.005).all()
    assert (off < 2 * mirrored.systematic.total).all()
    for t in np.unique(T):
        assert own.t_over_lambda[t == T].mean() == pytest.approx(t, abs=0.002)
    assert (own.systematic.tail < 1e-4).all()


def test_a_dark_level_is_in_the_vacuum_too():
    """Truth: as above. Three counts in every channel are 0.001 of the vacuum's, more where thick.

    The level is taken as a share of the peak, so that a part of it is left where the peak is low.
    """
    low_loss = measured(recorded(spectra(T, counts=1e6) + 30.0))
    without, own = low_loss.analysed(), low_loss.in_vacuum(VACUUM).analysed()
    off = without.t_over_lambda - T
    assert (off[:48] > 0.005).all()
    assert (np.abs(off) < 2 * np.hypot(without.systematic.total, without.t_error)).all()
    assert np.abs(own.t_over_lambda[T <= 0.3] - T[T <= 0.3]).max() < 0.4 * off.max()


@pytest.mark.parametrize("what", ["specimen", "few"])
def test_what_is_no_vacuum_is_not_taken_for_it(what):
    """A thin film of t/lambda 0.01 shows its plasmon; five pixels are too few to tell a tail."""
    t = np.where(VACUUM, 0.01 if what == "specimen" else 0.0, T)
    low_loss = measured(recorded(spectra(t, counts=1e6)))
    marked = VACUUM if what == "specimen" else np.arange(len(T)) < 5
    assert low_loss.in_vacuum(marked) is low_loss
    found = low_loss.analysed().t_over_lambda[VACUUM]
    assert found.mean() == pytest.approx(t[0], abs=0.001)


def test_without_plasmons_nothing_is_taken_for_vacuum():
    """Truth: an axis that ends before the plasmon, and a map of nothing but a thin film."""
    short = ENERGIES < 12
    values = recorded(spectra(T, counts=1e6) + 5.0)
    early = measure_low_loss(row_blocks(values[:, short]), ENERGIES[short])
    assert early.in_vacuum(VACUUM) is early
    film = measured(recorded(spectra(np.full(48, 0.01), counts=1e6)))
    assert film.in_vacuum(np.ones(48, bool)) is film


def test_pixels_beside_those_that_count():
    """Vacuum that was left out because its core loss is empty, its peak elsewhere, tells as well.

    Pixels beside that are no vacuum do not.
    """
    specimen = recorded(with_tail(spectra(T[~VACUUM], sd=0.5, counts=1e6), 1.2))
    vacuum = recorded(with_tail(spectra(T[VACUUM], centre=2.0, sd=0.5, counts=1e6), 1.2))
    low_loss, none = measured(specimen), np.zeros(len(specimen), bool)
    own = low_loss.in_vacuum(none, row_blocks(vacuum)).analysed()
    for t in np.unique(T[~VACUUM]):
        assert own.t_over_lambda[T[~VACUUM] == t].mean() == pytest.approx(t, abs=0.002)
    assert low_loss.in_vacuum(none, row_blocks(specimen)) is low_loss


def test_counts_lost_in_the_peak_are_in_the_error():
    """Truth: t/lambda; a counter that loses up to 8 % in the highest channel makes it too high.

    Where none are lost, and where the specimen scatters beyond the aperture, no error is added.
    """
    mean = spectra(T, counts=1e6)
    lost = measured(recorded(mean * (1 - 0.08 * mean / mean.max()))).analysed()
    off = lost.t_over_lambda - T
    specimen = ~VACUUM
    assert (off[specimen] > 0.003).all()
    assert (off < 2 * lost.systematic.total + 3 * lost.t_error)[specimen].all()
    for factor in (np.ones(len(T)), np.exp(-0.1 * T)):
        found = measured(recorded(mean * factor[:, None])).analysed()
        assert (found.systematic.linearity < 1e-3).all()


def test_a_short_axis_is_in_the_error():
    """Truth: t/lambda; a fifth of the losses follow a power law, a part of it beyond 75 eV.

    The thickness is such that next to no electron has excited four plasmons (0.3^4/4! = 3e-4).
    """
    t = np.repeat([0.05, 0.1, 0.2, 0.3], 24)
    law = np.where(ENERGIES > 25, np.maximum(ENERGIES, 1) ** -2.5, 0)
    elastic = spectra(t) + 0.2 * 1e5 * (t * np.exp(-t))[:, None] * law / law.sum()
    t = t + np.log1p(0.2 * t * np.exp(-t))
    short = ENERGIES < 75
    found = measure_low_loss(row_blocks(elastic[:, short]), ENERGIES[short]).analysed()
    off = found.t_over_lambda - t
    assert (off < -1e-3).all()
    assert (np.abs(off) < 2 * found.systematic.total).all()


@pytest.mark.parametrize(("beam", "probability"), [(100, 0.0418), (200, 0.0330), (None, 0.0330)])
def test_probability_of_surface_plasmons(beam, probability):
    """Sunjic and Lucas: pi e^2 / (2 h-bar v) for each face, of v/c = 0.5482 and 0.6953."""
    assert surface_probability(beam) == pytest.approx(probability, rel=2e-3)
