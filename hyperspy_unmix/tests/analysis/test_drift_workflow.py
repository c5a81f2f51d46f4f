"""Energy drift and background through the whole workflow, on phantoms of known drift."""

from functools import cache

import numpy as np
import pytest

from hyperspy_unmix import data, pca, preprocess, unmix
from hyperspy_unmix.tests.preparation.drift_scenes import drifting
from hyperspy_unmix.tests.scenes import angle, array, calibrated, edge_on_background, untouched

# a numpy warning means nothing to the user who gets it
pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")
eager_and_lazy = pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
SHAPE = (20, 20)


@cache
def made(**options):
    """A phantom, of which copies are given away."""
    return data.inclined_boundary(shape=SHAPE, **options)


def boundary(lazy=False, **options):
    phantom = made(**options)
    signals = phantom.signal.deepcopy(), phantom.low_loss.deepcopy()
    return (*(s.as_lazy() if lazy else s for s in signals), phantom.truth)


def at_the_median(spectra, truth):
    """True spectra where those of the median pixel were recorded: only differences are known."""
    channel = np.arange(spectra.shape[-1])
    by = np.median(truth.parameters["drift"])
    moved = [np.interp(channel - by, channel, row) for row in spectra.reshape(-1, len(channel))]
    return np.reshape(moved, spectra.shape)


# ------------------------------------------------------------------------------- map of the shift


@eager_and_lazy
def test_map_of_the_shift_and_its_variance(lazy):
    """Truth: the phantom's drift in eV; within what its variance and a hundredth of it say."""
    signal, low_loss, truth = boundary(lazy, drift=4.0)
    with untouched(signal, low_loss):
        u = unmix(signal, low_loss=low_loss)
    scale = signal.axes_manager[-1].scale
    drift = scale * truth.parameters["drift"]
    found = u.energy_shift
    assert found.metadata.Signal.quantity == "Energy shift (eV)"
    assert found.data.shape == SHAPE
    error = found.data - drift
    error -= np.median(error)
    stated = np.sqrt(found.metadata.Signal.Noise_properties.variance.data)
    assert stated.shape == SHAPE
    assert np.sqrt(np.mean((error / np.hypot(stated, 0.005 * scale)) ** 2)) < 1.5
    assert "taken out" in u.settings["energy shift"].reason
    assert u.n_components == 2


def test_no_map_where_none_was_looked_for():
    signal, low_loss, _ = boundary(drift=4.0)
    u = unmix(signal, low_loss=low_loss, energy_shift=None)
    assert u.energy_shift is None
    assert u.settings["energy shift"].value is None
    eds = data.eds_phases(shape=(12, 12)).signal
    assert unmix(eds, 2).energy_shift is None


@pytest.mark.parametrize("with_low_loss", [True, False])
def test_drift_is_worth_taking_out(with_low_loss):
    """Truth: spectra of the phantom. With the drift taken out they come out as without one.

    Left in, it is a component of its own, or turns the others.
    """
    found = {}
    for drift in (0.0, 4.0):
        signal, low_loss, truth = boundary(drift=drift)
        low_loss = low_loss if with_low_loss else None
        for energy_shift in ("auto", None):
            u = unmix(signal, 2, low_loss=low_loss, energy_shift=energy_shift)
            first = u.pca.prepared.image.first
            true = at_the_median(truth.spectra.data, truth)[
                :, first : first + u.spectra.data.shape[1]
            ]
            found[drift, energy_shift] = angle(u.spectra.data[:, 8:-8], true[:, 8:-8])
    assert found[4.0, "auto"] < 1.5 * found[0.0, None] + 1
    assert found[0.0, "auto"] < 1.1 * found[0.0, None] + 0.5


# ----------------------------------------------------------------------------- model and residual


@eager_and_lazy
@pytest.mark.parametrize("drift", [0.6, 12.0])
@pytest.mark.parametrize("with_low_loss", [True, False])
def test_model_and_residual_are_the_counts(with_low_loss, drift, lazy):
    """Closed form: their sum; the residual is noise: chi-square of 1.

    200 000 values know it to half a percent; what physics leaves of it, and the interpolation by
    fractions of a channel, are allowed five. Channels that a shift leaves unknown are NaN, at the
    ends alone.
    """
    signal, low_loss, _ = boundary(lazy, drift=drift)
    # without the low loss plural scattering takes some components more
    u = unmix(signal, 2, low_loss=low_loss) if with_low_loss else unmix(signal, 6)
    model, residual = array(u.model()), array(u.residual())
    last = u.pca.prepared.image.last
    counts = array(signal)[..., last - model.shape[-1] : last].astype(float)
    known = np.isfinite(model)
    assert known.mean() > 0.97
    assert known[..., 16:-16].all()
    np.testing.assert_allclose((model + residual)[known], counts[known], rtol=1e-5, atol=0.01)
    chi2 = np.mean((residual**2 / np.maximum(model, 1))[..., 20:-20])
    assert chi2 == pytest.approx(1, abs=0.05)
    assert abs(residual[known].sum()) < 1e-3 * counts.sum()


