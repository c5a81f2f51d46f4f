"""Counts to components and back: nothing of a correction is left, whichever way it is taken out."""

from functools import cache

import numpy as np
import pytest

from hyperspy_unmix import data, pca, unmix
from hyperspy_unmix.numerics.noise.estimate import scatter_over_variance
from hyperspy_unmix.tests.scenes import PHASES, angle, array, two_phases, untouched, wedge

DRIFTS = (0.4, 2.5, 6.0)
LEAST_LEFT = 0.05  # channels of drift
PARTS = 5  # of the pixels, by their drift


def left_in(spectra, undrifted):
    """Channels by which spectra are still shifted: least squares of slope, spectrum and offset."""
    known = np.isfinite(spectra) & np.isfinite(undrifted)
    slope = -np.gradient(undrifted)
    design = np.stack([slope, undrifted, np.ones(len(slope))], 1)[known]
    fit = np.linalg.lstsq(design, spectra[known], rcond=None)[0]
    return fit[0] / fit[1]


@cache
def boundary(drift):
    """A phantom that nothing is changed of."""
    return data.inclined_boundary(drift=drift, seed=1)


@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
@pytest.mark.parametrize("with_low_loss", [True, False], ids=["low loss", "core loss alone"])
@pytest.mark.parametrize("drift", DRIFTS)
def test_no_drift_is_left_in_preprocessed_counts(drift, with_low_loss, lazy):
    """Truth: the single-scattering model of the same pixels, which stands at one place.

    The statistical error of a part's shift is about 0.01 channels.
    """
    signal, low_loss, _ = boundary(drift)
    if lazy:
        signal, low_loss = signal.as_lazy(), low_loss.as_lazy()
    p = pca(signal, low_loss=low_loss if with_low_loss else None)
    assert p.prepared.drift.applied
    channels = p.prepared.image.last - p.prepared.image.first
    counts = array(p.preprocessed()).reshape(-1, channels)
    model = array(p.ica().model("single_scattering")).reshape(-1, channels)
    for part in np.array_split(np.argsort(p.prepared.drift.shift), PARTS):
        assert abs(left_in(counts[part].mean(0), model[part].mean(0))) < LEAST_LEFT


def test_preprocessed_counts_are_what_the_components_describe():
    """Truth: model and residual, whose sum is the counts; all but the noise is the same."""
    signal, low_loss, _ = data.inclined_boundary(drift=0.4, seed=2)
    p = pca(signal, low_loss=low_loss)
    u = p.ica()
    left = array(p.preprocessed()) - array(u.model("single_scattering"))
    counts = array(signal)[..., p.prepared.image.first : p.prepared.image.last]
    # over all pixels the noise of the counts, a little more where plural scattering is taken out
    allowed = 8 * np.sqrt(counts.sum((0, 1)))
    assert (np.abs(left.sum((0, 1))) < allowed).mean() > 0.9


@pytest.fixture(scope="module")
def scattered():
    s, ll, _ = wedge()
    return unmix(s, 2, low_loss=ll)


def test_components_add_up_to_the_model(scattered):
    """Closed form: what each adds, and the background; plural scattering is in each."""
    u = scattered.rename(["film", "substrate"])
    parts = [array(u.model(components=name)) for name in u.names]
    background = 0 if u.background is None else array(u.background)
    np.testing.assert_allclose(sum(parts) + background, array(u.model()), atol=1e-2)
    both = array(u.model(components=["substrate", 0]))
    np.testing.assert_allclose(both, sum(parts), atol=1e-2)
    image = u.prepared.image
    single = array(u.model("single_scattering", components=1))[..., image.positions]
    known = u.arrays.maps[:, 1, None] * u.arrays.spectra[1] * image.widths_in_values
    np.testing.assert_allclose(single.reshape(known.shape), known, rtol=1e-4, atol=1e-3)
    assert "substrate" in u.model(components=1).metadata.General.title
    with pytest.raises(ValueError, match="no component 'air'"):
        u.model(components="air")


@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
def test_what_is_left_without_a_component_is_the_other_phase(lazy):
    """Truth: the spectrum of the other phase, and the expected counts, whose variance they are."""
    s = two_phases(shape=(16, 16), lazy=lazy, dtype=int)
    u = unmix(s, 2)
    with untouched(s):
        left = u.subtract(0)
    assert left._lazy == lazy and hasattr(left.data, "dask") == lazy
    assert type(left) is type(s)
    counts = array(s)
    np.testing.assert_allclose(array(left) + array(u.model(components=0)), counts, atol=1e-4)
    # 256 pixels know the mean of a channel's expected counts to a few percent of its noise
    variance = array(left.get_noise_variance())
    np.testing.assert_allclose(variance.mean((0, 1)), counts.mean((0, 1)), rtol=0.1)
    again = left.unmix()
    assert again.n_components == 1 and again.settings["noise"].value == "given"
    assert again.quantity == "Counts"
    # the error of the one that was taken out is in what is left
    assert angle(again.spectra.data, PHASES) < angle(u.spectra.data, PHASES) + 5.0


@pytest.mark.parametrize(("stated", "is_right"), [(1.0, True), (1.5, False), (0.7, False)])
def test_scatter_tells_the_variance_of_what_is_left_of_sparse_counts(stated, is_right):
    """Truth: the expected counts, of which nine tenths are then taken off; 60 counts a pixel."""
    rng = np.random.default_rng(3)
    lines = np.exp(-(((np.arange(400) - rng.uniform(0, 400, (3, 1))) / 4) ** 2)) + 0.02
    shares = rng.dirichlet([0.5] * 3, 400) * [[1.0, 1.0, 18.0]]
    shares *= 60 / (shares @ lines).sum(1).mean()
    expected = shares @ lines
    left = rng.poisson(expected) - shares[:, 2:] @ lines[2:]
    level = scatter_over_variance(left, stated * expected)
    assert (abs(level - 1) < 0.09) == is_right  # what `is_credible` allows


def test_no_variance_is_stated_of_noise_that_channels_share():
    """A variance of single values would leave out what neighbours have in common."""
    counts = two_phases(shape=(16, 16), dose=2000.0)
    spread = counts.deepcopy()
    spread.data = sum(w * np.roll(counts.data, k, -1) for k, w in ((-1, 0.2), (0, 0.6), (1, 0.2)))
    u = unmix(spread, 2)
    assert u.prepared.noise.correlation
    assert u.subtract("1").get_noise_variance() is None
    assert unmix(u.subtract("1"), 1).prepared.noise.kind != "given"
