"""What ``unmix`` returns keeps its promises, whatever the spectrum image is made of."""

from dataclasses import FrozenInstanceError

import exspy
import hyperspy.api as hs
import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix.tests.scenes import (
    PHASES,
    SHAPE,
    angle,
    array,
    calibrated,
    component_first,
    counts,
    edge_on_background,
    two_phases,
    untouched,
    wedge,
)

# a numpy warning means nothing to the user who gets it
pytestmark = [
    pytest.mark.filterwarnings("error::RuntimeWarning"),
    pytest.mark.filterwarnings("error::numpy.exceptions.ComplexWarning"),
]

eager_and_lazy = pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
SHAPES = {1: (60,), 2: SHAPE, 3: (3, 6, 7), 4: (2, 3, 4, 5)}
dimensions = pytest.mark.parametrize("shape", SHAPES.values(), ids=[f"{n}D" for n in SHAPES])
BASES = {
    "unmix": hs.signals.Signal1D,
    "EELS_unmix": exspy.signals.EELSSpectrum,
    "EDS_TEM_unmix": exspy.signals.EDSTEMSpectrum,
    "EDS_SEM_unmix": exspy.signals.EDSSEMSpectrum,
}


def assert_describes(u, s, rtol=1e-5):
    """Maps x spectra x width is the model, model + residual the data, fractions sum to one."""
    data, model, residual = array(s), array(u.model()), array(u.residual())
    top = np.nanmax(np.abs(data))
    width = np.abs(np.gradient(u.spectra.axes_manager.signal_axes[0].axis))
    product = np.moveaxis(component_first(u.maps), 0, -1) @ (u.spectra.data * width)
    single = array(u.model(space="single_scattering"))
    np.testing.assert_allclose(product, single, rtol=rtol, atol=rtol * top)
    seen = np.isfinite(component_first(u.maps)[0])[..., None] & np.isfinite(u.spectra.data[0])
    np.testing.assert_allclose((model + residual)[seen], data[seen], rtol=rtol, atol=rtol * top)
    fractions = component_first(u.fractions)
    known = np.isfinite(fractions[0])
    np.testing.assert_allclose(fractions.sum(0)[known], 1, rtol=1e-6)


# ---------------------------------------------------------------- the signals


@pytest.mark.parametrize("signal_type", BASES)
@eager_and_lazy
def test_spectra_and_maps(signal_type, lazy):
    s = two_phases(signal_type=signal_type, lazy=lazy)
    with untouched(s):
        u = s.unmix(2, background=None, store=False)
    spectra, maps = u
    assert spectra is u.spectra
    assert maps is u.maps
    assert type(spectra) is BASES[signal_type]
    assert not spectra._lazy
    component, energy = spectra.axes_manager._axes
    assert (component.name, component.size, component.navigate) == ("Component", 2, True)
    assert (energy.name, energy.units, energy.scale, energy.offset) == (
        "Energy loss",
        "eV",
        2.0,
        100.0,
    )
    assert type(maps) is hs.signals.Signal2D
    assert [a.name for a in maps.axes_manager.navigation_axes] == ["Component"]
    for axis, name in zip(maps.axes_manager.signal_axes, "xy", strict=True):
        assert (axis.name, axis.units, axis.scale, axis.offset) == (name, "nm", 0.5, 1.0)
    assert maps.data.shape == (2, *SHAPE)
    assert "ounts" in maps.metadata.Signal.quantity
    np.testing.assert_allclose(spectra.data.sum(1) * 2.0, 1, rtol=1e-6)
    assert angle(spectra.data, PHASES) < 6
    assert_describes(u, s)


@dimensions
@eager_and_lazy
def test_scan_dimensions(shape, lazy):
    s = two_phases(shape, lazy=lazy)
    with untouched(s):
        u = s.unmix(store=False)
    assert u.n_components == 2
    assert type(u.maps) is (hs.signals.Signal1D if len(shape) == 1 else hs.signals.Signal2D)
    assert component_first(u.maps).shape == (2, *shape)
    assert u.maps.axes_manager.navigation_axes[0].name == "Component"
    names = {a.name for a in u.maps.axes_manager.navigation_axes}
    assert names == {"Component", *"zt"[: max(len(shape) - 2, 0)]}
    assert [a.name for a in u.maps.axes_manager.signal_axes] == list("xy"[: len(shape)])
    for axis in u.maps.axes_manager._axes:
        if axis.name == "Component":
            continue
        assert (axis.units, axis.scale, axis.offset) == ("nm", 0.5, 1.0)
    assert u.fractions.data.shape == u.maps.data.shape
    assert_describes(u, s)


@pytest.mark.parametrize("shape", [(1, 60), (60, 1), (1, 1), (1,), (2,), (3,)])
@eager_and_lazy
def test_narrow_scans(shape, lazy):
    s = two_phases(shape, lazy=lazy)
    u = s.unmix(store=False)
    assert u.maps.data.shape == (u.n_components, *shape)
    assert_describes(u, s)


