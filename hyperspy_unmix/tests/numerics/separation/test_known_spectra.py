"""Known spectra among components: what is held of them, where they go, what is even."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.noise.whitening import ChannelWhitening
from hyperspy_unmix.numerics.separation.even_known import take_even_known
from hyperspy_unmix.numerics.separation.known_spectra import (
    are_told_apart,
    nearest_places,
    project,
    put_beside,
    take_in,
    turn_towards,
)
from hyperspy_unmix.numerics.separation.reference_calibration import calibration_that_fits
from hyperspy_unmix.numerics.separation.refine import refine

CHANNELS, PIXELS = 150, 900
X = np.arange(float(CHANNELS))
NOISE = 0.01


def peak(centre, width):
    return np.exp(-0.5 * ((X - centre) / width) ** 2)


SPECTRA = np.array([0.5 + 0 * X, peak(50, 5), peak(90, 8)])


def image(maps, spectra=SPECTRA, seed=0):
    """Principal components of ``maps @ spectra`` with white noise, as many as there are spectra."""
    rng = np.random.default_rng(seed)
    data = maps @ spectra + NOISE * rng.normal(size=(len(maps), CHANNELS))
    rank = len(spectra)
    left, values, right = np.linalg.svd(data, full_matrices=False)
    return LowRank(
        scores=left[:, :rank] * values[:rank],
        components=right[:rank],
        weights=np.ones(len(maps)),
        whitening=ChannelWhitening(np.full(CHANNELS, NOISE)),
        noise=NOISE**2 * np.eye(rank),
        model_error=np.zeros((rank, rank)),
        shape_noise=np.zeros((0, CHANNELS)),
    )


def mixed_maps(seed=1):
    return np.random.default_rng(seed).dirichlet([0.4, 0.4, 0.4], PIXELS)


def true_rows(spectra):
    return SPECTRA @ np.linalg.pinv(spectra.components)


@pytest.mark.parametrize("seed", range(3))
def test_true_spectra_fit_and_others_do_not(seed):
    """Truth: the spectra that the scene is made of; half a channel off is no sum of them."""
    spectra = image(mixed_maps(), seed=seed)
    assert all(project(spectrum, spectra).fits for spectrum in SPECTRA)
    noisy = SPECTRA[1] + 0.02 * np.random.default_rng(seed).normal(size=CHANNELS)
    assert project(noisy, spectra).fits

    def moved(channels):
        return peak(48.5 - channels + 3, 5)

    assert not project(moved(0.0), spectra).fits
    assert abs(calibration_that_fits(moved, spectra).offset - 1.5) < 0.1
    assert calibration_that_fits(lambda channels: peak(20 - channels, 2), spectra) is None


def lost(shapes, spectra):
    """Share of each spectrum's squares that no combination of the components holds."""
    basis = np.linalg.qr(spectra.components.T)[0]
    return 1 - np.sum((shapes @ basis) ** 2, 1) / np.sum(shapes**2, 1)


