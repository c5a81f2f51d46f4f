"""Few counts: components from sums of pixels, maps of single ones."""

from functools import cache

import numpy as np
import pytest

from hyperspy_unmix import denoise, estimate_number_of_components, load, pca, unmix
from hyperspy_unmix.analysis import summed_pixels
from hyperspy_unmix.tests.scenes import calibrated

SHAPE, CHANNELS = (64, 64), 400
CHANNEL = np.arange(float(CHANNELS))
SPECTRA = np.array(
    [
        0.3
        + 3 * np.exp(-0.5 * ((CHANNEL - centre) / 6) ** 2)
        + np.exp(-0.5 * ((CHANNEL - 320) / 9) ** 2)
        for centre in (90, 150, 220)
    ]
)
SPECTRA /= SPECTRA.sum(1, keepdims=True)


def maps():
    """Three phases in grains of some ten pixels, each alone in most of its own."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    waves = [np.sin(x / 6 + phase) + np.cos(y / 7 - phase) for phase in (0.0, 2.1, 4.2)]
    share = np.exp(4 * np.stack(waves, -1))
    return share / share.sum(-1, keepdims=True)


@cache
def grains(counts, seed=0, lazy=False):
    values = np.random.default_rng(seed).poisson(counts * maps() @ SPECTRA).astype(np.float32)
    return calibrated(values, "unmix", lazy=lazy, chunks=(20, 30, -1) if lazy else None)


def angles(spectra):
    """Degrees of each true spectrum from the nearest that was found."""
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (SPECTRA, spectra)]
    return np.degrees(np.arccos((unit[0] @ unit[1].T).clip(-1, 1))).min(1)


def oracle(signal):
    """Spectra of least squares with the true maps."""
    values = np.asarray(signal.data).reshape(-1, CHANNELS)
    return np.linalg.lstsq(maps().reshape(-1, 3), values, rcond=None)[0]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("counts", [4, 10])
def test_what_single_pixels_do_not_show(counts, seed):
    """Truth: three phases. One and a half times the error of who knows the maps is wanted."""
    s = grains(counts, seed)
    u = unmix(s)
    assert u.n_components == 3 and u.pca.summed is not None
    assert angles(u.spectra.data).mean() < 1.5 * angles(oracle(s)).mean()
    assert "summed pixels" in u.settings
    assert max(u.pca.summed.factors) <= 8


def test_lazy_is_the_same():
    """Truth: the same, eager; sums do not depend on chunks."""
    u, v = unmix(grains(10)), unmix(grains(10, lazy=True))
    assert v.pca.summed.factors == u.pca.summed.factors
    np.testing.assert_allclose(v.spectra.data, u.spectra.data, atol=1e-3 * u.spectra.data.max())
    np.testing.assert_allclose(v.maps.data, u.maps.data, atol=1e-2 * np.abs(u.maps.data).max())


def test_maps_are_those_of_single_pixels_within_their_errors():
    """Truth: the phantom's maps: 95 % within two standard deviations, and their sums to 5 %."""
    u = unmix(grains(10))
    unit = SPECTRA / np.linalg.norm(SPECTRA, axis=1, keepdims=True)
    order = (unit @ u.spectra.data.T).argmax(1)
    found, sd = u.maps.data[order], u.maps_uncertainty.data[order]
    true = 10 * np.moveaxis(maps(), -1, 0)
    within = np.abs(found - true) < 2 * sd
    assert found.shape == (3, *SHAPE)
    assert 0.9 < within.mean() < 0.99
    np.testing.assert_allclose(found.sum((1, 2)), true.sum((1, 2)), rtol=0.1)


def test_single_pixels_where_they_hold_enough():
    """Closed form: at 3 000 counts a pixel nothing is summed."""
    result = pca(grains(3000))
    assert result.summed is None and result.n_components == 3


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_found_where_there_is_nothing(seed):
    """Truth: one spectrum everywhere."""
    values = np.random.default_rng(seed).poisson(20 * SPECTRA[0], (*SHAPE, CHANNELS))
    assert estimate_number_of_components(calibrated(values, "unmix")).consensus == 1


def test_a_small_particle_is_not_lost():
    """Truth: two grains and a particle of 3 x 3 pixels that shines."""
    expected = 100 * maps()[..., :1] * SPECTRA[0] + 100 * (1 - maps()[..., :1]) * SPECTRA[1]
    expected[30:33, 41:44] = 600 * SPECTRA[2]
    s = calibrated(np.random.default_rng(0).poisson(expected).astype(np.float32), "unmix")
    u = unmix(s)
    assert u.n_components == 3
    assert angles(u.spectra.data).max() < 15


FOURTH = 0.2 + 3 * np.exp(-0.5 * ((CHANNEL - 270) / 5) ** 2)