@eager_and_lazy
def test_lazy_results_where_the_input_is_lazy(lazy):
    s = two_phases(lazy=lazy)
    u = s.unmix(2)
    assert u.model()._lazy is u.residual()._lazy is s.denoise()._lazy is lazy
    assert s.preprocess()._lazy is lazy
    assert not u.maps._lazy


def test_lazy_and_eager_agree():
    eager, lazy = (two_phases(lazy=flag).unmix(2) for flag in (False, True))
    np.testing.assert_allclose(lazy.maps.data, eager.maps.data, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(lazy.spectra.data, eager.spectra.data, rtol=1e-4, atol=1e-7)


def test_the_same_bits_again():
    s, ll, _ = wedge()
    t = two_phases()
    for again in (lambda: t.unmix(), lambda: s.unmix(2, low_loss=ll, background=None)):
        first, second = again(), again()
        for name in ("spectra", "maps", "fractions"):
            a, b = getattr(first, name).data, getattr(second, name).data
            np.testing.assert_array_equal(a.view(np.uint64), b.view(np.uint64))
        assert repr(first) == repr(second)
    a, b = t.unmix(2, random_state=7), t.unmix(2, random_state=7)
    np.testing.assert_array_equal(a.maps.data, b.maps.data)


def test_components_are_ordered_by_their_counts():
    u = calibrated(counts(dose=60)[..., ::-1].copy()).unmix(2)
    found = u.maps.data.sum((1, 2))
    assert found[0] >= found[1] > 0
    total = array(u.model()).sum()
    np.testing.assert_allclose(found.sum(), total, rtol=1e-5)


def test_spectra_counts():
    u = two_phases().unmix(2)
    assert u.spectra_counts.data.shape == u.spectra.data.shape
    np.testing.assert_allclose(
        u.spectra_counts.data.sum(0), array(u.model()).sum((0, 1)), rtol=1e-4
    )
    np.testing.assert_allclose(u.spectra_counts.data.sum(1), u.maps.data.sum((1, 2)), rtol=1e-6)


def test_a_spectrum_without_integral_has_norm_one_and_it_is_said():
    # a peak that moves: its second component is a derivative, as much below zero as above
    energy = np.arange(80.0)
    rng = np.random.default_rng(3)
    moves = rng.choice([-1.0, 0.0, 1.0], SHAPE)
    peak = np.exp(-(((energy - 40 - moves[..., None]) / 8) ** 2))
    s = calibrated(rng.poisson(2000 * peak + 100.0).astype(float))
    s = hyperspy_unmix.preprocess(s)
    s.data -= s.data.mean((0, 1))  # nothing but the derivative is left
    u = hyperspy_unmix.unmix(s, 1, noise="uniform")
    assert u.settings["scale"].value
    np.testing.assert_allclose(np.sum(u.spectra.data**2), 1, rtol=1e-6)
    assert "norm" in u.settings["scale"].reason
    assert_describes(u, s)


def test_metadata_of_the_microscope_is_kept():
    s = two_phases(signal_type="EELS_unmix")
    s.set_microscope_parameters(beam_energy=200.0, convergence_angle=10.0, collection_angle=20.0)
    s.metadata.set_item("Sample.elements", ["O"])
    u = s.unmix(2, background=None)
    for signal in (u.spectra, u.maps, u.model(), u.spectra_counts, s.preprocess(background=None)):
        assert signal.metadata.Acquisition_instrument.TEM.beam_energy == 200.0
        assert signal.metadata.Sample.elements == ["O"]
        assert signal.metadata.General.title.startswith("scene")
    assert u.spectra.metadata.Signal.signal_type == "EELS"
    # the results are the user's: changing them leaves the input as it was
    u.spectra.metadata.Sample.elements.append("Fe")
    u.spectra.data *= 0
    u.spectra.axes_manager[-1].scale = 9.0
    assert s.metadata.Sample.elements == ["O"]
    assert s.axes_manager[-1].scale == 2.0
    assert array(u.model()).max() > 0


@pytest.mark.parametrize("plain", ["", "EELS", "EDS_TEM", "EDS_SEM", "unknown_type"])
def test_functions_take_plain_signals(plain):
    s = two_phases(signal_type=plain)
    before = s.learning_results
    with untouched(s):
        u = hyperspy_unmix.unmix(s, 2, background=None)
        assert hyperspy_unmix.denoise(s).data.shape == s.data.shape
        assert type(hyperspy_unmix.preprocess(s, background=None)) is type(s)
        assert hyperspy_unmix.estimate_number_of_components(s, background=None).consensus == 2
        assert hyperspy_unmix.pca(s, background=None).n_components == 2
    assert s.learning_results is before
    assert before.bss_factors is None
    assert type(u.spectra) is type(s)


# ---------------------------------------------------------------- what the object is


def test_frozen_and_unpacked():
    u = two_phases().unmix(np.int64(2))
    assert type(u.n_components) is int
    spectra, maps = u
    assert (spectra, maps) == tuple(u)
    for name in ("n_components", "settings", "spectra", "maps", "fractions", "thickness", "new"):
        with pytest.raises((FrozenInstanceError, AttributeError)):
            setattr(u, name, None)
    with pytest.raises(TypeError):
        u.settings["noise"] = None
    with pytest.raises(ValueError, match="one of 'measured', 'single_scattering'"):
        u.model(space="k")


def test_settings_cover_every_choice():
    u = two_phases().unmix()
    assert {"n_components", "noise", "background", "ica", "random_state"} <= set(u.settings)
    assert u.settings["n_components"].value == u.n_components == 2
    assert u.settings["background"].value is None
    assert "oisson" in u.settings["noise"].reason
    mask, channels = np.zeros(SHAPE, bool), np.zeros(80, bool)
    mask[0, :3] = channels[:4] = True
    s = two_phases()
    s.data[5, 5] = np.nan
    s.data[..., 70] = 0
    u = s.unmix(
        2,
        signal_range=(100, 250),
        navigation_mask=mask,
        signal_mask=channels,
        noise="poisson",
        random_state=3,
    )
    assert u.settings["navigation_mask"].value == 3
    assert u.settings["signal_mask"].value == 4
    assert u.settings["not finite"].value == 1
    assert u.settings["signal_range"].value == (100, 250)
    assert u.settings["random_state"].value == 3
    assert "asked" in u.settings["n_components"].reason
    assert any("without a" in choice.reason for choice in u.settings.values())
    s, ll, t = wedge()
    u = s.unmix(low_loss=ll, thickness=(100 * t, "nm"), background=None)
    assert {"zero-loss peak", "t/lambda", "plural scattering", "thickness"} <= set(u.settings)
    for choice in u.settings.values():
        _, reason = choice
        assert isinstance(reason, str)
        assert reason


def test_prints_a_short_summary():
    s = two_phases()
    s.metadata.General.title = "Ångström & <script>alert('日本')</script>"
    u = s.unmix(2)
    lines = repr(u).splitlines()
    assert "2 components" in lines[0]
    assert "Ångström" in lines[0]
    assert len(lines) < 25
    assert max(map(len, lines)) < 200
    for result in (u, s.pca(2)):
        html = result._repr_html_()
        assert "<script" not in html
        assert "&lt;script&gt;" in html
        assert "Ångström &amp; " in html
        assert "noise" in html
    assert "component" in repr(s.pca(2))
    one = repr(s.unmix(1)).splitlines()[0]
    assert one.endswith("1 component")


def test_summary_without_a_title():
    u = hyperspy_unmix.unmix(hs.signals.Signal1D(counts()), 2)
    assert repr(u)
    assert u._repr_html_()


def crop_energy(s):
    s.crop_signal(110.0, 150.0)


def crop_scan(s):
    s.crop("x", 0, 5)


def unfold(s):
    s.unfold()


def calibrate(s):
    s.axes_manager[-1].scale, s.axes_manager[0].units = 7.0, "µm"


def rename(s):
    s.metadata.General.title = "another"


def compute(s):
    if s._lazy:
        s.compute()


@pytest.mark.parametrize("change", [crop_energy, crop_scan, unfold, calibrate, rename, compute])
@eager_and_lazy
def test_what_happens_to_the_input_later_does_not_reach_the_result(change, lazy):
    expected = two_phases().unmix(2)
    s = two_phases(lazy=lazy)
    pca, u = s.pca(2), s.unmix(2)
    change(s)
    for result in (u, pca.ica()):
        for name in ("spectra", "maps", "fractions"):
            found, known = getattr(result, name), getattr(expected, name)
            np.testing.assert_allclose(found.data, known.data, rtol=1e-3, atol=1e-3)
            assert found.axes_manager.as_dictionary() == known.axes_manager.as_dictionary()
            assert found.metadata.General.title == known.metadata.General.title
        for name in ("model", "residual"):
            found, known = getattr(result, name)(), getattr(expected, name)()
            np.testing.assert_allclose(array(found), array(known), atol=0.05)


def test_permanent_markers_of_the_input_do_not_break_the_results():
    s = two_phases()
    marker = hs.plot.markers.VerticalLines(np.array([150.0]))
    s.add_marker(marker, permanent=True, plot_marker=False)
    u = s.unmix(2)
    for signal in (*u, u.model(), s.denoise()):
        signal.plot()
    assert s.metadata.has_item("Markers")


# ---------------------------------------------------------------- the stages


@eager_and_lazy
def test_stages(lazy):
    s = two_phases(signal_type="EELS_unmix", lazy=lazy, dtype=np.uint16)
    with untouched(s):
        pca = s.pca(background=None)
        u = pca.ica()
        clean = s.denoise()
        count = s.estimate_number_of_components(background=None)
        flat = s.preprocess(background=None)
    assert pca.n_components == u.n_components == count.consensus == 2
    assert count.reason
    np.testing.assert_array_equal(u.maps.data, s.unmix(background=None, store=False).maps.data)
    assert pca.ica(3).n_components == 3
    assert pca.ica(1).n_components == 1
    assert pca.components.data.shape == (2, 80)
    assert pca.scores.data.shape == (2, *SHAPE)
    assert pca.scree.data.shape == (80,)
    assert (np.diff(pca.scree.data) <= 1e-9).all()
    assert type(clean) is type(flat) is type(s)
    assert clean.metadata.Signal.signal_type == "EELS_unmix"
    noise, left = (np.std(array(x) - array(s)) for x in (s.inav[:, :] * 0, clean))
    assert left < noise
    truth = array(two_phases(dose=60)).mean()
    assert abs(array(clean).mean() / truth - 1) < 0.01
    np.testing.assert_allclose(array(flat), array(s), rtol=1e-6)
    assert clean.axes_manager[-1].offset == flat.axes_manager[-1].offset == 100.0


def test_more_components_than_kept_is_said():
    pca = two_phases().pca()
    with pytest.raises(ValueError, match=r"n_components=70.*pca\(n_components=70\)"):
        pca.ica(70)
    with pytest.raises(TypeError, match=r"n_components=2\.5"):
        pca.ica(2.5)


def test_no_structure_is_zero_components_and_one_is_unmixed():
    rng = np.random.default_rng(0)
    s = calibrated(rng.normal(0, 1, (12, 10, 80)))
    assert s.estimate_number_of_components().consensus == 0
    u = s.unmix()
    assert u.n_components == 1
    assert "no structure" in u.settings["n_components"].reason
    assert_describes(u, s)


def test_one_phase_is_one_component():
    s = calibrated(np.random.default_rng(0).poisson(100 * PHASES[0], (*SHAPE, 80)))
    u = s.unmix()
    assert u.n_components == 1
    assert angle(u.spectra.data, PHASES[:1]) < 2


# ---------------------------------------------------------------- what data may be made of

DTYPES = [
    *("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"),
    *("f2", "f4", "f8", "g"),
    *(">i2", ">u4", ">f4", ">f8"),
]


@pytest.mark.parametrize("dtype", DTYPES)
@eager_and_lazy
def test_every_dtype_gives_the_same(dtype, lazy):
    s = two_phases(dtype=dtype, lazy=lazy)
    assert s.data.dtype == np.dtype(dtype)
    with untouched(s):
        u = s.unmix(store=False)
        assert_describes(u, s, 1e-4)
    expected = two_phases().unmix()
    assert u.n_components == 2
    np.testing.assert_allclose(u.maps.data, expected.maps.data, rtol=1e-4, atol=0.05)


@eager_and_lazy
def test_bool(lazy):
    s = two_phases(lazy=lazy)
    s.data = s.data > 20
    with untouched(s):
        u = s.unmix(2, store=False)
        assert_describes(u, s, 1e-4)
    assert u.n_components == 2


def fortran(a):
    return np.asfortranarray(a)


def read_only(a):
    a.flags.writeable = False
    return a


def strided(a):
    return np.repeat(a, 2, axis=1)[:, ::2]


def reversed_view(a):
    return a[::-1, :, ::-1].copy()[::-1, :, ::-1]


@pytest.mark.parametrize("make", [fortran, read_only, strided, reversed_view])
def test_memory_layouts(make):
    s = two_phases(dtype=np.int32)
    s.data = make(s.data)
    with untouched(s):
        u = s.unmix(2, store=False)
    np.testing.assert_array_equal(u.maps.data, two_phases().unmix(2).maps.data)


@pytest.mark.parametrize("mode", ["r", "c", "r+"])
def test_memory_mapped(tmp_path, mode):
    counts().astype("<u2").tofile(tmp_path / "map")
    content = (tmp_path / "map").read_bytes()
    s = calibrated(np.memmap(tmp_path / "map", "<u2", mode, shape=(*SHAPE, 80)))
    with untouched(s):
        u = s.unmix(2)
    assert isinstance(s.data, np.memmap)
    assert (tmp_path / "map").read_bytes() == content
    np.testing.assert_array_equal(u.maps.data, two_phases().unmix(2).maps.data)


@pytest.mark.parametrize("chunks", [(12, 10, 7), (5, 3, 13), (12, 10, 80), (4, 4, 1), (1, 10, 80)])
def test_awkward_chunks(chunks):
    s = two_phases(lazy=True, chunks=chunks)
    with untouched(s):
        u = s.unmix(2, store=False)
    expected = two_phases().unmix(2)
    np.testing.assert_allclose(u.maps.data, expected.maps.data, rtol=1e-4, atol=1e-3)
    assert_describes(u, s)
    assert array(s.preprocess()).shape == array(s.denoise()).shape == s.data.shape


def test_transposed_signal():
    s = two_phases()
    flipped = s.transpose(navigation_axes=["y", "x"])
    assert flipped.data.shape == (10, 12, 80)
    with untouched(flipped):
        u = hyperspy_unmix.unmix(flipped, 2)
    assert [a.name for a in u.maps.axes_manager.signal_axes] == ["y", "x"]
    expected = s.unmix(2).maps.data.transpose(0, 2, 1)
    np.testing.assert_allclose(u.maps.data, expected, rtol=1e-3, atol=0.05)


@eager_and_lazy
def test_energy_axis_that_is_first_in_memory(lazy):
    # as from a file that stores (energy, y, x)
    s = hs.signals.Signal2D(np.moveaxis(counts(), -1, 0).copy()).T
    s = s.as_lazy() if lazy else s
    with untouched(s):
        u = hyperspy_unmix.unmix(s, 2)
    np.testing.assert_allclose(u.maps.data, two_phases().unmix(2).maps.data, rtol=1e-4, atol=1e-2)


@eager_and_lazy
def test_non_uniform_energy_axis(lazy):
    s = two_phases(lazy=lazy)
    axis = s.axes_manager.signal_axes[0]
    axis.convert_to_non_uniform_axis()
    axis.axis = 100 + np.arange(80) ** 1.3
    axis.is_binned = True
    with untouched(s):
        u = s.unmix(2, store=False)
    found = u.spectra.axes_manager.signal_axes[0]
    assert not found.is_uniform
    np.testing.assert_array_equal(found.axis, axis.axis)
    width = np.gradient(axis.axis)
    np.testing.assert_allclose(u.spectra.data @ width, 1, rtol=1e-6)
    assert_describes(u, s)


@eager_and_lazy
@pytest.mark.parametrize("signal_type", ["unmix", "EELS_unmix"])
@pytest.mark.parametrize("binned", [False, True], ids=["density", "counts"])
def test_binned_and_not_binned_on_a_non_uniform_axis(binned, signal_type, lazy):
    """Truth: phases per eV, on channels of 0.5 and 2 eV; 1 degree, and what it mixes of maps."""
    rng = np.random.default_rng(0)
    energies = np.r_[100:150:0.5, 150:200:2.0]
    widths = np.gradient(energies)
    phases = np.stack(
        [
            np.exp(-((energies - 130) ** 2) / 50) + 0.5 * np.exp(-((energies - 175) ** 2) / 200),
            np.exp(-((energies - 160) ** 2) / 80) + 0.2,
        ]
    )
    shares = rng.dirichlet([1, 1], (20, 20))
    data = shares @ phases + rng.normal(0, 0.01, (20, 20, len(energies)))
    axes = [{"size": 20, "navigate": True}] * 2
    axes.append({"axis": energies, "navigate": False, "units": "eV"})
    s = hs.signals.Signal1D(data * (widths if binned else 1), axes=axes)
    s.set_signal_type(signal_type)
    s = s.as_lazy() if lazy else s
    # exspy's classes set it when they are made
    s.axes_manager[-1].is_binned = binned
    with untouched(s):
        u = s.unmix(2, background=None, store=False)
    assert u.settings["values"].value == ("per channel" if binned else "per eV")
    assert "WARNING: values" not in u.settings
    assert angle(u.spectra.data, phases) < 1
    np.testing.assert_allclose(u.spectra.data @ widths, 1, rtol=1e-6)
    # a map's values are integrals of the phase's density
    order = np.argsort([np.argmax(row) for row in u.spectra.data])
    expected = shares.mean((0, 1)) * (phases @ widths)
    np.testing.assert_allclose(u.maps.data.mean((1, 2))[order], expected, rtol=0.025)
    in_channels = widths if binned else 1.0
    total = (u.spectra.data * in_channels * u.maps.data.sum((1, 2))[:, None]).sum(0)
    np.testing.assert_allclose(u.spectra_counts.data.sum(0), total, rtol=1e-6)
    np.testing.assert_allclose(
        array(u.model()).mean((0, 1)), data.mean((0, 1)) * in_channels, atol=5e-3
    )
    for signal in (u.spectra_counts, u.model(), u.residual()):
        assert signal.axes_manager.signal_axes[0].is_binned == binned
    assert not u.spectra.axes_manager.signal_axes[0].is_binned
    references = {}
    for name, phase, as_counts in (("a", phases[0], True), ("b", phases[1], False)):
        values = phase * (widths if as_counts else 1)
        references[name] = hs.signals.Signal1D(values, axes=axes[2:])
        references[name].axes_manager[-1].is_binned = as_counts
    assert u.match(references).angles.min(0).max() < 1
    known = s.unmix(2, background=None, store=False, known={"a": references["a"]})
    assert known.names[0] == "a" or known.names[1] == "a"
    assert angle(known.spectra.data, phases) < 1
    applied = u.apply(s)
    np.testing.assert_allclose(applied.maps.data.sum(), u.maps.data.sum(), rtol=0.01)


@pytest.mark.parametrize("signal_type", ["unmix", "EELS_unmix"])
def test_reversed_energy_axis(signal_type):
    s = calibrated(counts()[..., ::-1].copy(), signal_type, offset=258.0, scale=-2.0)
    with untouched(s):
        u = s.unmix(2, store=False)
    assert u.settings["background"].value is None
    np.testing.assert_allclose(u.spectra.data.sum(1) * 2, 1, rtol=1e-6)
    assert u.spectra.axes_manager.signal_axes[0].scale == -2.0
    assert angle(u.spectra.data[:, ::-1], PHASES) < 6
    some = s.unmix(2, signal_range=(110, 240))
    axis = some.spectra.axes_manager.signal_axes[0].axis
    assert (axis.min(), axis.max()) == (110, 240)
    assert_describes(u, s)


def test_axes_without_units_and_names():
    s = hs.signals.Signal1D(counts())
    with untouched(s):
        u = hyperspy_unmix.unmix(s, 2)
    assert_describes(u, s)
    assert "ndefined" not in repr(u)


def test_empty_rows_and_channels():
    s = two_phases(dtype=np.uint8)
    s.data[2] = 0
    s.data[:, 3] = 0
    s.data[..., :5] = 0
    with untouched(s):
        u = s.unmix(store=False)
    assert u.n_components == 2
    assert np.isfinite(u.maps.data).all()
    np.testing.assert_array_equal(u.spectra.data[:, :5], 0)
    assert np.isnan(u.fractions.data[:, 2]).all()
    assert any(choice.value == 5 for choice in u.settings.values())
    assert_describes(u, s)


@pytest.mark.parametrize("value", [1.0, 5.5, 1e9, -3.0, 7])
def test_constant_data_are_one_component(value):
    s = calibrated(np.full((*SHAPE, 80), value))
    u = s.unmix()
    assert u.n_components == 1
    np.testing.assert_allclose(array(u.model()), value, rtol=1e-4)
    assert_describes(u, s)


@pytest.mark.parametrize("bright", [1, 100, 1e6])
@eager_and_lazy
def test_one_bright_pixel_in_the_dark(bright, lazy):
    data = np.zeros((*SHAPE, 80))
    data[3, 4, 20:30] = bright
    s = calibrated(data, lazy=lazy)
    u = s.unmix()
    assert u.n_components == 1
    assert np.argmax(u.maps.data[0]) == 3 * 10 + 4
    np.testing.assert_allclose(u.maps.data.sum(), 10 * bright, rtol=1e-4)
    assert_describes(u, s)


@pytest.mark.parametrize(
    ("dtype", "factor"),
    [("u8", 10**16), ("i8", 10**16), ("f8", 1e15), ("f4", 1e15), ("f8", 1e-15)],
)
def test_very_large_and_small_values(dtype, factor):
    s = calibrated(counts().astype(dtype) * np.array(factor, dtype))
    with untouched(s):
        u = s.unmix()
    assert u.n_components == 2
    assert angle(u.spectra.data, PHASES) < 6
    assert_describes(u, s)


@pytest.mark.parametrize(("dtype", "dose"), [("u1", 150), ("i1", 60), ("u2", 49_000), ("f2", 3e4)])
def test_counts_up_to_the_limit_of_the_type(dtype, dose):
    s = two_phases(dtype=dtype, dose=dose)
    u = s.unmix()
    assert u.n_components == 2
    assert angle(u.spectra.data, PHASES) < 6
    assert_describes(u, s, 1e-3)


def test_a_detector_pedestal_is_no_component():
    # a bias of 1000 in every channel: still two spectra, and the noise knows nothing of it
    s = calibrated(counts() + 1000.0)
    assert s.unmix().n_components == 2


# ---------------------------------------------------------------- masks


@eager_and_lazy
def test_masked_pixels_are_nan_and_do_not_count(lazy):
    mask = np.zeros(SHAPE, bool)
    mask[3:6, 4:9] = True
    s = two_phases()
    s.data[mask] = 7000
    s = s.as_lazy() if lazy else s
    with untouched(s, mask):
        u = s.unmix(navigation_mask=mask, store=False)
    assert u.n_components == 2
    assert angle(u.spectra.data, PHASES) < 6
    for signal in (u.maps, u.fractions):
        assert np.isnan(signal.data[:, mask]).all()
        assert np.isfinite(signal.data[:, ~mask]).all()
    for signal in (u.model(), u.residual(), s.preprocess(navigation_mask=mask)):
        assert np.isnan(array(signal)[mask]).all()
        assert np.isfinite(array(signal)[~mask]).all()
    assert_describes(u, s)


@eager_and_lazy
def test_masked_channels_are_nan_and_do_not_count(lazy):
    mask = np.zeros(80, bool)
    mask[30:36] = True
    s = two_phases()
    s.data[..., mask] = 9000
    s = s.as_lazy() if lazy else s
    with untouched(s, mask):
        u = s.unmix(signal_mask=mask, store=False)
    assert u.n_components == 2
    assert np.isnan(u.spectra.data[:, mask]).all()
    assert np.isfinite(u.spectra.data[:, ~mask]).all()
    assert np.isfinite(u.maps.data).all()
    assert angle(u.spectra.data[:, ~mask], PHASES[:, ~mask]) < 6
    np.testing.assert_allclose(np.nansum(u.spectra.data, 1) * 2, 1, rtol=1e-6)
    assert_describes(u, s)


@eager_and_lazy
def test_signal_range(lazy):
    s = two_phases(lazy=lazy)
    u = s.unmix(2, signal_range=(120, 238))
    axis = u.spectra.axes_manager.signal_axes[0]
    assert (axis.axis[0], axis.axis[-1], axis.size) == (120, 238, 60)
    assert u.model().data.shape == (*SHAPE, 60)
    np.testing.assert_allclose(
        array(u.model() + u.residual()), array(s)[..., 10:70], rtol=1e-5, atol=1e-3
    )


# ---------------------------------------------------------------- EELS


@eager_and_lazy
def test_background_is_found_before_the_edge(lazy):
    s = edge_on_background(lazy=lazy)
    with untouched(s):
        u = s.unmix(store=False)
    start, end = u.settings["background"].value
    assert 400 <= start < end - 8 < end <= 532
    assert "window" in u.settings["background"].reason
    assert u.n_components == 1
    energy = u.spectra.axes_manager.signal_axes[0].axis
    before = np.abs(u.spectra.data[0, energy < 528]).mean()
    assert before < 0.03 * u.spectra.data[0].max()
    misfit = array(u.residual()) / np.sqrt(np.maximum(array(u.model()), 1))
    assert abs(np.mean(misfit**2) - 1) < 0.1


@eager_and_lazy
def test_background_before_the_edge_of_an_element_given(lazy):
    s = edge_on_background(elements=["O"], lazy=lazy)
    window = s.unmix(store=False).settings["background"]
    assert window.value[1] < 532
    assert "O" in window.reason


@pytest.mark.parametrize("elements", [["Au"], ["Xx"], ["O", "Xx"]])
def test_elements_without_an_edge_here_do_no_harm(elements):
    s = edge_on_background(elements=elements)
    start, end = s.unmix().settings["background"].value
    assert 400 <= start < end <= 532


def test_background_window_given():
    s = edge_on_background()
    u = s.unmix(background=(440, 520))
    assert u.settings["background"].value == (440, 520)
    assert "given" in u.settings["background"].reason
    np.testing.assert_allclose(
        array(u.model() + u.residual()), s.data[..., 40:], rtol=1e-5, atol=1e-2
    )
    flat = s.preprocess(background=(440, 520))
    assert type(flat) is type(s)
    assert abs(array(flat)[..., :80].mean()) < 0.5


@pytest.mark.parametrize("window", [(110, 140), (130, 150), (150, 250)])
def test_exponents_of_a_window_given_are_those_of_a_background(window):
    # these windows rise or hold a peak: the power law is a poor one, which is said
    u = two_phases(signal_type="EELS_unmix").unmix(2, background=window)
    exponents = u.settings["background fit"].value
    assert all(0.1 <= r <= 10 for r in exponents)
    assert list(exponents) == sorted(exponents)


@pytest.mark.parametrize("elements", [None, [], ("O",), np.array(["O", "C"])])
def test_elements_of_any_kind(elements):
    s = edge_on_background()
    s.metadata.set_item("Sample.elements", elements)
    assert s.unmix().settings["background"].value[1] <= 532


def without_pre_edge(s):
    return s.isig[140:]


def already_subtracted(s):
    s.data -= s.data[..., :120].mean(-1, keepdims=True)
    return s


def no_counts_before_the_edge(_):
    return edge_on_background(background=0.0)


def plural_scattering_but_no_background(_):
    return wedge()[0]


def rising(s):
    return calibrated(s.data[..., 120::-1].copy(), "EELS_unmix", 400.0, 1.0)


@pytest.mark.parametrize(
    "make",
    [
        without_pre_edge,
        already_subtracted,
        no_counts_before_the_edge,
        plural_scattering_but_no_background,
        rising,
    ],
)
def test_no_pre_edge_region_is_left_alone_and_said(make):
    s = make(edge_on_background())
    u = s.unmix()
    assert u.settings["background"].value is None, u.settings["background"]
    assert "left alone" in u.settings["background"].reason
    assert u.spectra.axes_manager[-1].size == s.axes_manager[-1].size


@pytest.mark.parametrize("signal_type", ["unmix", "EDS_TEM_unmix", "EDS_SEM_unmix"])
def test_only_eels_has_an_automatic_background(signal_type):
    u = edge_on_background(signal_type=signal_type).unmix()
    assert u.settings["background"].value is None


@eager_and_lazy
def test_low_loss(lazy):
    s, ll, t = wedge(lazy=lazy)
    with untouched(s, ll):
        u = s.unmix(low_loss=ll, background=None, store=False)
        flat = s.preprocess(low_loss=ll, background=None)
    assert u.n_components == 1
    assert u.thickness.data.shape == t.shape
    np.testing.assert_allclose(u.thickness.data, t, rtol=0.06)
    assert "ingle" in u.maps.metadata.Signal.quantity
    assert array(flat).shape == s.data.shape
    assert_describes(u, s)
    misfit = array(u.residual()) / np.sqrt(np.maximum(array(u.model()), 1))
    assert np.mean(misfit**2) < 1.1


def test_low_loss_and_core_loss_lazy_or_not():
    expected = None
    for s_lazy in (False, True):
        for ll_lazy in (False, True):
            s, ll = wedge(lazy=s_lazy)[0], wedge(lazy=ll_lazy)[1]
            maps = s.unmix(1, low_loss=ll, background=None).maps.data
            expected = maps if expected is None else expected
            np.testing.assert_allclose(maps, expected, rtol=1e-3)


def test_no_low_loss_no_thickness():
    assert two_phases().unmix(2).thickness is None


@pytest.mark.parametrize("shape", [(60,), (3, 5, 6)])
def test_thickness_of_a_line_and_a_stack(shape):
    s, ll, t = wedge(shape)
    u = s.unmix(1, low_loss=ll, background=None)
    assert u.thickness.data.shape == shape
    np.testing.assert_allclose(u.thickness.data, t, rtol=0.1)


def test_thickness_with_masked_pixels():
    s, ll, t = wedge()
    mask = np.eye(*t.shape, dtype=bool)
    u = s.unmix(1, low_loss=ll, background=None, navigation_mask=mask)
    assert np.isnan(u.thickness.data[mask]).all()
    np.testing.assert_allclose(u.thickness.data[~mask], t[~mask], rtol=0.06)


# ---------------------------------------------------------------- what exspy does with it


def test_eds_result_can_be_quantified():
    energy = 0.1 + 0.05 * np.arange(200)
    lines = [np.exp(-0.5 * ((energy - e) / 0.06) ** 2) for e in (6.40, 8.05)]
    share = np.random.default_rng(0).permutation(np.linspace(0, 1, 120)).reshape(SHAPE)
    rng = np.random.default_rng(1)
    rate = share[..., None] * lines[0] + (1 - share[..., None]) * lines[1] + 0.02
    s = hs.signals.Signal1D(rng.poisson(50 * rate).astype(float))
    s.set_signal_type("EDS_TEM_unmix")
    axis = s.axes_manager[-1]
    axis.offset, axis.scale, axis.units = 0.1, 0.05, "keV"
    s.set_microscope_parameters(beam_energy=200.0)
    s.set_elements(["Fe", "Cu"])
    s.set_lines(["Fe_Ka", "Cu_Ka"])
    u = s.unmix(2)
    assert u.spectra.metadata.Sample.xray_lines == ["Cu_Ka", "Fe_Ka"]
    found = []
    for i in range(2):
        intensities = u.spectra_counts.inav[i].get_lines_intensity()
        found.append([float(line.data.squeeze()) for line in intensities])
    found = np.array(found)
    assert {int(found[0].argmax()), int(found[1].argmax())} == {0, 1}
    assert (found.min(1) < 0.1 * found.max(1)).all()


def test_eels_methods_work_on_the_result():
    s = edge_on_background(elements=["O"])
    s.set_microscope_parameters(beam_energy=200.0, convergence_angle=10.0, collection_angle=20.0)
    u = s.unmix(2, background=None)
    spectrum = u.spectra.inav[0]
    assert type(spectrum) is exspy.signals.EELSSpectrum
    flat = u.spectra.remove_background((410.0, 520.0), background_type="PowerLaw")
    assert flat.data.shape == u.spectra.data.shape
    assert spectrum.rebin(scale=[2]).data.shape == (120,)


def test_repeated_pixels_are_denoised_to_themselves():
    """Fewer pixels than channels, and fewer still that differ: null directions do no harm."""
    rng = np.random.default_rng(0)
    spectra = rng.poisson(200, (4, 200)).astype(float)
    s = calibrated(np.tile(spectra, (6, 1)))
    np.testing.assert_allclose(array(s.denoise(20)), s.data, atol=0.1)


def test_pixels_masked_by_the_low_loss_count_nowhere():
    """Garbage where the low loss is NaN: the same as where a mask excludes it."""
    s, ll = wedge()[:2]
    garbage = np.zeros(s.data.shape[:-1], bool)
    garbage[1:3, 2:5] = True
    s.data = s.data.astype(float)
    s.data[garbage] = 1e6 * np.random.default_rng(1).standard_normal(s.data[garbage].shape)
    expected = s.unmix(low_loss=ll, background=None, navigation_mask=garbage, store=False)
    ll.data = ll.data.astype(float)
    ll.data[garbage] = np.nan
    u = s.unmix(low_loss=ll, background=None, store=False)
    assert u.n_components == expected.n_components
    assert u.settings["noise"].value == expected.settings["noise"].value
    np.testing.assert_allclose(u.spectra.data, expected.spectra.data, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("reverse", [False, True])
def test_native_model_has_the_counts_of_the_data(reverse):
    """HyperSpy's own model of the stored result, on a reversed axis too."""
    s = calibrated(counts().astype(float), scale=-2.0 if reverse else 2.0)
    s.unmix(2)
    assert array(s.get_bss_model()).sum() == pytest.approx(s.data.sum(), rel=1e-3)


def test_background_free_counts_need_no_window():
    """Phantom: edges alone. No later edge's window is made of an earlier edge's tail."""
    from hyperspy_unmix import data

    phantom = data.three_oxides((24, 24), counts=2000.0, background=False)
    result = hyperspy_unmix.pca(phantom.signal, low_loss=phantom.low_loss)
    assert result.settings["background"].value is None
    assert "there is no background" in result.settings["background"].reason
