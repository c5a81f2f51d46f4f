"""The registered classes stay what they are, and do what their base classes do."""

import copy
import inspect
import re
from importlib import import_module

import exspy
import hyperspy.api as hs
import numpy as np
import pytest
from rsciio.msa import _api as msa
from scipy.ndimage import gaussian_filter1d

import hyperspy_unmix
from hyperspy_unmix import workflow
from hyperspy_unmix.signals import (
    EDSSEMUnmixSpectrum,
    EDSTEMUnmixSpectrum,
    EELSUnmixSpectrum,
    LazyEDSSEMUnmixSpectrum,
    LazyEDSTEMUnmixSpectrum,
    LazyEELSUnmixSpectrum,
    LazyUnmixSignal1D,
    UnmixMixin,
    UnmixSignal1D,
)
from hyperspy_unmix.signals._help import OF_EELS

CLASSES = {
    "unmix": (UnmixSignal1D, LazyUnmixSignal1D, ""),
    "EELS_unmix": (EELSUnmixSpectrum, LazyEELSUnmixSpectrum, "EELS"),
    "EDS_TEM_unmix": (EDSTEMUnmixSpectrum, LazyEDSTEMUnmixSpectrum, "EDS_TEM"),
    "EDS_SEM_unmix": (EDSSEMUnmixSpectrum, LazyEDSSEMUnmixSpectrum, "EDS_SEM"),
}
EDS = {
    "EDS_TEM_unmix": exspy.data.EDS_TEM_FePt_nanoparticles,
    "EDS_SEM_unmix": exspy.data.EDS_SEM_TM002,
}
all_types = pytest.mark.parametrize("signal_type", CLASSES)
eager_and_lazy = pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
METHODS = ("preprocess", "pca", "phases", "denoise", "estimate_number_of_components", "unmix")


def scene(signal_type, lazy=False):
    """Four by six pixels of Poisson counts, axes calibrated."""
    energy = np.arange(80)
    rng = np.random.default_rng(0)
    s = hs.signals.Signal1D(
        rng.poisson(200 * np.exp(-energy / 40), (4, 6, 80)).astype(float),
        axes=[
            {"name": "y", "size": 4, "scale": 0.5, "units": "nm"},
            {"name": "x", "size": 6, "scale": 0.5, "units": "nm"},
            {"name": "Energy", "size": 80, "scale": 0.1, "offset": 0.1, "units": "keV"},
        ],
        metadata={"General": {"title": "scene"}},
    )
    s.set_signal_type(signal_type)
    return s.as_lazy(chunks=(2, 3, 80)) if lazy else s


def assert_keeps(s, signal_type, lazy):
    assert type(s) is CLASSES[signal_type][lazy]
    assert s.metadata.Signal.signal_type == type(s)._signal_type == signal_type
    assert s._lazy is lazy
    assert "scene" in s.metadata.General.title


def unfold_and_fold(s):
    s.unfold()
    s.fold()
    return s


def to_base_type_and_back(s):
    own = s.metadata.Signal.signal_type
    s.set_signal_type(s._base_signal_type)
    s.set_signal_type(own)
    return s


def crop(s):
    s.crop("Energy", 10, 60)
    return s


def change_dtype(s):
    s.change_dtype("float32")
    return s


def fit_model(s):
    keywords = {} if isinstance(s, UnmixSignal1D) else {"auto_background": False}
    if isinstance(s, exspy.signals.EDSSpectrum):
        s.set_microscope_parameters(beam_energy=200.0)
    m = s.create_model(**keywords)
    m.append(hs.model.components1D.Offset())
    m.multifit(iterpath="serpentine")
    return m.as_signal()


SURVIVED = {
    "one pixel": lambda s: s.inav[0, 0],
    "slice": lambda s: s.inav[1:4, ::2].isig[10:-10],
    "slice in units": lambda s: s.isig[1.0:5.0],
    "crop": crop,
    "add": lambda s: s + 1,
    "divide by itself": lambda s: s / (s + 1),
    "negative": lambda s: -s,
    "sum": lambda s: s.sum("x"),
    "mean over all pixels": lambda s: s.mean(),
    "rebin": lambda s: s.rebin(scale=(2, 2, 4)),
    "map": lambda s: s.map(gaussian_filter1d, sigma=2.0, inplace=False),
    "derivative": lambda s: s.derivative("Energy"),
    "stack": lambda s: hs.stack([s, s]),
    "split": lambda s: s.split("x", number_of_parts=2)[1],
    "transpose and back": lambda s: s.T.T,
    "swap axes": lambda s: s.swap_axes("x", "y"),
    "image and back": lambda s: s.as_signal2D(("x", "y")).as_signal1D("Energy"),
    "unfold and fold": unfold_and_fold,
    "change dtype": change_dtype,
    "deepcopy": lambda s: s.deepcopy(),
    "dictionary": lambda s: type(s)(**s._to_dictionary()),
    "base type and back": to_base_type_and_back,
    "model": fit_model,
}


