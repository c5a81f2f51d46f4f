"""Results as files: back bit for bit, read by HyperSpy alone, whole or not there."""

import gzip
import json
import os
import re
import subprocess
import sys
from copy import deepcopy
from functools import cache
from pathlib import Path

import hyperspy.api as hs
import matplotlib.pyplot as plt
import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix import data
from hyperspy_unmix.components import summary_text
from hyperspy_unmix.settings import cautions_in
from hyperspy_unmix.storage import containers
from hyperspy_unmix.storage.missing_counts import CountsMissingError, fingerprint
from hyperspy_unmix.storage.record import recorded, restored
from hyperspy_unmix.storage.saved_classes import saved_classes
from hyperspy_unmix.tests.scenes import (
    SHAPE,
    array,
    calibrated,
    counts,
    edge_on_background,
    two_phases,
    wedge,
)

SHAPES = {"line": (30,), "map": SHAPE, "stack": (3, 5, 4)}
shapes = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
eager_and_lazy = pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
formats = pytest.mark.parametrize("suffix", containers.SUFFIXES)
SIGNALS = (
    "spectra",
    "spectra_counts",
    "spectra_uncertainty",
    "maps",
    "maps_uncertainty",
    "fractions",
)


def ill():
    """Spikes, a masked pixel, a masked and an empty channel, a pixel that is not finite."""
    values = counts(dose=200.0).astype(float)
    values[2, 3, 40] += 1e5
    values[4, 4, 7] = np.nan
    values[..., 11] = 0
    pixels, channels = np.zeros(SHAPE, bool), np.zeros(values.shape[-1], bool)
    pixels[0, :2], channels[20:23] = True, True
    return hyperspy_unmix.unmix(calibrated(values), 2, navigation_mask=pixels, signal_mask=channels)


def with_variance():
    s = two_phases()
    variance = hs.signals.Signal1D(np.maximum(s.data, 1.0))
    return hyperspy_unmix.unmix(s, 2, noise=variance)


def drifting():
    made = data.inclined_boundary(shape=(20, 20), drift=8.0)
    return hyperspy_unmix.unmix(made.signal, low_loss=made.low_loss)


def applied():
    u = hyperspy_unmix.unmix(two_phases(), 2)
    return u.apply(calibrated(counts(seed=7)))


def low_loss_alone():
    made = data.inclined_boundary(shape=(16, 16))
    return hyperspy_unmix.unmix(made.low_loss)


RESULTS = {
    "ill": ill,
    "variance": with_variance,
    "dual": lambda: hyperspy_unmix.unmix(wedge()[0], 1, low_loss=wedge()[1]),
    "thickness": lambda: hyperspy_unmix.unmix(wedge()[0], 1, thickness=(wedge()[2], "t/lambda")),
    "drift": drifting,
    "log": low_loss_alone,
    "pure": lambda: hyperspy_unmix.unmix(two_phases(), 2, assume="pure"),
    "fastica": lambda: hyperspy_unmix.unmix(two_phases(), 3, algorithm="fastica", refine=None),
    "mcr-als": lambda: hyperspy_unmix.unmix(two_phases(), 2, algorithm="mcr-als"),
    "eds": lambda: hyperspy_unmix.unmix(data.eds_phases(shape=(16, 16)).signal, 3),
    "applied": applied,
    "together": lambda: hyperspy_unmix.unmix([two_phases(), calibrated(counts(seed=9))], 2)[1],
    "arranged": lambda: (
        hyperspy_unmix.unmix(two_phases(), 2).rename(["a/b", "ä"]).reorder([1, 0]).reverse("ä")
    ),
}


@cache
def made(name):
    """A result of that kind; to be copied, as much of it is computed when it is asked for."""
    return RESULTS[name]()


def assert_same(found, given):
    """Every field of both, bit for bit."""
    text, arrays = recorded(given, saved_classes())
    again, others = recorded(found, saved_classes())
    assert json.loads(again) == json.loads(text)
    assert len(arrays) == len(others)
    for one, other in zip(arrays, others, strict=True):
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        assert one.tobytes() == other.tobytes()