@cache
def grains_and_spots(seed=0, lazy=False):
    """Three phases of 10 counts a pixel, and thirty single pixels of a fourth, of 40 counts."""
    rng = np.random.default_rng(seed)
    expected = 10 * maps() @ SPECTRA
    row, column = rng.integers(0, 64, (2, 30))
    expected[row, column] = 40 * FOURTH / FOURTH.sum()
    values = rng.poisson(expected).astype(np.float32)
    chunks = (20, 30, -1) if lazy else None
    return calibrated(values, "unmix", lazy=lazy, chunks=chunks), (row, column)


@pytest.mark.parametrize("seed", range(2))
def test_what_only_single_pixels_show_stays_beside_the_sums(seed):
    """Truth: grains that sums show better, and spots that are lost in sums; both are found.

    Sums without the spots would have been given up, with errors of 31 degrees for the fourth
    spectrum and a quarter more for the others.
    """
    s, spots = grains_and_spots(seed)
    u = unmix(s)
    sums = u.pca.summed
    assert u.n_components == 4 and sums is not None
    four = np.concatenate([SPECTRA, [FOURTH]])
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (four, u.spectra.data)]
    cosine = (unit[0] @ unit[1].T).clip(-1, 1)
    found = np.degrees(np.arccos(cosine)).min(1)
    assert found[:3].max() < 12 and found[3] < 25
    # the map of the fourth is bright where the spots are, in single pixels
    fourth = u.maps.data[cosine[3].argmax()]
    assert fourth[spots].mean() == pytest.approx(40, rel=0.25)
    assert 20 <= sums.alone <= 60
    assert f"{sums.alone} pixels that stand out" in u.settings["summed pixels"].reason


def test_spots_in_a_lazy_signal():
    """Truth: the same, eager."""
    u, v = unmix(grains_and_spots()[0]), unmix(grains_and_spots(lazy=True)[0])
    assert u.pca.summed.alone == v.pca.summed.alone
    np.testing.assert_allclose(v.spectra.data, u.spectra.data, atol=1e-3 * u.spectra.data.max())


def test_counts_of_every_scale_are_said():
    """Closed form: what `SummedPixels.found` holds, in the words of the settings."""
    u = unmix(grains(10))
    said = u.settings["summed pixels"].reason
    assert f"{u.pca.summed.counted_before} found at full resolution" in said
    assert "3 in sums of 4 x 4" in said
    for factors, channels, number in u.pca.summed.found:
        pixels = " x ".join(map(str, factors[::-1])) + " pixels"
        sums = pixels if channels == 1 else f"{pixels} and {channels} channels"
        assert f"{number} in sums of {sums}" in said


def test_saved_and_loaded(tmp_path):
    """Truth: the result that was saved."""
    u = unmix(grains(10))
    u.save(tmp_path / "r.hspy")
    v = load(tmp_path / "r.hspy", grains(10))
    assert repr(v) == repr(u)
    assert np.array_equal(v.maps_uncertainty.data, u.maps_uncertainty.data)
    assert v.pca.summed.factors == u.pca.summed.factors


def test_what_else_is_made_of_the_sums():
    """Truth: the maps' own sums; a model of the counts as they were recorded."""
    s = grains(10)
    result = pca(s)
    assert result.components.data.shape[0] == result.scores.data.shape[0] == 3
    u = result.ica()
    assert u.model().data.sum() == pytest.approx(s.data.sum(), rel=0.01)
    without_noise = 10 * maps() @ SPECTRA
    denoised = denoise(s).data
    assert np.std(denoised - without_noise) < 0.3 * np.std(s.data - without_noise)
    assert u.alternatives["pure"].maps.data.shape == (3, *SHAPE)


def test_the_scree_plot_says_what_it_shows():
    axes = pca(grains(10)).plot_scree()
    assert "sums of" in axes.get_title()
    assert "single pixels" in [text.get_text() for text in axes.get_legend().get_texts()]
    assert any("at full resolution" in text.get_text() for text in axes.texts)


def test_faint_components_of_few_counts_are_said():
    """Two counts a pixel: what is weaker than the weakest is lost, which a reader must know."""
    assert "WARNING: few counts" in unmix(grains(2)).settings


def test_channels_finer_than_the_lines_are_summed():
    """Truth: three phases at two counts, lines of 14 channels; least squares with their maps.

    Spectra are of single channels; their errors hold what the noise makes of them.
    """
    s = grains(2)
    u = unmix(s)
    sums = u.pca.summed
    assert u.n_components == 3 and sums.channels >= 4
    assert u.spectra.data.shape == (3, CHANNELS)
    assert angles(u.spectra.data).mean() < 1.5 * angles(oracle(s)).mean()
    assert u.settings["summed channels"].value == sums.channels
    said = u.settings["summed pixels"].reason
    assert f"3 in sums of {sums.words}" in said
    assert (
        sums.words == f"{sums.factors[0]} x {sums.factors[1]} pixels and {sums.channels} channels"
    )
    unit = SPECTRA / np.linalg.norm(SPECTRA, axis=1, keepdims=True)
    true = SPECTRA[(unit @ u.spectra.data.T).argmax(0)]
    true = true * (u.spectra.data.sum(1) / true.sum(1))[:, None]
    off = (u.spectra.data - true) / u.spectra_uncertainty.data
    # Channels of no counts in all have errors larger than what they are off by.
    assert (np.abs(off) < 2).mean() > 0.9