@all_types
@eager_and_lazy
@pytest.mark.parametrize("operation", SURVIVED)
def test_class_and_type_survive(signal_type, lazy, operation):
    t = SURVIVED[operation](scene(signal_type, lazy))
    assert_keeps(t, signal_type, lazy)


@all_types
def test_class_and_type_survive_becoming_lazy_and_compute(signal_type):
    s = scene(signal_type).as_lazy()
    assert_keeps(s, signal_type, lazy=True)
    s.compute()
    assert_keeps(s, signal_type, lazy=False)


@all_types
@eager_and_lazy
def test_current_signal(signal_type, lazy):
    t = scene(signal_type, lazy).get_current_signal(auto_title=False)
    assert_keeps(t, signal_type, lazy=False)


@all_types
@eager_and_lazy
@pytest.mark.parametrize("read_lazily", [False, True])
@pytest.mark.parametrize("file_format", ["hspy", "zspy"])
def test_save_and_load(signal_type, lazy, read_lazily, file_format, tmp_path):
    s = scene(signal_type, lazy)
    s.save(tmp_path / f"a.{file_format}")
    assert_keeps(s, signal_type, lazy)
    t = hs.load(tmp_path / f"a.{file_format}", lazy=read_lazily)
    assert_keeps(t, signal_type, read_lazily)
    np.testing.assert_array_equal(np.asarray(t.data), np.asarray(s.data))


def test_every_way_of_naming_a_hyperspy_file_keeps_the_type(tmp_path):
    pytest.importorskip("zarr")
    s = scene("EELS_unmix")
    s.save(tmp_path / "nexus.nxs")
    s.save(tmp_path / "no_suffix")
    s.save(str(tmp_path / "of_format"), file_format="ZSPY")
    (tmp_path / "folder.v2").mkdir()
    s.tmp_parameters.set_item("extension", ".hspy")
    s.save(tmp_path / "folder.v2")
    s.save(overwrite=True)
    for file in ("no_suffix.hspy", "of_format.zspy", "folder.v2/of_format.hspy"):
        assert_keeps(hs.load(tmp_path / file), "EELS_unmix", lazy=False)
    assert_keeps(hs.load(tmp_path / "nexus.nxs")[0], "EELS_unmix", lazy=False)


@pytest.mark.parametrize("signal_type", [t for t in CLASSES if t != "unmix"])
@pytest.mark.parametrize("file_format", ["msa", "rpl"])
def test_other_formats_get_the_base_type(signal_type, file_format, tmp_path, monkeypatch):
    # the writer changes its own table for a SEM
    monkeypatch.setattr(msa, "keywords", copy.deepcopy(msa.keywords))
    s = scene(signal_type).inav[0, 0]
    base = s.deepcopy()
    base.set_signal_type(s._base_signal_type)
    for name, t in (("own", s), ("base", base)):
        t.save(tmp_path / f"{name}.{file_format}")
    own, expected = (
        (tmp_path / f"{name}.{file_format}").read_text().replace(name, "")
        for name in ("own", "base")
    )
    assert own == expected
    assert_keeps(s, signal_type, lazy=False)


def test_msa_of_eels_is_read_as_eels(tmp_path):
    scene("EELS_unmix").inav[0, 0].save(tmp_path / "a.msa")
    assert type(hs.load(tmp_path / "a.msa")) is exspy.signals.EELSSpectrum


@all_types
@eager_and_lazy
def test_set_signal_type_gives_the_base_class_back(signal_type, lazy):
    base_type = CLASSES[signal_type][2]
    s = scene(signal_type, lazy)
    s.set_signal_type(base_type)
    assert s.metadata.Signal.signal_type == s._signal_type == base_type
    assert issubclass(CLASSES[signal_type][lazy], type(s))
    assert not isinstance(s, UnmixMixin)


@pytest.mark.parametrize("signal_type", EDS)
@eager_and_lazy
def test_eds_methods_equal_those_of_the_base_class(signal_type, lazy):
    base = EDS[signal_type]()
    if lazy:
        base = base.as_lazy()
    s = base.deepcopy()
    s.set_signal_type(signal_type)
    for t in (s, base):
        t.set_microscope_parameters(tilt_stage=12.0, energy_resolution_MnKa=128.0)
        t.add_elements(["Cu"])
        t.add_lines()
    assert type(s) is CLASSES[signal_type][lazy]
    assert s.metadata.Signal.signal_type == signal_type
    assert s.metadata.Sample.xray_lines == base.metadata.Sample.xray_lines
    assert s.get_take_off_angle() == base.get_take_off_angle()
    assert s._get_line_energy("Cu_Ka", "auto") == base._get_line_energy("Cu_Ka", "auto")
    windows, expected = (t.estimate_background_windows() for t in (s, base))
    np.testing.assert_array_equal(windows, expected)
    np.testing.assert_array_equal(
        s.estimate_integration_windows(), base.estimate_integration_windows()
    )
    for line, of_base in zip(
        s.get_lines_intensity(background_windows=windows),
        base.get_lines_intensity(background_windows=windows),
        strict=True,
    ):
        np.testing.assert_array_equal(np.asarray(line.data), np.asarray(of_base.data))


