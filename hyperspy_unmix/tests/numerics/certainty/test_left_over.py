"""What a model leaves of compressed counts, against the singular values of the residual itself."""

import numpy as np
import pytest

from hyperspy_unmix.numerics.certainty.left_over import left_over
from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.noise.noise_edge import noise_edge
from hyperspy_unmix.numerics.noise.whitening import ChannelWhitening

N, M, RANK = 600, 80, 12
EDGE = noise_edge(N, M)
SD = np.linspace(1.0, 3.0, M)
WEIGHTS = np.linspace(0.5, 2.0, N)


def counts(strength):
    """Two spectra, a third of this strength in the first tenth of the pixels, and noise."""
    rng = np.random.default_rng(0)
    x = np.arange(M)
    spectra = np.exp(-0.5 * ((x - np.array([[20], [40], [65]])) / 3) ** 2) * SD
    maps = rng.uniform(0, 60, (N, 3))
    maps[:, 2] = strength * (np.arange(N) < N // 10)
    noise = rng.standard_normal((N, M)) * SD / np.sqrt(WEIGHTS)[:, None]
    return maps, spectra, maps @ spectra + noise


def compressed(data):
    """Its leading components, orthonormal when whitened; and the largest value beyond them."""
    left, s, right = np.linalg.svd(data / SD * np.sqrt(WEIGHTS)[:, None], full_matrices=False)
    form = LowRank(
        scores=(left * s)[:, :RANK] / np.sqrt(WEIGHTS)[:, None],
        components=right[:RANK] * SD,
        weights=WEIGHTS,
        whitening=ChannelWhitening(SD),
        noise=np.eye(RANK),
        model_error=np.zeros((RANK, RANK)),
        shape_noise=np.zeros((0, M)),
    )
    return form, s[RANK] ** 2 / EDGE


@pytest.mark.parametrize("strength", [0.0, 8.0, 30.0])
def test_values_are_those_of_the_residual(strength):
    """Truth: singular values of the whole whitened residual. What noise the components below the
    noise edge share with the model is left out: three percent where nothing else is left."""
    maps, spectra, data = counts(strength)
    form, beyond = compressed(data)
    found = left_over(form, maps[:, :2], spectra[:2], EDGE, beyond)
    residual = (data - maps[:, :2] @ spectra[:2]) / SD * np.sqrt(WEIGHTS)[:, None]
    truth = np.linalg.svd(residual, compute_uv=False) ** 2 / EDGE
    assert found.greatest == pytest.approx(truth[0], rel=0.04)
    assert (np.diff(found.values) <= 0).all()
    assert (found.greatest > 1.2) == (strength > 0)


def test_spectrum_and_map_of_what_is_left():
    """Truth: the third spectrum, and the tenth of the pixels in which it is."""
    maps, spectra, data = counts(30.0)
    form, beyond = compressed(data)
    found = left_over(form, maps[:, :2], spectra[:2], EDGE, beyond)
    cosine = found.spectrum @ spectra[2] / np.linalg.norm(found.spectrum)
    assert cosine / np.linalg.norm(spectra[2]) > 0.98
    assert np.corrcoef(found.map, maps[:, 2])[0, 1] > 0.98
    assert np.mean(found.map**2) == pytest.approx(1)
    # half of a map that is the same in a tenth of the pixels is in a twentieth
    assert found.share_of_pixels == pytest.approx(0.05, abs=0.01)
    # map times spectrum are counts
    product = found.map[:, None] * found.spectrum
    truth = maps[:, 2:] @ spectra[2:]
    assert np.linalg.norm(product - truth) < 0.2 * np.linalg.norm(truth)


def test_no_residual_at_all():
    """Closed form: a model that is the compressed counts leaves nothing but what is beyond."""
    form, beyond = compressed(counts(8.0)[2])
    found = left_over(form, form.scores, form.components, EDGE, beyond)
    assert found.greatest == pytest.approx(beyond)
    assert np.isfinite(found.map).all() and np.isfinite(found.spectrum).all()