def test_single_scattering_model_is_where_the_spectra_belong():
    """Truth: that of the phantom, which does not drift; two percent of its largest value."""
    signal, low_loss, truth = boundary(drift=6.0)
    u = unmix(signal, 2, low_loss=low_loss)
    found = array(u.model(space="single_scattering"))
    n = found.shape[-1]
    scale = signal.axes_manager[-1].scale
    true = np.moveaxis(truth.maps.data, 0, -1) @ truth.spectra.data * scale
    first = u.pca.prepared.image.first
    true = at_the_median(true, truth)[..., first : first + n]
    error = (found - true)[..., 10:-10]
    assert np.sqrt(np.mean(error**2)) < 0.02 * true.max()


@eager_and_lazy
def test_masked_pixels_with_drift(lazy):
    """Truth: what is in excluded pixels does not matter; they are NaN in every map."""
    signal, low_loss, _ = boundary(drift=9.0)
    mask = np.random.default_rng(0).random(SHAPE) < 0.2
    results = []
    for value in (0, 5000):
        changed, dark = signal.deepcopy(), low_loss.deepcopy()
        changed.data[mask] = value
        dark.data[mask] = value
        if lazy:
            changed, dark = changed.as_lazy(), dark.as_lazy()
        results.append(unmix(changed, 2, low_loss=dark, navigation_mask=mask))
    first, second = results
    for name in ("maps", "thickness", "energy_shift", "densities"):
        one, other = (array(getattr(u, name)) for u in results)
        np.testing.assert_allclose(one, other, rtol=1e-5, err_msg=name)
        np.testing.assert_array_equal(np.isnan(one).reshape(-1, *SHAPE)[0], mask, err_msg=name)
    residual = array(first.residual())
    assert np.isnan(residual[mask]).all()
    assert np.isfinite(residual[~mask][:, 16:-16]).all()
    np.testing.assert_allclose(first.spectra.data, second.spectra.data, rtol=1e-4, atol=1e-7)


def test_masked_channels_with_drift():
    """Truth: what is in excluded channels does not matter, wherever a shift moves them."""
    signal, low_loss, _ = boundary(drift=9.0)
    channels = np.zeros(signal.data.shape[-1], bool)
    channels[700:704] = True
    results = []
    for value in (0, 100_000):
        changed = signal.deepcopy()
        changed.data[..., channels] = value
        results.append(unmix(changed, 2, low_loss=low_loss, signal_mask=channels))
    np.testing.assert_allclose(results[0].maps.data, results[1].maps.data, rtol=1e-4)


# ------------------------------------------------------------------------------------ background


@eager_and_lazy
@pytest.mark.parametrize("drift", [0.0, 5.0])
def test_background_signal_is_that_of_the_phantom(drift, lazy):
    """Truth: of the phantom, plural scattering and drift in it; one percent in sums over rows.

    Behind the window it is extrapolated: two percent of it at the end of the range.
    """
    signal, low_loss, truth = boundary(lazy, drift=drift)
    u = unmix(signal, low_loss=low_loss)
    found = array(u.background)
    first = u.pca.prepared.image.first
    true = truth.background.data[..., first : first + found.shape[-1]]
    inside = slice(12, -12)
    ratio = found.mean((0, 1))[inside] / true.mean((0, 1))[inside]
    np.testing.assert_allclose(ratio, 1, atol=0.03)
    assert u.background.metadata.General.title.endswith("background")
    # it and the components, scattered, are the model
    assert np.nanmean(found) < np.nanmean(array(u.model()))


def test_no_background_signal_where_none_was_subtracted():
    signal, low_loss, _ = boundary()
    assert unmix(signal, 2, low_loss=low_loss, background=None).background is None
    assert unmix(data.eds_phases(shape=(12, 12)).signal, 2).background is None