def assert_same_signals(found, given, names=SIGNALS):
    for name in names:
        one, other = getattr(given, name), getattr(found, name)
        assert type(one) is type(other)
        assert array(one).tobytes() == array(other).tobytes()
        assert one.metadata.as_dictionary().keys() == other.metadata.as_dictionary().keys()
        assert [a.get_axis_dictionary() for a in one.axes_manager._axes] == [
            a.get_axis_dictionary() for a in other.axes_manager._axes
        ]


@formats
@eager_and_lazy
@shapes
def test_result_comes_back_bit_for_bit(shape, lazy, suffix, tmp_path):
    """Truth: the result that was saved, with its counts and without."""
    s = two_phases(shape, lazy=lazy)
    u = s.unmix(2, store=False)
    u.save(tmp_path / f"r{suffix}")
    v = hyperspy_unmix.load(tmp_path / f"r{suffix}")
    assert_same(v, u)
    assert_same_signals(v, u)
    assert v.model()._lazy == lazy
    assert array(v.model()).tobytes() == array(u.model()).tobytes()
    u.save(tmp_path / f"whole{suffix}", counts=True)
    for whole in (
        hyperspy_unmix.load(tmp_path / f"whole{suffix}"),
        hyperspy_unmix.load(tmp_path / f"r{suffix}", s),
    ):
        assert whole.residual()._lazy == lazy
        assert array(whole.residual()).tobytes() == array(u.residual()).tobytes()
        assert array(whole.reduced_chi_square).tobytes() == array(u.reduced_chi_square).tobytes()


@formats
@pytest.mark.parametrize("name", RESULTS)
def test_every_kind_of_result_comes_back(name, suffix, tmp_path):
    """Truth: the result that was saved; every choice, warning and figure of its summary."""
    u = deepcopy(made(name))
    u.save(tmp_path / f"r{suffix}")
    v = hyperspy_unmix.load(tmp_path / f"r{suffix}")
    assert_same(v, u)
    assert repr(v) == repr(u)
    assert v._repr_html_() == u._repr_html_()
    thick = u.thickness is not None
    assert_same_signals(v, u, (*SIGNALS, *(["thickness", "densities"] if thick else [])))
    assert (v.ambiguity.shares == u.ambiguity.shares).all()
    assert repr(v.pca) == repr(u.pca)


def test_loaded_result_goes_on_as_the_first_one_would(tmp_path):
    """Truth: the same steps without a file between."""
    made = data.inclined_boundary(shape=(20, 20))
    u = hyperspy_unmix.unmix(made.signal, low_loss=made.low_loss)
    u.save(tmp_path / "r.hspy")
    v = hyperspy_unmix.load(tmp_path / "r")
    again, known = v.pca.ica(1), u.pca.ica(1)
    assert again.arrays.maps.tobytes() == known.arrays.maps.tobytes()
    assert repr(v.match(["Fe_L3", "O_K"])) == repr(u.match(["Fe_L3", "O_K"]))
    other = data.inclined_boundary(shape=(20, 20), seed=3)
    first, second = (x.apply(other.signal, low_loss=other.low_loss) for x in (u, v))
    assert first.arrays.maps.tobytes() == second.arrays.maps.tobytes()
    v.plot_overview()
    v.plot_thickness()
    plt.close("all")


