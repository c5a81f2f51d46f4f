"""Where pixels hold next to no counts, the call that sums them is said, and is right."""

import numpy as np
import pytest

from hyperspy_unmix import data, load, unmix
from hyperspy_unmix.arguments.options import Preprocessing
from hyperspy_unmix.preparation.noise import find_few_counts
from hyperspy_unmix.preparation.prepare import prepare
from hyperspy_unmix.results.pca import PCA
from hyperspy_unmix.tests.scenes import calibrated


def sparse(counts, shape=(64, 64), seed=0):
    """Truth: three phases in grains of many pixels, of so many counts a pixel."""
    signal, _, _ = data.eds_phases(phases=3, shape=shape)
    share = counts / signal.data.sum(-1).mean()
    signal.data = np.random.default_rng(seed).binomial(signal.data, share)
    return signal


def test_the_call_that_is_said_finds_the_phases():
    """Truth: three phases, which are not there at one count a pixel, and are in the call said.

    In single pixels, as they are read: `unmix` goes on to sums by itself.
    """
    s = sparse(0.9)
    prepared = prepare(s, Preprocessing())
    (finding,) = find_few_counts(prepared.noise, prepared.image)
    reason = finding.choices()["few counts"].reason
    assert finding.counts == pytest.approx(0.9, abs=0.05)
    assert "Sum 4 x 4 pixels" in reason and "signal.rebin(scale=(4, 4, 1))" in reason
    single = PCA.of_prepared(prepared, "auto")
    summed = unmix(s.rebin(scale=(4, 4, 1)))
    assert summed.n_components > single.count.consensus
    assert "few counts" not in summed.settings


@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
@pytest.mark.parametrize(
    ("shape", "counts", "said"),
    [
        ((64, 64), 20.0, None),
        ((64, 64), 3.0, "rebin(scale=(2, 2, 1))"),
        ((64, 64), 0.3, "rebin(scale=(8, 8, 1))"),
        ((12, 12), 0.3, None),  # too small a scan to be summed
        ((512,), 3.0, "rebin(scale=(4, 1))"),
        ((16, 16, 16), 3.0, "rebin(scale=(2, 2, 2, 1))"),
    ],
)
def test_pixels_that_are_summed_hold_ten_counts(shape, counts, said, lazy):
    """Closed form: the least power of two that makes ten counts, where the scan has room for it."""
    values = np.random.default_rng(0).poisson(counts / 40, (*shape, 40))
    prepared = prepare(calibrated(values, "unmix", lazy=lazy), Preprocessing())
    findings = find_few_counts(prepared.noise, prepared.image)
    assert (said is None) == (not findings)
    assert said is None or said in findings[0].choices()["few counts"].reason


def test_what_is_no_count_has_no_advice():
    """A camera's values are small for another reason."""
    values = 1e-3 * np.random.default_rng(0).normal(1, 0.1, (64, 64, 40))
    assert "few counts" not in unmix(calibrated(values, "unmix")).settings


def test_saved_and_loaded(tmp_path):
    """Eight counts a pixel of one spectrum, of which sums show no more."""
    values = np.random.default_rng(0).poisson(8 / 40, (64, 64, 40))
    u = unmix(calibrated(values, "unmix"))
    u.save(tmp_path / "r.hspy")
    assert load(tmp_path / "r.hspy").settings["few counts"] == u.settings["few counts"]


def test_where_a_background_is_taken_out_the_call_that_is_said_finds_more():
    """Truth: three oxides, at 200 electrons a pixel, most of which are background."""
    s = data.three_oxides(counts=200, seed=1).signal
    u = unmix(s)
    reason = u.settings["few counts"].reason
    assert u.pca.summed is None and "signal.rebin(scale=(4, 4, 1)).unmix()" in reason
    assert "low loss" not in reason
    summed = unmix(s.rebin(scale=(4, 4, 1)))
    assert summed.n_components == 3 > u.n_components
    assert "few counts" not in summed.settings
