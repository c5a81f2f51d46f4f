"""A camera's fixed pattern, from the signal to the result; the truth is the scene's own."""

import hyperspy.api as hs
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import hyperspy_unmix
from hyperspy_unmix.tests.scenes import calibrated, untouched

SIDE, CHANNELS, SIZE = 32, 240, 0.01
SETTING = "channel gains"


def spectra_and_gain():
    """Two edges of many counts on a background that is most of them; gains 1 % apart."""
    x = np.arange(CHANNELS)
    background = 6 * (1 + x / 100) ** -2.5
    edges = np.array(
        [gaussian_filter(np.where(x > at, np.exp(-(x - at) / 90), 0), 2) for at in (90, 140)]
    )
    peaks = np.array([np.exp(-(((x - at) / 4) ** 2)) for at in (97, 148)])
    gain = 1 + SIZE * np.random.default_rng(1).standard_normal(CHANNELS)
    return background + edges + 0.8 * peaks, gain


def mean_counts():
    """Two phases that overlap everywhere, without a pattern."""
    rng = np.random.default_rng(2)
    spectra, _ = spectra_and_gain()
    share = gaussian_filter(rng.standard_normal((SIDE, SIDE)), 3)
    share = 0.5 + 0.35 * np.tanh(share / share.std())
    thickness = 0.6 + 0.4 * np.linspace(0, 1, SIDE)[:, None]
    maps = np.stack([share, 1 - share], -1) * thickness[..., None]
    return 2000 * maps @ spectra


def scene(with_pattern=True, lazy=False):
    """Poisson counts of these."""
    gain = spectra_and_gain()[1] if with_pattern else 1.0
    data = np.random.default_rng(0).poisson(mean_counts() * gain).astype(float)
    return calibrated(data, lazy=lazy)


@pytest.mark.parametrize("lazy", [False, True])
def test_taken_out_and_put_back(lazy):
    """Truth: a smooth mean spectrum; half of the pattern is left at most. The model has it back."""
    s = scene(lazy=lazy)
    with untouched(s):
        u = hyperspy_unmix.unmix(s, 2)
    value, reason = u.settings[SETTING]
    assert value == pytest.approx(100 * SIZE, rel=0.35)
    assert "fixed pattern" in reason
    # gains neither make nor take a component
    assert u.settings["n_components"].reason.endswith("2 components above the noise")
    # 1024 pixels, 240 channels: the mean of chi-square is known to 0.3 %, the model to a few
    assert np.median(u.reduced_chi_square.data) == pytest.approx(1, abs=0.04)
    recorded, smooth = scene().data.mean((0, 1)), mean_counts().mean((0, 1))
    left = hyperspy_unmix.preprocess(scene()).data.mean((0, 1)) / smooth
    assert np.std(np.diff(left, 2)) < 0.5 * np.std(np.diff(recorded / smooth, 2))


def test_alike_channels_stay_as_they_are():
    """Definition: nothing is said, and nothing changed, where there is no pattern."""
    u = hyperspy_unmix.unmix(scene(with_pattern=False), 2)
    assert SETTING not in u.settings
    assert "channel gains" not in u.pca.prepared.corrections.names


def test_preprocessed_applied_and_saved(tmp_path):
    """Closed form: counts over the gains; a result that is read again has the same model."""
    s = scene()
    u = hyperspy_unmix.unmix(s, 2)
    (correction,) = u.pca.prepared.corrections.corrections
    gain = correction.gains.gain
    cleaned = hyperspy_unmix.preprocess(s)
    np.testing.assert_allclose(cleaned.data, s.data / gain, rtol=1e-5)
    maps = u.apply(s).maps.data
    np.testing.assert_allclose(maps.sum(0).mean(), u.maps.data.sum(0).mean(), rtol=0.01)
    u.save(tmp_path / "result.hspy")
    again = hyperspy_unmix.load(tmp_path / "result.hspy")
    np.testing.assert_allclose(again.model().data, u.model().data, rtol=1e-5)


def test_with_a_background_window():
    """Definition: the gains are those of the channels that are left."""
    s = scene()
    axis = s.axes_manager.signal_axes[0].axis
    u = hyperspy_unmix.unmix(s, 2, background=(axis[30], axis[85]), background_type="power law")
    (pattern,) = [one for one in u.pca.prepared.corrections.corrections if one.name == SETTING]
    assert len(pattern.gains.gain) == u.pca.prepared.image.blocks.shape[1] < CHANNELS
    assert isinstance(u.spectra, hs.signals.BaseSignal)
