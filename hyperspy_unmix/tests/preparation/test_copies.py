"""Lines recorded twice, repeated or filled in: they hold no noise of their own."""

import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix.numerics.cleaning.copies import find_copies
from hyperspy_unmix.numerics.reading.first_pass import summarise
from hyperspy_unmix.numerics.reading.row_blocks import row_blocks
from hyperspy_unmix.tests.preparation.test_empty_pixels import three_phases
from hyperspy_unmix.tests.scenes import array, calibrated

eager_and_lazy = pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
SCAN = (24, 20)


def sources():
    """Pixel that each one is a copy of, in the ways in which scans are filled in."""
    number = np.arange(24 * 20).reshape(SCAN)
    y, x = np.indices(SCAN)
    return {
        "one line twice": number[np.where(y == 9, 8, y), x],
        "every line twice": number[y // 2 * 2, x],
        "stopped, the last line repeated": number[np.minimum(y, 7), x],
        "every second pixel filled in": number[y, x // 2 * 2],
        "blocks of 3 × 4": number[y // 3 * 3, x // 4 * 4],
        "the first column twice": number[y, np.where(x == 1, 0, x)],
        "one pixel": np.where(number == 77, 3, number),
    }


def copied(signal, source):
    changed = signal.deepcopy()
    changed.data = changed.data.reshape(-1, changed.data.shape[-1])[source.ravel()].reshape(
        changed.data.shape
    )
    return changed


@eager_and_lazy
@pytest.mark.parametrize("source", sources().values(), ids=sources())
def test_copies_change_nothing(source, lazy):
    """Truth: the same image with the copies masked; there the maps are those of the original."""
    s = copied(three_phases(lazy), source)
    where = source != np.arange(source.size).reshape(SCAN)
    u, masked = s.unmix(store=False), s.unmix(store=False, navigation_mask=where)
    assert u.n_components == masked.n_components == 3
    assert u.settings["copies"].value == where.sum()
    assert "copies" not in masked.settings
    np.testing.assert_array_equal(array(u.spectra), array(masked.spectra))
    maps, known = array(u.maps), array(masked.maps)
    np.testing.assert_array_equal(maps[:, ~where], known[:, ~where])
    np.testing.assert_array_equal(maps, maps.reshape(3, -1)[:, source])
    model = array(u.model())
    np.testing.assert_array_equal(model, model.reshape(-1, 120)[source])
    # What is left of every spectrum is what it has itself, less its model.
    np.testing.assert_allclose(array(u.residual()), array(s) - model, atol=1e-3)
    for what in (u.pca.preprocessed(), u.fractions):
        assert np.isfinite(array(what)).all()


def find(counts):
    counts = np.asarray(counts)
    summary = summarise(row_blocks(counts))
    pixels = int(np.prod(counts.shape[:-1]))
    return find_copies(summary, np.ones(pixels, bool), counts.shape[:-1])


@pytest.mark.parametrize("dose", [0.3, 2, 8, 20, 60, 1000])
def test_none_by_chance(dose):
    """Truth: Poisson counts, each pixel its own; where there are few, many pixels are the same."""
    shape = np.exp(-np.linspace(0, 4, 60))
    for seed in range(8):
        rng = np.random.default_rng(seed)
        counts = rng.poisson(dose * shape / shape.sum(), (32, 32, 60))
        for values in (counts, 0.37 * counts, counts + 1000):
            assert (find(values) < 0).all()


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("dose", [2, 10, 100])
@pytest.mark.parametrize("scale", [1, 0.37])
def test_lines_of_few_counts(dose, scale, axis):
    """Truth: one line of 48 pixels, which as a whole is the same as the one before it."""
    counts = np.random.default_rng(0).poisson(dose / 60, (48, 48, 60))
    line = (slice(None),) * axis
    counts[(*line, 20)] = counts[(*line, 19)]
    source = find(scale * counts).reshape(48, 48)
    expected = np.arange(48 * 48).reshape(48, 48)[(*line, 19)]
    has_counts = counts[(*line, 20)].sum(-1) > 0
    np.testing.assert_array_equal(source[(*line, 20)][has_counts], expected[has_counts])
    source[(*line, 20)] = -1
    assert (source < 0).all()


def test_camera_frames():
    """Truth: values of both signs with noise of their own, and a frame that is there twice."""
    values = np.random.default_rng(0).normal(0, 5, (3, 6, 7, 40)).astype("f4")
    assert (find(values) < 0).all()
    values[2] = values[0]
    source = find(values).reshape(3, 42)
    assert (source[:2] < 0).all()
    np.testing.assert_array_equal(source[2], np.arange(42))


def test_places_in_memory_do_not_matter():
    """Truth: the pixels that were copied; of odd and even lengths, in any block."""
    rng = np.random.default_rng(0)
    for n, dtype in ((61, "u1"), (62, "f8"), (63, ">f4")):
        counts = rng.poisson(5, (300, n)).astype(dtype)
        counts[1::7] = counts[: len(counts[1::7])]
        found = find(counts)
        copies = np.flatnonzero(found >= 0)
        np.testing.assert_array_equal(counts[copies], counts[found[copies]])
        assert len(np.unique(counts[found < 0], axis=0)) == (found < 0).sum()


def test_spectra_without_noise_are_left_alone():
    """Truth: two spectra, one in each half: nothing is known of their noise, and it is said."""
    counts = np.zeros((8, 8, 60))
    counts[:, :4], counts[:, 4:] = np.arange(60), np.arange(60)[::-1]
    u = hyperspy_unmix.unmix(calibrated(counts))
    assert "copies" not in u.settings
    assert "navigation_mask" in u.settings["WARNING: copies"].reason


def test_saved_and_loaded(tmp_path):
    """The copies are those of the file too."""
    u = copied(three_phases(), sources()["one line twice"]).unmix(store=False)
    u.save(tmp_path / "r.hspy")
    again = hyperspy_unmix.load(tmp_path / "r.hspy")
    np.testing.assert_array_equal(again.maps.data, u.maps.data)
    assert repr(again) == repr(u)


def test_stored_for_hyperspy():
    """Its own loadings hold the copies as the other pixels; nothing is masked."""
    s = copied(three_phases(), sources()["one line twice"])
    s.unmix()
    assert s.learning_results.navigation_mask is None
    loadings = s.learning_results.bss_loadings.reshape(*SCAN, -1)
    np.testing.assert_array_equal(loadings[9], loadings[8])