def test_lines_of_single_channels_are_not_lost():
    """Truth: two phases that differ in every second channel: no sum of channels shows that."""
    comb = 1 + 0.9 * np.cos(np.pi * np.arange(256))
    spectra = np.array([comb, comb[::-1]]) / comb.sum()
    y = np.mgrid[:32, :32][0]
    share = (np.stack([y < 16, y >= 16], -1)).astype(float)
    values = np.random.default_rng(0).poisson(40 * share @ spectra).astype(np.float32)
    result = pca(calibrated(values, "unmix"))
    assert result.n_components == 2
    assert result.summed is None or result.summed.channels == 1


def test_known_regions_are_those_of_single_pixels():
    """Truth: the first phase's spectrum, from a region of pixels that is alone in it."""
    s = grains(10)
    region = maps()[..., 0] > 0.97
    u = unmix(s, 3, known={"first": region})
    place = u.names.index("first")
    mean = np.asarray(s.data)[region].sum(0)
    rough = np.degrees(
        np.arccos(mean @ SPECTRA[0] / np.linalg.norm(mean) / np.linalg.norm(SPECTRA[0]))
    )
    assert angles(u.spectra.data[[place]])[0] < max(rough, 5)
    assert u.maps.data[place][region].mean() == pytest.approx(10, rel=0.1)
    together = unmix(
        s,
        3,
        known={"a": maps()[..., 0] > 0.97, "b": maps()[..., 1] > 0.97, "c": maps()[..., 2] > 0.97},
    )
    assert together.maps.data.shape == (3, *SHAPE)


@pytest.mark.parametrize("n", [2, 5, 15])
def test_as_many_as_are_asked_for(n):
    """Truth: what was asked for; more than are kept as well."""
    u = unmix(grains(10), n)
    assert u.n_components == n and u.pca.summed is not None
    assert u.maps.data.shape == (n, *SHAPE)
    assert u.pca.count.consensus == 3


def halves(weak=0.0, width=0.3, channels=1024):
    """Two broad phases side by side, and a disc of a third with lines as narrow as a channel."""
    rng, x = np.random.default_rng(2), np.arange(float(channels))
    y, z = np.mgrid[: SHAPE[0], : SHAPE[1]]
    shapes = [np.exp(-(((x - centre) / 80) ** 2)) + 0.2 for centre in (300, 700)]
    shapes.append(sum(np.exp(-(((x - at) / width) ** 2) / 2) for at in (120, 480, 860)))
    spectra = np.array([shape / shape.sum() for shape in shapes])
    disc = (y - 20) ** 2 + (z - 40) ** 2 < 12**2
    shares = np.stack([z < 32, z >= 32, weak * disc], -1)
    return calibrated(rng.poisson(30 * shares @ spectra).astype(np.float32), "unmix")


@pytest.mark.parametrize(("weak", "number"), [(0.0, 2), (0.04, 3)])
def test_no_sums_are_made_of_all_channels_where_none_show_more(monkeypatch, weak, number):
    """Truth: the phases of the scene; and the same as when all sums are made."""
    seen, look = [], summed_pixels._nothing_more
    monkeypatch.setattr(
        summed_pixels, "_nothing_more", lambda *given: seen.append(look(*given)) or seen[-1]
    )
    signal = halves(weak)
    u = unmix(signal)
    assert u.n_components == number
    assert (seen[0] is None) == (number == 3)
    monkeypatch.setattr(summed_pixels, "_nothing_more", lambda *given: None)
    again = unmix(halves(weak))
    np.testing.assert_array_equal(again.spectra.data, u.spectra.data)


@pytest.mark.parametrize("shape", [(12, 12), (3, 5), (1, 40), (64, 2), (200,), (4, 4, 6)])
def test_maps_too_small_for_sums_of_pixels(shape):
    """No error, whatever sums are possible: some of pixels, or of channels alone."""
    rng = np.random.default_rng(0)
    share = rng.uniform(0, 1, (*shape, 1)) * [1, -1] + [0, 1]
    values = rng.poisson(60 * share @ np.repeat(SPECTRA[:2], 2, axis=1) / 2).astype(np.float32)
    assert unmix(calibrated(values, "unmix")).n_components >= 1
