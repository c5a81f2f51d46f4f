"""Low losses that make it worse, or do not belong to the core loss: found, compared, said."""

import logging

import numpy as np
import pytest

from hyperspy_unmix import data, pca, unmix
from hyperspy_unmix.results.low_loss_comparison import Doubts, Fit, better_of


@pytest.fixture(scope="module")
def wedge():
    return data.wedge(shape=(24, 20), t_over_lambda=(0.2, 1.2))


@pytest.fixture(scope="module")
def particles():
    return data.precipitates(shape=(40, 40))


def other_way_round(low_loss):
    turned = low_loss.deepcopy()
    turned.data = low_loss.data[::-1, ::-1].copy()
    return turned


def test_a_right_low_loss_is_not_compared(wedge, particles):
    """It would take as long again: nothing speaks against it, and nothing is made without it."""

    def make_without():
        raise AssertionError

    for signal, low_loss, _ in (wedge, particles):
        result = pca(signal, low_loss=low_loss).ica()
        assert Doubts.of(result).words() == []
        assert better_of(result, make_without) is result
    plain = pca(wedge.signal).ica()
    assert better_of(plain, make_without) is plain


def test_a_low_loss_of_other_pixels_is_not_used(wedge, caplog):
    """Truth: t/lambda falls where that of the low loss rises, so that nothing can be taken out."""
    signal, low_loss, _ = wedge
    turned = other_way_round(low_loss)
    assert Doubts.of(pca(signal, low_loss=turned).ica()).takes_nothing_out
    with caplog.at_level(logging.WARNING):
        u = unmix(signal, low_loss=turned)
    said = u.settings["WARNING: low loss not used"].reason
    assert "as one of other pixels does" in said
    assert said in caplog.text
    assert u.prepared.low_loss is None
    without = unmix(signal)
    np.testing.assert_array_equal(u.maps.data, without.maps.data)
    # what the sentence names
    assert pca(signal, low_loss=turned).ica().prepared.low_loss is not None


def test_a_low_loss_that_ends_early_is_compared(particles):
    """It is used here, since components of the phantom are not worse; both fits are said."""
    signal, low_loss, _ = particles
    u = unmix(signal, low_loss=low_loss.isig[:30.0])
    assert u.prepared.low_loss is not None
    said = u.settings["low loss compared"]
    assert said.value == "used"
    assert "ends too early" in said.reason
    assert said.reason.count("reduced chi-square") == 2


GOOD, CHI = Fit(1.0, 0.0, 2), 1.3


@pytest.mark.parametrize(
    ("with_it", "without", "is_worse"),
    [
        (GOOD, GOOD, False),
        (GOOD, Fit(1.0, 0.0, 4), False),
        # the line scan that made this: a component of -64 %, 1.66 against 0.92
        (Fit(1.66, 0.6, 4), Fit(0.92, 0.0, 3), True),
        # negative, and nothing else
        (Fit(1.0, 0.5, 3), Fit(1.0, 0.0, 3), True),
        (Fit(1.0, 0.5, 3), Fit(1.2, 0.0, 3), False),
        (Fit(1.0, 0.5, 3), Fit(1.0, 0.4, 3), False),
        # a misfit, and nothing else
        (Fit(1.3, 0.0, 3), Fit(1.0, 0.0, 3), True),
        (Fit(1.3, 0.0, 3), Fit(1.0, 0.3, 3), False),
        (Fit(1.05, 0.0, 3), Fit(0.99, 0.0, 3), False),
        # fewer components that fit as well
        (Fit(1.0, 0.0, 4), Fit(1.0, 0.0, 3), True),
    ],
)
def test_which_of_two_fits_is_better(with_it, without, is_worse):
    assert with_it.is_worse_than(without) is is_worse