@pytest.mark.parametrize(
    "use",
    [
        lambda u: u.residual(),
        lambda u: u.reduced_chi_square,
        lambda u: u.plot_fit(),
        lambda u: u.plot_residual(),
        lambda u: u.pca.preprocessed(),
        lambda u: u.pca.recounted(),
        lambda u: u.save("whole.hspy", counts=True),
    ],
)
@eager_and_lazy
@shapes
def test_what_needs_the_counts_says_so(shape, lazy, use, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    two_phases(shape, lazy=lazy).unmix(2, store=False).save("r.hspy")
    with pytest.raises(CountsMissingError, match=r"load\(filename, signal\)"):
        array(use(hyperspy_unmix.load("r.hspy")))
    assert os.listdir(tmp_path) == ["r.hspy"]


def test_what_was_computed_is_not_computed_again(tmp_path):
    """Another machine's arithmetic may differ in the last bit; what was published must not."""
    u = two_phases().unmix(2, store=False)
    u.save(tmp_path / "r.hspy")
    v = hyperspy_unmix.load(tmp_path / "r.hspy")
    assert {"stability", "ambiguity", "changes"} <= v.separated.__dict__.keys()
    assert {"_spectra_variance", "_maps_variance"} <= v.__dict__.keys()


def test_another_signal_is_refused(tmp_path):
    s = two_phases()
    s.unmix(2, store=False).save(tmp_path / "r.hspy")
    with pytest.raises(ValueError, match=r"\(12, 9, 80\), what was unmixed had \(12, 10, 80\)"):
        hyperspy_unmix.load(tmp_path / "r.hspy", s.inav[1:])
    with pytest.raises(ValueError, match="other values"):
        hyperspy_unmix.load(tmp_path / "r.hspy", s * 2)
    hyperspy_unmix.load(tmp_path / "r.hspy", two_phases(dtype=np.uint16, lazy=True)).residual()


def test_variance_comes_with_the_counts(tmp_path):
    """A variance of every value: from the file, or from the metadata of the signal."""
    u = with_variance()
    u.save(tmp_path / "whole.hspy", counts=True)
    v = hyperspy_unmix.load(tmp_path / "whole.hspy")
    assert array(v.reduced_chi_square).tobytes() == array(u.reduced_chi_square).tobytes()
    with pytest.raises(CountsMissingError):
        hyperspy_unmix.load(tmp_path / "whole.hspy", two_phases()).goodness.chi_square  # noqa: B018


@formats
def test_hyperspy_alone_reads_spectra_and_maps(suffix, tmp_path):
    """HyperSpy in a process that cannot import this package: the same numbers and variances."""
    u = RESULTS["dual"]()
    u.save(tmp_path / f"r{suffix}", counts=True)
    for name in ("spectra", "maps", "thickness"):
        np.save(tmp_path / f"{name}.npy", getattr(u, name).data)
    script = """
import importlib.abc, sys
class Gone(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "hyperspy_unmix":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Gone())
import importlib.metadata, importlib.util
real = importlib.metadata.entry_points
def others(**k):
    found = real(**k)
    if k.get("group") != "hyperspy.extensions":
        return found
    return [e for e in found if not e.value.startswith("hyperspy_unmix")]
importlib.metadata.entry_points = others
import numpy as np, hyperspy.api as hs
found = {s.metadata.Unmixing.holds: s for s in hs.load(sys.argv[1])}
assert sorted(found) == ["counts", "maps", "spectra", "spectra counts", "thickness"], found
for name in ("spectra", "maps", "thickness"):
    known = np.load(sys.argv[2] + f"/{name}.npy")
    assert found[name].data.tobytes() == known.tobytes(), name
    assert found[name].get_noise_variance().data.shape == known.shape
assert found["spectra"].metadata.Signal.signal_type == "EELS"
assert type(found["counts"]).__name__ == "EELSSpectrum"
assert "1 component" in found["maps"].metadata.Unmixing.summary
assert not any(name.startswith("hyperspy_unmix") for name in sys.modules)
"""
    given = [sys.executable, "-c", script, str(tmp_path / f"r{suffix}"), str(tmp_path)]
    done = subprocess.run(given, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# ---------------------------------------------------------------------------------- whole or not


class Full:
    """A disk that is full after one array, and a user who gives up."""

    def __init__(self, error):
        self.error, self.left, self.put = error, 1, containers._put

    def __call__(self, *given):
        self.left -= 1
        if self.left < 0:
            raise self.error
        self.put(*given)


@formats
@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
@pytest.mark.parametrize("before", [True, False], ids=["over an old one", "new"])
def test_interrupted_save_leaves_the_old_file(suffix, error, before, tmp_path, monkeypatch):
    path = tmp_path / f"r{suffix}"
    u = two_phases().unmix(2, store=False)
    if before:
        u.rename(["old", "one"]).save(path)
    monkeypatch.setattr(containers, "_put", Full(error))
    with pytest.raises(type(error)):
        u.save(path, overwrite=True)
    assert os.listdir(tmp_path) == ([path.name] if before else [])
    if before:
        assert hyperspy_unmix.load(path).names == ("old", "one")


@formats
def test_old_folder_comes_back_if_the_new_one_cannot_be_moved(suffix, tmp_path, monkeypatch):
    path = tmp_path / f"r{suffix}"
    u = two_phases().unmix(2, store=False)
    u.rename(["old", "one"]).save(path)
    real = os.replace

    def refuses(source, target):
        if Path(target) == path and Path(source).name == path.name:
            monkeypatch.setattr(os, "replace", real)
            raise PermissionError("in use")
        real(source, target)

    monkeypatch.setattr(os, "replace", refuses)
    with pytest.raises(PermissionError):
        u.save(path, overwrite=True)
    assert os.listdir(tmp_path) == [path.name]
    assert hyperspy_unmix.load(path).names == ("old", "one")


@formats
def test_existing_file_is_asked_for(suffix, tmp_path, monkeypatch):
    path = tmp_path / f"r{suffix}"
    u = two_phases().unmix(2, store=False)
    u.save(path)
    answers = iter("nyn")
    monkeypatch.setattr("builtins.input", lambda words: next(answers))
    u.rename(["new", "one"]).save(path)
    assert hyperspy_unmix.load(path).names == ("0", "1")
    u.rename(["new", "one"]).save(path)
    assert hyperspy_unmix.load(path).names == ("new", "one")
    u.save(path, overwrite=False)
    assert hyperspy_unmix.load(path).names == ("new", "one")


@pytest.mark.parametrize("name", ["r.hdf5", "r.npz", "r.msa"])
def test_other_formats_are_refused(name, tmp_path):
    u = two_phases().unmix(2, store=False)
    with pytest.raises(ValueError, match=r"\.hspy or \.zspy"):
        u.save(tmp_path / name)
    with pytest.raises(ValueError, match=r"\.hspy or \.zspy"):
        hyperspy_unmix.load(tmp_path / name)


def test_zarr_that_cannot_be_imported_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "zarr", None)
    for call in (two_phases().unmix(2, store=False).save, hyperspy_unmix.load):
        with pytest.raises(ImportError, match=r"needs zarr.*hyperspy-unmix\[all\]"):
            call(tmp_path / "r.zspy")
    assert not list(tmp_path.iterdir())


def test_missing_places_are_named(tmp_path):
    u = two_phases().unmix(2, store=False)
    with pytest.raises(FileNotFoundError, match="no folder"):
        u.save(tmp_path / "none" / "r.hspy")
    with pytest.raises(FileNotFoundError, match=r"r\.hspy: there is no such file"):
        hyperspy_unmix.load(tmp_path / "r")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.99])
