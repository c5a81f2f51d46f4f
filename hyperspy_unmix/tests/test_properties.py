"""What must hold for any counts: scaled, permuted, masked, put together, lazy, saved.

Scenes are drawn by hypothesis, the same ones in every run: shape, dose, type of number and counts.
"""

import dask.array as da
import hyperspy.api as hs
import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix.tests.scenes import array, calibrated, counts, edge_on_background

pytest.importorskip("hypothesis")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

drawn = settings(
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=8,
    suppress_health_check=[HealthCheck.too_slow],
)
# Sums in float32 in another order differ by 6e-8 of their size, which principal components and ICA
# turn into up to 1e-5 of the greatest value.
ROUNDING = 1e-4  # of the greatest value
# The search for non-negative spectra and maps ends elsewhere within its own tolerance, where their
# noise allows it: up to 0.3 standard deviations apart.
WITHIN_NOISE = 0.5  # of the root mean square of the standard deviation
AS_ICA_GAVE = {"refine": None, "spikes": None}
seeds = st.integers(0, 10**6)
doses = st.floats(20, 1e4)
lines = st.tuples(st.integers(40, 120))
scans = st.one_of(
    lines,
    st.tuples(st.integers(6, 12), st.integers(6, 12)),
    st.tuples(st.integers(2, 4), st.integers(4, 6), st.integers(4, 6)),
)
dtypes = st.sampled_from(["u2", "i4", ">u4", "i8", "f4", ">f8", "f8"])


def by_component(maps):
    """Maps as (component, pixels)."""
    values = array(maps)
    values = np.moveaxis(values, max(values.ndim - 3, 0), 0)
    return values.reshape(len(values), -1)


def assert_close(found, true, tolerance=ROUNDING):
    """Apart by no more than ``tolerance`` times the greatest value."""
    limit = tolerance * np.nanmax(np.abs(true))
    np.testing.assert_allclose(found, true, rtol=0, atol=limit)


def assert_same(found, true, factor=1.0, order=slice(None)):
    """The same spectra, and the maps times a factor, with their pixels in another order."""
    assert_close(array(found.spectra), array(true.spectra))
    assert_close(by_component(found.maps), factor * by_component(true.maps)[:, order])


def assert_same_within_noise(found, true, order=slice(None)):
    """Spectra and maps differ by less than can be told from noise."""
    for kind in ("spectra", "maps"):
        a, b, sd = (
            by_component(x) if kind == "maps" else array(x)
            for x in (
                getattr(found, kind),
                getattr(true, kind),
                getattr(true, f"{kind}_uncertainty"),
            )
        )
        b, sd = (b[:, order], sd[:, order]) if kind == "maps" else (b, sd)
        apart = np.sqrt(np.mean((a - b) ** 2, 1) / np.mean(sd**2, 1))
        assert (apart < WITHIN_NOISE).all(), (kind, apart)


@drawn
@given(scans, doses, seeds, st.floats(-8, 8))
def test_scaling_counts_and_noise_scales_the_maps(shape, dose, seed, exponent):
    """Counts times k with their variance times k² are the same counts in another unit.

    Spectra stay and maps scale, up to rounding: all is relative to the noise. Off: spikes, which
    are looked for with noise estimated from counts known to be whole numbers or not; and the search
    for non-negative components, which ends within the noise.
    """
    data, factor = counts(shape, dose, seed).astype(float), 2.0**exponent
    variance = np.maximum(data, 1.0)
    true, found = (
        hyperspy_unmix.unmix(
            calibrated(k * data), 2, noise=hs.signals.Signal1D(k**2 * variance), **AS_ICA_GAVE
        )
        for k in (1.0, factor)
    )
    assert_same(found, true, factor=factor)
    expected = factor * by_component(true.maps_uncertainty)
    assert_close(by_component(found.maps_uncertainty), expected, 0.05)


@drawn
@given(scans, doses, seeds, st.floats(-8, 8))
def test_scaling_counts_of_uniform_noise_scales_the_maps(shape, dose, seed, exponent):
    """As above: the level that is found in the counts scales with them."""
    data, factor = counts(shape, dose, seed).astype(float), 2.0**exponent
    true, found = (
        hyperspy_unmix.unmix(calibrated(k * data), 2, noise="uniform", **AS_ICA_GAVE)
        for k in (1.0, factor)
    )
    assert_same(found, true, factor=factor)


@drawn
@given(st.tuples(st.integers(10, 14), st.integers(10, 14)), doses, seeds, st.floats(1.5, 40))
def test_scaled_counts_of_unknown_noise_are_nearly_the_same(shape, dose, seed, factor):
    """Scaled counts are not Poisson's: their gain is estimated, to a tenth or so.

    The maps scale within the standard deviation that they are given with.
    """
    data = counts(shape, dose, seed).astype(float)
    true, found = (hyperspy_unmix.unmix(calibrated(k * data), 2) for k in (1.0, factor))
    assert found.settings["noise"].value != "poisson"
    error = by_component(found.maps) / factor - by_component(true.maps)
    limit = np.sqrt(np.mean(by_component(true.maps_uncertainty) ** 2, 1))
    assert (np.sqrt(np.mean(error**2, 1)) < limit).all()