@pytest.mark.parametrize("signal_type", EDS)
def test_eds_without_microscope_metadata_gets_the_defaults(signal_type):
    s = scene(signal_type)
    base = scene(CLASSES[signal_type][2])
    assert s.metadata.Acquisition_instrument.as_dictionary() == (
        base.metadata.Acquisition_instrument.as_dictionary()
    )
    assert s.get_take_off_angle() == base.get_take_off_angle()


def test_eds_from_one_microscope_to_the_other():
    s = scene("EDS_TEM_unmix")
    s.set_signal_type("EDS_SEM_unmix")
    assert_keeps(s, "EDS_SEM_unmix", lazy=False)
    assert list(s.metadata.Acquisition_instrument.keys()) == ["SEM"]


@eager_and_lazy
def test_eels_methods_equal_those_of_the_base_class(lazy):
    base = exspy.data.EELS_low_loss(random_state=0, navigation_shape=(3, 2))
    if lazy:
        base = base.as_lazy()
    s = base.deepcopy()
    s.set_signal_type("EELS_unmix")
    found, expected = (t.estimate_thickness(threshold=10.0) for t in (s, base))
    assert type(found) is type(expected)
    np.testing.assert_array_equal(np.asarray(found.data), np.asarray(expected.data))
    found, expected = (
        t.remove_background(signal_range=(50.0, 90.0), background_type="PowerLaw")
        for t in (s, base)
    )
    assert type(found) is CLASSES["EELS_unmix"][lazy]
    np.testing.assert_array_equal(np.asarray(found.data), np.asarray(expected.data))


def test_eels_elements_and_edges():
    s = exspy.data.EELS_MnFe(add_noise=False)
    s.set_signal_type("EELS_unmix")
    s.add_elements(("Mn", "Fe"))
    assert {"Mn_L3", "Fe_L3"} <= s.subshells


@pytest.mark.parametrize("name", METHODS)
def test_methods_hand_everything_to_the_function(name, monkeypatch):
    parameters = list(inspect.signature(getattr(UnmixMixin, name)).parameters)[1:]
    given = {p: object() for p in parameters}
    received = {}

    def function(signal, n_components=None, **keywords):
        if "n_components" in parameters:
            keywords["n_components"] = n_components
        received.update(keywords, signal=signal)
        return "result"

    home = import_module(f"hyperspy_unmix.{hyperspy_unmix._HOME[name]}")
    monkeypatch.setattr(home, name, function)
    s = scene("unmix")
    assert getattr(s, name)(**given) == "result"
    assert received == {"signal": s, **given}


@pytest.mark.parametrize("name", METHODS)
def test_methods_and_functions_have_the_same_parameters(name):
    def defaults(function):
        parameters = list(inspect.signature(function).parameters.values())[1:]
        return {p.name: (p.kind, p.default) for p in parameters if p.name != "store"}

    function = getattr(import_module("hyperspy_unmix"), name)
    assert defaults(getattr(UnmixMixin, name)) == defaults(function)


def test_only_the_method_stores_by_default():
    assert inspect.signature(UnmixMixin.unmix).parameters["store"].default is True
    assert inspect.signature(workflow.unmix).parameters["store"].default is False


@pytest.mark.parametrize(
    ("kind", "shown"), [("EELS_unmix", True), ("EDS_TEM_unmix", False), ("unmix", False)]
)
def test_help_shows_the_options_of_such_a_signal(kind, shown):
    """Those of a low loss only where there is one; all are taken, and no other text is lost."""
    s = scene(kind)
    for name in ("unmix", "pca", "preprocess", "estimate_number_of_components"):
        parameters = inspect.signature(getattr(s, name)).parameters
        assert ("low_loss" in parameters) == shown
        assert "noise" in parameters
    text = inspect.getdoc(s.unmix)
    described = set(re.findall(r"^(\w+)(?:, \w+)* : ", text, re.MULTILINE))
    assert ("low_loss" in described) == ("t/λ" in text) == shown
    whole = set(re.findall(r"^(\w+)(?:, \w+)* : ", inspect.getdoc(UnmixMixin.unmix), re.MULTILINE))
    assert whole - described == (set() if shown else set(OF_EELS))
    assert text.endswith(inspect.getdoc(UnmixMixin.unmix)[-60:])