def test_truncated_file_gives_one_error(share, tmp_path):
    path = tmp_path / "r.hspy"
    two_phases().unmix(2, store=False).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match="not a whole result"):
        hyperspy_unmix.load(path)


@formats
def test_file_of_hyperspy_is_not_a_result(suffix, tmp_path):
    two_phases(signal_type="").save(tmp_path / f"r{suffix}")
    with pytest.raises(ValueError, match="not a whole result"):
        hyperspy_unmix.load(tmp_path / f"r{suffix}")


def altered(path, change):
    """The file with another text of its record."""
    import h5py

    with h5py.File(path, "a") as file:
        own = file[containers.OWN]
        text = own["record"][()].tobytes().decode()
        changed = change(text)
        assert changed != text
        del own["record"]
        own["record"] = np.frombuffer(changed.encode(), np.uint8)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('"of": "Scree"', '"of": "Popen"'),
        lambda text: text.replace('"of": "Unmixing"', '"of": "Choice"'),
        lambda text: text.replace('"names"', '"nomes"'),
        lambda text: re.sub(r'"array": \d+', '"array": 99999', text),
        lambda text: text[:-40],
        lambda text: "[1, 2]",
    ],
    ids=["class", "top", "field", "array", "cut", "other"],
)
def test_altered_record_gives_one_error(change, tmp_path):
    """Only the classes that are listed are made, whatever the file says."""
    path = tmp_path / "r.hspy"
    two_phases().unmix(2, store=False).save(path)
    altered(path, change)
    with pytest.raises(ValueError, match=r"not a (whole )?result"):
        hyperspy_unmix.load(path)