@pytest.mark.parametrize(
    ("axis", "pixels", "core", "low"),
    [(1, 1, "inav[:-1, :]", "inav[1:, :]"), (0, -2, "inav[:, 2:]", "inav[:, :-2]")],
)
def test_an_offset_is_said_with_the_call_that_mends_it(particles, axis, pixels, core, low):
    """Truth: the offset that is put in, and the two phases of the phantom once it is out."""
    s, low_loss, _ = particles
    ll = low_loss.deepcopy()
    ll.data = np.roll(low_loss.data, pixels, axis)
    found = pca(s, low_loss=ll)
    said = found.settings["WARNING: low loss offset"].reason
    code = said.rpartition(": ")[2]
    assert code == f"s.{core}.unmix(low_loss=ll.{low})"
    u = eval(code, {"s": s, "ll": ll})
    assert "WARNING: low loss offset" not in u.settings
    assert u.n_components == 2


def in_unit(signal, unit, factor):
    changed = signal.deepcopy()
    axis = changed.axes_manager[-1]
    axis.scale, axis.offset, axis.units = axis.scale * factor, axis.offset * factor, unit
    return changed


@pytest.mark.parametrize("units", [("meV", "eV"), ("eV", "meV"), ("keV", "meV")])
def test_units_are_converted(wedge, units):
    """Truth: the same with all energies in eV."""
    factors = {"eV": 1.0, "meV": 1e3, "keV": 1e-3}
    expected = pca(wedge.signal, low_loss=wedge.low_loss)
    core, low = (
        in_unit(s, unit, factors[unit])
        for s, unit in zip((wedge.signal, wedge.low_loss), units, strict=True)
    )
    found = pca(core, low_loss=low)
    assert found.n_components == expected.n_components
    assert found.settings["zero-loss peak"].value == pytest.approx(
        np.multiply(expected.settings["zero-loss peak"].value, factors[units[1]])
    )
    for one, other in ((found, expected),):
        np.testing.assert_allclose(
            one.prepared.low_loss.thickness.values,
            other.prepared.low_loss.thickness.values,
            rtol=1e-6,
        )
    np.testing.assert_allclose(found.scree_values[:3], expected.scree_values[:3], rtol=1e-4)
    u, v = found.ica(1), expected.ica(1)
    np.testing.assert_allclose(u.maps.data, v.maps.data, rtol=0.01, atol=0.01 * v.maps.data.max())
    match = u.match({"the other": v.spectra.inav[0]})
    assert match.angles.ravel()[0] < 1


def test_units_that_cannot_be_converted(wedge):
    core = in_unit(wedge.signal, "keV", 1e-3)
    low = in_unit(wedge.low_loss, "<undefined>", 1.0)
    with pytest.raises(ValueError, match="low_loss has its energies in <undefined>"):
        unmix(core, low_loss=low)


def set_times(signal, low_loss):
    for s, time in ((signal, 2.0), (low_loss, 2.0)):
        s.metadata.set_item("Acquisition_instrument.TEM.Detector.EELS.dwell_time", time)


def test_densities_of_a_sum_are_per_electron_of_one_pixel():
    """Truth: those of the mean, at the same exposures; the core loss goes on from the low loss.

    Where the two are not one spectrum, nothing tells, and densities are said to be relative.
    """
    signal, low_loss, _ = data.wedge(shape=(16, 14), t_over_lambda=(0.5, 0.5), noise=False)
    # as intense as the end of the low loss, continued with the third power of the energy
    low, core = low_loss.axes_manager[-1], signal.axes_manager[-1]
    end = low_loss.data[..., -16:].mean() / low.scale
    expected = end * (low.high_value / core.low_value) ** 3
    signal.data = signal.data * expected / (signal.data[..., :16].mean() / core.scale)
    set_times(signal, low_loss)
    options = {"n_components": 1, "background": None}
    mean = unmix(signal, low_loss=low_loss.mean(), **options)
    total = unmix(signal, low_loss=low_loss.sum(), **options)
    assert total.settings["one low loss"].value == 16 * 14
    assert "one low loss" not in mean.settings
    np.testing.assert_allclose(total.densities.data, mean.densities.data, rtol=1e-3)
    np.testing.assert_allclose(total.areal_densities.data, mean.areal_densities.data, rtol=1e-3)
    bright = signal.deepcopy()
    bright.data = signal.data * 15
    unknown = unmix(bright, low_loss=low_loss.sum(), **options)
    assert unknown.settings["one low loss"].value is None
    assert unknown.densities.metadata.Signal.quantity.startswith("Relative")