@pytest.mark.parametrize("known", [[0], [1], [0, 2]])
def test_components_turn_towards_what_is_known(known):
    """Truth: the spectra of the scene. The components lack less of them, in the mean."""
    before, after = [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        spectra = image(mixed_maps(seed)[:200] * [1, 1, 0.05], seed=seed)
        turned = turn_towards(SPECTRA[known], spectra, np.array([0.999, 0.99, 0.6]))
        assert turned.scores is spectra.scores
        before.append(lost(SPECTRA, spectra))
        after.append(lost(SPECTRA, turned))
        # What is held already changes nothing.
        rows = rng.normal(size=(1, 3))
        same = turn_towards(rows @ spectra.components, spectra, np.full(3, 0.9))
        np.testing.assert_allclose(same.components, spectra.components, atol=1e-10)
    assert (np.mean(after, 0)[known] < np.mean(before, 0)[known]).all()
    assert np.mean(after) < np.mean(before)


def test_what_is_known_is_taken_in_and_the_others_stay():
    """Closed form: the spectra as given, the others and the maps of all as they were."""
    spectra = image(mixed_maps())
    unmixing = true_rows(spectra)
    held = take_in(SPECTRA[[2, 0]], np.array([2, 0]), unmixing, spectra)
    found = unmixing @ held.components
    np.testing.assert_allclose(found[[0, 2]], SPECTRA[[0, 2]], atol=1e-12)
    np.testing.assert_allclose(found[1], unmixing[1] @ spectra.components, atol=1e-12)


def test_one_beside_the_leading_ones():
    """Closed form: with it the leading components make the spectrum; its own length is one."""
    spectra = image(mixed_maps())
    other = peak(120, 4)
    beside = put_beside(other[None], spectra, 2)
    np.testing.assert_array_equal(beside.components[:2], spectra.components[:2])
    assert lost(other[None], beside)[0] < 1e-12
    np.testing.assert_allclose(np.linalg.norm(beside.components[2] / NOISE), 1)


@pytest.mark.parametrize("offset", [-10.0, -0.5, 0.0, 1.0, 7.0])
@pytest.mark.parametrize("broadening", [-5.0, -2.0, 0.0, 4.0])
def test_offset_and_resolution_of_a_reference(offset, broadening):
    """Truth: by how much it was shifted, and it or the scene broadened; two are the same scene."""
    scene_width, own_width = max(broadening, 0.0), max(-broadening, 0.0)
    spectra = np.array([gaussian_filter1d(s, scene_width) if scene_width else s for s in SPECTRA])
    measured = image(mixed_maps(), spectra)

    def moved(channels):
        shape = peak(50 + offset - channels, np.hypot(5, own_width)) * 5 / np.hypot(5, own_width)
        return shape

    found = calibration_that_fits(moved, measured)
    if offset == broadening == 0:
        assert found is None
        return
    assert abs(found.offset - offset) < 0.1
    assert abs(found.broadening - broadening) < 0.3


def test_known_ones_take_the_place_of_their_own():
    spectra = image(mixed_maps())
    rows = true_rows(spectra)
    turned = (np.eye(3) + 0.1 * np.random.default_rng(2).normal(size=(3, 3))) @ rows
    for order in ([0, 1, 2], [2, 0, 1]):
        assert nearest_places(3.0 * rows[order], turned, spectra).tolist() == order


def test_told_apart():
    whitening = image(mixed_maps()).whitening
    assert are_told_apart(SPECTRA, whitening)
    assert not are_told_apart(np.array([*SPECTRA, SPECTRA[0] + 2 * SPECTRA[1]]), whitening)
    assert not are_told_apart(np.array([SPECTRA[0], 0 * X]), whitening)


def film(seed=1):
    """Maps of a film of one thickness, and of two islands that lie on it."""
    islands = np.random.default_rng(seed).dirichlet([0.4, 0.4, 0.4], PIXELS)[:, 1:]
    return np.concatenate([np.ones((PIXELS, 1)), islands], 1)


IS_FILM = np.array([True, False, False])


@pytest.mark.parametrize("shares", [(1.0, 1.0), (0.5, -0.3), (0.0, 2.0)])
def test_an_even_film_is_taken_out_of_what_lies_on_it(shares):
    """Truth: islands without the film, whatever of it they held before; a hundredth of it."""
    spectra = image(film())
    rows = true_rows(spectra)
    start = rows + np.array([0, *shares])[:, None] * rows[0]
    unmixing, place = take_even_known(spectra, start, IS_FILM)
    assert place == 0
    found = unmixing @ spectra.components
    np.testing.assert_allclose(found, SPECTRA, atol=0.01)


def test_a_phase_beside_others_is_no_film():
    """Shares that sum to one: an even map would make the others negative; nothing is changed."""
    spectra = image(mixed_maps())
    start = true_rows(spectra)
    unmixing, place = take_even_known(spectra, start, IS_FILM)
    assert place is None
    assert unmixing is start


def test_a_refinement_leaves_those_without_error():
    """Rows of error zero stay, also where all are negative; the others move."""
    spectra = image(mixed_maps())
    rows = true_rows(spectra)
    start = rows - np.array([0, 0.3, 0.0])[:, None] * rows[2]
    refined = refine(spectra, start, np.array([0.1, 0.1, 0.0]))
    assert refined.moved[2] < 1e-4
    cosine = refined.unmixing[2] @ start[2]
    cosine /= np.linalg.norm(refined.unmixing[2]) * np.linalg.norm(start[2])
    np.testing.assert_allclose(cosine, 1, rtol=1e-12)
    assert refined.moved[1] > 1