def test_later_version_is_refused_by_name(tmp_path):
    import h5py

    path = tmp_path / "r.hspy"
    two_phases().unmix(2, store=False).save(path)
    with h5py.File(path, "a") as file:
        file[containers.OWN].attrs.update({"version": 99, "package_version": "7.1"})
    with pytest.raises(ValueError, match=r"by hyperspy_unmix 7\.1"):
        hyperspy_unmix.load(path)


def test_files_of_version_one_are_read(tmp_path):
    """A file that was written when there was this format first; its numbers were printed then."""
    packed = Path(__file__).parent / "version_1.hspy.gz"
    (tmp_path / "version_1.hspy").write_bytes(gzip.decompress(packed.read_bytes()))
    u = hyperspy_unmix.load(tmp_path / "version_1.hspy")
    assert u.names == ("0", "1")
    assert u.settings["n_components"].value == 2
    assert float(u.maps.data[0, 3, 4]) == VERSION_1["map"]
    assert float(u.spectra.data[1, 17]) == VERSION_1["spectrum"]
    assert u.stability.tolist() == VERSION_1["stability"]
    assert u.thickness is None


def test_low_loss_drift_and_warnings_of_version_one_are_read(tmp_path):
    """A file of the last release with files of version one; what it printed and gave then."""
    folder = Path(__file__).parent
    known = json.loads((folder / "version_1_low_loss.json").read_text(encoding="utf-8"))
    file = folder / "version_1_low_loss.hspy.gz"
    if not file.exists():
        pytest.skip("the file of version one is in the repository, not in the wheel")
    packed = file.read_bytes()
    (tmp_path / "r.hspy").write_bytes(gzip.decompress(packed))
    u = hyperspy_unmix.load(tmp_path / "r.hspy")
    # what was chosen is in the file in words; what single components are is said anew
    printed = summary_text.text(u.title, u.choices).splitlines()
    assert len(printed) > 8 and set(printed) <= set(known["summary"].splitlines())
    assert u.code == known["code"]
    assert u.stability.tolist() == known["stability"]
    # sums in single precision, in the order of this machine's BLAS; since then spectra that are
    # shifted by fractions of a channel are continued smoothly at their ends, which moves the values
    # near them by two hundredths of their noise
    model, background = u.model().data[2, 3], u.background.data[2, 3]
    np.testing.assert_allclose(model[100], known["model"][1], rtol=1e-5)
    ends, known_ends = model[[10, 200]], np.array(known["model"])[[0, 2]]
    np.testing.assert_array_less(np.abs(ends - known_ends), 0.02 * np.sqrt(known_ends))
    np.testing.assert_allclose(background[100], known["background"][1], rtol=1e-5)
    assert abs(background[10] - known["background"][0]) < 0.02 * np.sqrt(background[10])
    assert u.densities.data[1, 2, 3] == pytest.approx(known["density"], rel=1e-12)
    assert u.energy_shift.data[2, 3] == pytest.approx(known["shift"], rel=1e-12)
    assert list(cautions_in(u.settings)) == ["WARNING: collection angle"]
    assert u.prepared.drift.applied and u.prepared.background.ranges == (
        u.settings["background"].value,
    )
    u.report(tmp_path / "r.html")
    # as it is written now, it is the same again
    u.save(tmp_path / "again.hspy")
    assert repr(hyperspy_unmix.load(tmp_path / "again.hspy")) == repr(u)


VERSION_1 = json.loads((Path(__file__).parent / "version_1.json").read_text())