@pytest.mark.parametrize("refine", [None, "auto"])
@drawn
@given(scans, doses, dtypes, seeds, seeds)
def test_permuted_pixels_give_permuted_maps(refine, shape, dose, dtype, seed, other):
    """What was recorded where does not matter: without refinement up to the order of sums.

    Off: spikes, which are looked for among neighbours in space. The number of components is given,
    for the shares of the split-half test are dealt out pixel by pixel; an energy drift is not
    looked for in signals that are not EELS.
    """
    data = counts(shape, dose, seed).astype(dtype).reshape(-1, 80)
    order = np.random.default_rng(other).permutation(len(data))
    true, found = (
        hyperspy_unmix.unmix(calibrated(d.reshape(*shape, 80)), 2, spikes=None, refine=refine)
        for d in (data, data[order])
    )
    (assert_same if refine is None else assert_same_within_noise)(found, true, order=order)


@drawn
@given(lines, doses, seeds, st.data())
def test_masked_pixels_change_nothing(shape, dose, seed, draw):
    """Pixels among the others that are masked, whatever is in them: to the last bit.

    Off: spikes, for pixels that are neighbours now have another one between them.
    """
    data = counts(shape, dose, seed).astype(float)
    at = draw.draw(st.lists(st.integers(0, len(data)), min_size=1, max_size=6))
    value = draw.draw(st.sampled_from([0.0, -5.0, 1e6, np.nan, np.inf]))
    more, mask = np.insert(data, at, value, axis=0), np.insert(np.zeros(len(data), bool), at, True)
    true = hyperspy_unmix.unmix(calibrated(data), spikes=None)
    found = hyperspy_unmix.unmix(calibrated(more), spikes=None, navigation_mask=mask)
    for kind in ("spectra", "spectra_uncertainty"):
        assert array(getattr(found, kind)).tobytes() == array(getattr(true, kind)).tobytes()
    for kind in ("maps", "maps_uncertainty"):
        a, b = (by_component(getattr(u, kind)) for u in (found, true))
        np.testing.assert_array_equal(a[:, ~mask], b)
        assert np.isnan(a[:, mask]).all()


@drawn
@given(scans, doses, dtypes, seeds, st.booleans(), st.data())
def test_model_and_residual_are_the_data(shape, dose, dtype, seed, lazy, draw):
    """Where nothing is masked, to the rounding of the residual (float32, 6e-8)."""
    data = counts(shape, dose, seed).astype(dtype)
    first, last = sorted(draw.draw(st.tuples(st.integers(0, 35), st.integers(45, 79))))
    mask = np.zeros(shape, bool)
    mask.ravel()[draw.draw(st.lists(st.integers(0, 35), max_size=5))] = True
    s = calibrated(data, lazy=lazy)
    energies = s.axes_manager.signal_axes[0].axis
    given = {"signal_range": (energies[first], energies[last]), "navigation_mask": mask}
    u = hyperspy_unmix.unmix(s, 2, **given)
    both = array(u.model()) + array(u.residual())
    recorded = data[..., first : last + 1].astype(float)
    assert np.isnan(both[mask]).all()
    np.testing.assert_allclose(both[~mask], recorded[~mask], rtol=0, atol=1e-6 * recorded.max())


@drawn
@given(st.floats(5, 100), st.booleans())
def test_model_and_residual_are_the_data_over_a_background(background, lazy):
    """As above, from the background window on: what was subtracted is in the model."""
    s = edge_on_background(background, lazy=lazy)
    u = hyperspy_unmix.unmix(s)
    both = array(u.model()) + array(u.residual())
    recorded = array(s)[..., -both.shape[-1] :]
    assert u.settings["background"].value is not None
    np.testing.assert_allclose(both, recorded, rtol=0, atol=1e-6 * recorded.max())


def parts(size, draw):
    """Chunks of an axis, cut anywhere."""
    at = sorted(draw.draw(st.sets(st.integers(1, size - 1), max_size=4)))
    return tuple(int(n) for n in np.diff([0, *at, size]))


@pytest.mark.parametrize("refine", [None, "auto"])
@drawn
@given(scans, doses, dtypes, seeds, st.data())
def test_lazy_is_eager(refine, shape, dose, dtype, seed, draw):
    """Whatever the chunks: without refinement up to the order of sums; the same is said of it."""
    data = counts(shape, dose, seed).astype(dtype)
    lazy = calibrated(data, lazy=True)
    lazy.data = da.from_array(data, chunks=tuple(parts(n, draw) for n in data.shape))
    true, found = (hyperspy_unmix.unmix(s, refine=refine) for s in (calibrated(data), lazy))
    (assert_same if refine is None else assert_same_within_noise)(found, true)
    # What would take more passes over lazy data is not looked for, and that is said.
    assert set(found.settings) - set(true.settings) <= {"chunks", "faint components"}
    assert found.n_components == true.n_components


@drawn
@given(scans, doses, dtypes, seeds, st.sampled_from(["overlap", "pure"]), st.permutations([0, 1]))
def test_saving_and_loading_is_the_identity(tmp_path_factory, shape, dose, dtype, seed, how, order):
    """Every signal of the result, to the last bit, and every word."""
    u = hyperspy_unmix.unmix(calibrated(counts(shape, dose, seed).astype(dtype)), 2, assume=how)
    u = u.rename(["α", "b|c"]).reorder(order)
    path = tmp_path_factory.mktemp("saved") / "u.hspy"
    u.save(path)
    back = hyperspy_unmix.load(path)
    assert repr(back) == repr(u)
    assert back.code == u.code
    for kind in ("spectra", "maps", "spectra_uncertainty", "maps_uncertainty", "fractions"):
        a, b = (getattr(result, kind) for result in (back, u))
        assert array(a).tobytes() == array(b).tobytes()
        assert repr(a.axes_manager.as_dictionary()) == repr(b.axes_manager.as_dictionary())