@eager_and_lazy
def test_background_subtracted_elsewhere(lazy):
    """Truth: two phases, the background taken out beforehand by the phantom's own; found as such.

    The noise of the background is left, and no counts tell how much of it; one more may be found.
    """
    signal, low_loss, truth = boundary()
    signal.data = signal.data.astype(float) - truth.background.data
    if lazy:
        signal, low_loss = signal.as_lazy(), low_loss.as_lazy()
    with untouched(signal, low_loss):
        u = unmix(signal, low_loss=low_loss)
    assert u.settings["background"].value is None
    assert "left alone" in u.settings["background"].reason
    assert u.background is None
    assert u.n_components in (2, 3)
    np.testing.assert_allclose(array(u.model() + u.residual()), array(signal), rtol=1e-5, atol=0.05)
    alone = edge_on_background()
    alone.data -= alone.data[..., :120].mean(-1, keepdims=True)
    assert unmix(alone, 1).background is None


# ------------------------------------------------------------------------------- lazy and eager


def test_lazy_equals_eager():
    """All that is returned, from a scan that drifts by several channels."""
    results = []
    for lazy in (False, True):
        signal, low_loss, _ = boundary(lazy, drift=9.0)
        results.append(unmix(signal, 2, low_loss=low_loss, exposure_ratio=3.0))
    eager, lazy = results
    for name in ("maps", "spectra", "thickness", "densities", "energy_shift", "background"):
        one, other = (array(getattr(u, name)) for u in results)
        np.testing.assert_allclose(
            other, one, rtol=1e-3, atol=1e-4 * np.nanmax(np.abs(one)), err_msg=name
        )
    for space in ("measured", "single_scattering"):
        one, other = (array(u.model(space)) for u in results)
        np.testing.assert_allclose(other, one, rtol=1e-3, atol=1e-4 * np.nanmax(one))
    assert lazy.settings["energy shift"].reason == eager.settings["energy shift"].reason


@pytest.mark.parametrize("shape", [(300,), (3, 10, 10)])
def test_lines_and_stacks_drift_too(shape):
    """Truth: the drift, along the order in which the pixels were recorded."""
    signal, drift = drifting(shape=shape, drift=5.0)
    u = unmix(signal, 1, background=(460, 525))
    assert u.energy_shift.data.shape == shape
    error = u.energy_shift.data - 0.5 * drift
    assert np.std(error) < 0.05
    model = array(u.model())
    assert model.shape[:-1] == shape
    assert array(preprocess(signal, background=(460, 525))).shape[:-1] == shape


def test_axis_without_units():
    """In channels then."""
    signal, drift = drifting(drift=5.0)
    bare = calibrated(signal.data, "EELS_unmix")
    axis = bare.axes_manager[-1]
    axis.units, axis.scale, axis.offset = "", 1.0, 0.0
    found = pca(bare, 1, background=None).ica().energy_shift
    np.testing.assert_allclose(found.data, drift - np.median(drift), atol=0.2)


@eager_and_lazy
def test_drift_of_fractions_of_wide_channels(lazy):
    """Truth: two phases, a background that is a power law; channels of 2 eV, a drift of 4 eV."""
    phantom = data.inclined_boundary(shape=(24, 20), drift=8.0, seed=2)
    signal = phantom.signal.rebin(scale=(1, 1, 4))
    low_loss = phantom.low_loss
    if lazy:
        signal, low_loss = signal.as_lazy(), low_loss.as_lazy()
    found = pca(signal, low_loss=low_loss)
    assert found.prepared.drift.applied
    assert found.n_components == 2
    assert found.background_fit.misfit < 1.2


@eager_and_lazy
@pytest.mark.parametrize("drift", [2.4, 20.0])
def test_edges_sharper_than_a_channel(drift, lazy):
    """Truth: two phases in channels of 4 eV; a drift of 0.3 and of 2.5 channels. Chi-square is one
    to its error, 0.003, and to what is left of the aliasing."""
    phantom = data.inclined_boundary(shape=(24, 20), drift=drift, seed=2)
    signal, low_loss = phantom.signal.rebin(scale=(1, 1, 8)), phantom.low_loss
    if lazy:
        signal, low_loss = signal.as_lazy(), low_loss.as_lazy()
    u = unmix(signal, low_loss=low_loss)
    assert u.n_components == 2
    assert "detail finer than a channel" in u.settings["n_components"].reason
    assert np.nanmean(array(u.reduced_chi_square)) == pytest.approx(1, abs=0.05)
    total = array(u.model()) + array(u.residual())
    last = u.pca.prepared.image.last
    counts = array(signal)[..., last - total.shape[-1] : last]
    known = np.isfinite(total)
    np.testing.assert_allclose(total[known], counts[known], rtol=1e-5, atol=0.01)
    assert u.stability.min() > 0.9