# ---------------------------------------------------------------------------------------- record


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -3,
        2**70,
        0.1 + 0.2,
        -0.0,
        float("inf"),
        5e-324,
        "ä λ \x00 \U0001f600",
        1 + 2j,
        [1, (2, [3]), {"a": (None,), "of": 3}],
        np.float32(0.1),
        np.bool_(True),
        np.array(["a", "ßß"]),
        np.zeros((0, 3)),
        np.array(3 + 4j),
        np.arange(6, dtype=">i2").reshape(2, 3),
        np.array([np.nan, -0.0, np.inf]),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array([[True, False]]),
    ],
    ids=repr,
)
def test_values_come_back_as_they_were(value):
    text, arrays = recorded(value, {})
    found = restored(text, arrays.__getitem__, {})
    assert type(found) is type(value)
    if isinstance(value, np.ndarray):
        assert (found.dtype, found.shape) == (value.dtype, value.shape)
        assert found.tobytes() == value.tobytes()
        assert found.flags.f_contiguous == value.flags.f_contiguous
    else:
        assert repr(found) == repr(value)


def test_array_in_two_places_is_kept_once():
    a = np.arange(5)
    text, arrays = recorded([a, (a, a.copy())], {})
    assert len(arrays) == 2
    found = restored(text, arrays.__getitem__, {})
    assert found[0] is found[1][0]


@pytest.mark.parametrize("value", [object(), {1, 2}, np.array([object()]), print])
def test_what_is_not_data_is_refused(value):
    with pytest.raises(TypeError, match="cannot be recorded"):
        recorded(value, {})


def test_odd_metadata_do_not_stop_a_save(tmp_path, caplog):
    s = two_phases()
    s.metadata.set_item("Sample.note", {"when": np.datetime64("2026-01-01"), "what": "é"})
    u = s.unmix(2, store=False)
    u.save(tmp_path / "r.hspy")
    assert "Sample.note.when is left out" in caplog.text
    v = hyperspy_unmix.load(tmp_path / "r.hspy")
    assert v.maps.metadata.Sample.note.what == "é"


def test_fingerprint_is_of_the_values():
    """Whatever their dtype, laziness and order in memory; one count more changes it."""
    a = counts()
    known = fingerprint(a)
    for other in (a.astype(np.uint16), a.astype(">f4"), np.asfortranarray(a)):
        assert fingerprint(other) == known
    assert fingerprint(two_phases(lazy=True).data) == known
    for place in ((0, 0, 0), (-1, -1, -1)):
        changed = a.copy()
        changed[place] += 1
        assert fingerprint(changed) != known


# ---------------------------------------------------------------------------------- odd cases


@formats
@pytest.mark.parametrize(
    "title", ["counts", "spectra", "C:\\data\\map", "a/b", "12", "", "x" * 300, "ä & <b>"]
)
def test_titles_of_any_kind(title, suffix, tmp_path):
    s = two_phases()
    s.metadata.General.title = title
    u = s.unmix(2, store=False)
    u.save(tmp_path / f"r{suffix}", counts=True)
    v = hyperspy_unmix.load(tmp_path / f"r{suffix}")
    assert v.title == u.title
    assert array(v.residual()).tobytes() == array(u.residual()).tobytes()
    found = {x.metadata.Unmixing.holds: x for x in hs.load(tmp_path / f"r{suffix}")}
    assert found["counts"].metadata.General.title == title
    assert found["maps"].metadata.General.title == u.maps.metadata.General.title


@formats
@pytest.mark.parametrize(
    "elements", [["O", "Xx"], "O", np.array(["Fe", "Oß"]), ("Fe",), [], {"a": 1}], ids=str
)
def test_elements_of_any_kind(elements, suffix, tmp_path):
    """Those that exspy does not know would stop its classes."""
    s = edge_on_background()
    s.metadata.set_item("Sample.elements", elements)
    u = hyperspy_unmix.unmix(s, 1)
    u.save(tmp_path / f"r{suffix}", counts=True)
    v = hyperspy_unmix.load(tmp_path / f"r{suffix}")
    assert array(v.residual()).tobytes() == array(u.residual()).tobytes()
    v.plot_overview()


