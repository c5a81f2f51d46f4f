"""Counts to components and back: nothing of a correction is left, whichever way it is taken out."""

import numpy as np
import pytest

from hyperspy_unmix import data, pca
from hyperspy_unmix.tests.scenes import array

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


@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
@pytest.mark.parametrize("with_low_loss", [True, False], ids=["low loss", "core loss alone"])
@pytest.mark.parametrize("drift", DRIFTS)
def test_no_drift_is_left_in_preprocessed_counts(drift, with_low_loss, lazy):
    """Truth: the single-scattering model of the same pixels, which stands at one place.

    The statistical error of a part's shift is about 0.01 channels.
    """
    signal, low_loss, _ = data.inclined_boundary(drift=drift, seed=1)
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