def test_stated_gain_goes_along(tmp_path):
    """Truth: the noise of the counts that are unmixed again."""
    s = two_phases()
    s.data = s.data * 4.0
    place = "Signal.Noise_properties.Variance_linear_model"
    for name, value in {"gain_factor": 4.0, "gain_offset": 2.0, "correlation_factor": 1.0}.items():
        s.metadata.set_item(f"{place}.{name}", value)
    u = s.unmix(2, store=False)
    assert "from metadata" in u.settings["noise"].reason
    u.save(tmp_path / "r.hspy", counts=True)
    found = {x.metadata.Unmixing.holds: x for x in hs.load(tmp_path / "r.hspy")}
    again = hyperspy_unmix.unmix(found["counts"], 2)
    assert again.settings["noise"] == u.settings["noise"]


@formats
def test_other_things_of_that_name_are_left(suffix, tmp_path):
    """A folder with notes in it, a file where a folder is needed."""
    u = two_phases().unmix(2, store=False)
    folder = tmp_path / f"mine{suffix}"
    folder.mkdir()
    (folder / "notes.txt").write_text("x")
    with pytest.raises(FileExistsError, match="a folder with other things in it"):
        u.save(folder, overwrite=True)
    assert (folder / "notes.txt").read_text() == "x"
    if suffix == ".zspy":
        (tmp_path / "file.zspy").write_text("x")
        with pytest.raises(FileExistsError, match=r"a \.zspy is a folder"):
            u.save(tmp_path / "file.zspy", overwrite=True)
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".unmix")]


def test_links_are_written_through_and_permissions_kept(tmp_path):
    u = two_phases().unmix(2, store=False)
    u.save(tmp_path / "target.hspy")
    (tmp_path / "target.hspy").chmod(0o664)
    (tmp_path / "link.hspy").symlink_to("target.hspy")
    u.rename(["p", "q"]).save(tmp_path / "link.hspy", overwrite=True)
    assert (tmp_path / "link.hspy").is_symlink()
    assert hyperspy_unmix.load(tmp_path / "target.hspy").names == ("p", "q")
    assert (tmp_path / "target.hspy").stat().st_mode & 0o777 == 0o664


def test_nobody_to_ask(tmp_path, monkeypatch):
    """A batch job has no answer: it must not go on as if it had saved."""

    def nobody(words):
        raise EOFError

    monkeypatch.setattr("builtins.input", nobody)
    u = two_phases().unmix(2, store=False)
    u.save(tmp_path / "r.hspy")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        u.save(tmp_path / "r.hspy")


@pytest.mark.parametrize("given", [[1, 2], np.zeros((2, 2)), "counts.hspy"], ids=str)
def test_what_is_no_signal(given, tmp_path):
    two_phases().unmix(2, store=False).save(tmp_path / "r.hspy")
    with pytest.raises(TypeError, match="the HyperSpy signal that was unmixed is needed"):
        hyperspy_unmix.load(tmp_path / "r.hspy", given)


@pytest.mark.parametrize("name", ["", ".", "U.ZSPY"])
def test_names_that_are_none(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    u = two_phases().unmix(2, store=False)
    for use in (u.save, hyperspy_unmix.load):
        with pytest.raises(ValueError, match=r"no name of a file|HyperSpy's own formats"):
            use(name)
    assert os.listdir(tmp_path) == []


def test_zero_has_no_sign(tmp_path):
    s = two_phases()
    s.data[:, :, 5] = 0.0
    s.unmix(2, store=False).save(tmp_path / "r.hspy")
    s.data[:, :, 5] = -0.0
    hyperspy_unmix.load(tmp_path / "r.hspy", s)


@formats
@pytest.mark.parametrize("name", ["part", "other", "before"])
def test_names_that_saving_uses_itself(name, suffix, tmp_path):
    u = two_phases().unmix(2, store=False)
    for _ in range(2):
        u.save(tmp_path / f"{name}{suffix}", overwrite=True)
        assert_same(hyperspy_unmix.load(tmp_path / f"{name}{suffix}"), u)


def test_long_names_of_files(tmp_path):
    u = two_phases().unmix(2, store=False)
    u.save(tmp_path / f"{'n' * 250}.hspy")
    hyperspy_unmix.load(tmp_path / f"{'n' * 250}.hspy")
