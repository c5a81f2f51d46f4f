"""What strangers send: files, names and metadata. Read as data, shown as text, never run.

Classes that are not listed, and cut files, are in `test_storage`; titles in the report in
`test_report`.
"""

import ast
import json
import os
import re
import shutil
import socket
from pathlib import Path

import hyperspy.api as hs
import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix import __main__, data
from hyperspy_unmix.storage.containers import OWN, SIGNALS
from hyperspy_unmix.storage.record import restored
from hyperspy_unmix.tests.report.test_report import EVIL, Page
from hyperspy_unmix.tests.scenes import array, two_phases
from hyperspy_unmix.tests.storage.test_storage import altered

PACKAGE = Path(hyperspy_unmix.__file__).parent
SOURCES = sorted(p for p in PACKAGE.rglob("*.py") if "tests" not in p.relative_to(PACKAGE).parts)
MODULES = {
    *("pickle", "dill", "cloudpickle", "marshal", "shelve", "joblib", "yaml", "subprocess", "pty"),
    *("socket", "ssl", "urllib", "http", "ftplib", "requests", "pooch", "smtplib", "ctypes"),
    *("xmlrpc", "telnetlib", "multiprocessing", "code", "codeop", "runpy", "imp"),
}
ALLOWED = {("numerics/reading/schedulers.py", "pickle")}  # the name of an error: nothing is read
CALLS = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen", "np.load", "numpy.load"),
    *("np.fromfile", "sympify", "sympy.sympify", "parse_expr", "importlib.import_module"),
}
RUN = '__import__("pathlib").Path("run").touch() or x'


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_source_has_nothing_that_runs_data_or_calls_out(path):
    """Truth: every import and call of the package."""
    place = path.relative_to(PACKAGE).as_posix()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module]
        for name in names:
            root = name.split(".")[0]
            assert root not in MODULES or (place, root) in ALLOWED, name
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) not in CALLS
            assert not ast.unparse(node.func).startswith(("os.exec", "os.spawn"))
            assert all(k.arg not in ("allow_pickle", "shell") for k in node.keywords)


# ---------------------------------------------------------------------------- hostile files


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Whole results, with the counts."""
    folder = tmp_path_factory.mktemp("saved")
    u = two_phases().unmix(2, store=False)
    for suffix in (".hspy", ".zspy"):
        u.save(folder / f"r{suffix}", counts=True)
    return folder


@pytest.fixture
def here(saved, tmp_path, monkeypatch):
    """A folder of its own with copies of them; what is run would leave the file ``run``."""
    shutil.copytree(saved, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Pickled:
    def __reduce__(self):
        return Path.touch, (Path("run"),)


def refused(name, words="not a whole result"):
    """One error, of one kind; nothing was run."""
    with pytest.raises(ValueError, match=words) as caught:
        hyperspy_unmix.load(name)
    assert not os.path.exists("run")
    return str(caught.value)


def pickled_array(group, name):
    """An array that says: unpickle me."""
    numcodecs = pytest.importorskip("numcodecs")
    content = np.empty(1, object)
    content[0] = Pickled()
    if name in group:
        del group[name]
    group.create_dataset(name, data=content, object_codec=numcodecs.Pickle(), dtype=object)


@pytest.mark.parametrize("place", ["arrays/0", "record", "counts"])
def test_pickles_in_zspy(place, here, monkeypatch):
    """Refused by us: zarr itself would run them, but for the newest numcodecs."""
    zarr, pickles = pytest.importorskip("zarr"), pytest.importorskip("numcodecs.pickles")
    monkeypatch.setattr(pickles, "ALLOW_UNSAFE_PICKLE_DECODE", True, raising=False)
    group = zarr.open_group(str(here / "r.zspy"), mode="a")
    if place == "counts":
        pickled_array(group[SIGNALS]["counts"], "data")
    else:
        *within, name = place.split("/")
        pickled_array(group["/".join([OWN, *within])], name)
    assert "pickle" in refused("r.zspy")


def test_objects_in_hdf5(here):
    import h5py

    with h5py.File("r.hspy", "a") as file:
        arrays = file[OWN]["arrays"]
        del arrays["0"]
        arrays.create_dataset("0", data=["a", "b"], dtype=h5py.string_dtype())
    refused("r.hspy")


def formula(text, code):
    """A record in which the energy axis is a formula."""
    axis = {"_type": "FunctionalDataAxis", "name": "E", "units": "eV", "navigate": False}
    axis |= {
        "size": 80,
        "expression": code,
        "x": {"map": {"scale": 1.0, "offset": 0.0, "size": 80}},
    }
    found = re.search(
        r'\{"map": \{"_type": "UniformDataAxis", "name": "Energy loss"[^}]*\}\}', text
    )
    return text.replace(found.group(), json.dumps({"map": axis}))


@pytest.mark.parametrize(
    "code",
    [
        RUN,
        f"a * y; y = {RUN}",
        "().__class__.__base__.__subclasses__()",
        "exec(x)",
        "[x for x in (1,)]",
        "lambda: x",
        "'x'",
        "x if x else 1",
    ],
)
def test_formula_of_an_axis_is_not_run(code, here):
    """HyperSpy gives it to sympy, which gives it to eval()."""
    altered(here / "r.hspy", lambda text: formula(text, code))
    refused("r.hspy")


def test_formula_among_the_counts_is_not_run(here):
    import h5py

    with h5py.File("r.hspy", "a") as file:
        file[SIGNALS]["counts"]["axis-2"].attrs["expression"] = RUN
    refused("r.hspy")


@pytest.mark.parametrize("expression", ["a * x + b", "a / (x + 1) ** 2 + b", "b + log(x + 3)"])
def test_formula_of_an_axis_that_is_one(expression, tmp_path):
    """Truth: the axis that was saved."""
    s = two_phases()
    axis = {"a": 2.0, "b": 100.0}
    axis = {name: value for name, value in axis.items() if name in expression}
    s.axes_manager[-1].convert_to_functional_data_axis(expression=expression, **axis)
    u = s.unmix(2, store=False)
    u.save(tmp_path / "r.hspy", counts=True)
    found = hyperspy_unmix.load(tmp_path / "r.hspy").spectra.axes_manager[-1]
    assert type(found).__name__ == "FunctionalDataAxis"
    np.testing.assert_array_equal(found.axis, s.axes_manager[-1].axis)


@pytest.mark.parametrize("suffix", [".hspy", ".zspy"])
def test_array_that_is_said_to_be_huge(suffix, here):
    """Eight terabytes in a file of some kilobytes."""
    size = {"shape": (2**40,), "chunks": (2**16,), "dtype": "f8"}
    if suffix == ".hspy":
        import h5py

        with h5py.File("r.hspy", "a") as file:
            del file[OWN]["arrays"]["0"]
            file[OWN]["arrays"].create_dataset("0", **size)
    else:
        group = pytest.importorskip("zarr").open_group("r.zspy", mode="a")[OWN]["arrays"]
        del group["0"]
        group.create_dataset("0", **size)
    refused(f"r{suffix}")


@pytest.mark.parametrize("dtype", ["<U1000000", "O", "f8"])
def test_words_that_are_said_to_be_of_another_type(dtype):
    """Truth: the words. A type that is only named costs no memory and makes no objects."""
    text = json.dumps({"words": ["a", "bc"], "dtype": dtype})
    found = restored(text, {}.__getitem__, {})
    assert found.dtype == np.dtype("U2")
    assert found.tolist() == ["a", "bc"]


def test_members_with_paths_for_names(here):
    import h5py

    with h5py.File("r.hspy", "a") as file:
        file[OWN]["arrays"]["..\\..\\evil"] = np.zeros(3)
    refused("r.hspy")
    assert sorted(os.listdir()) == ["r.hspy", "r.zspy"]


# ----------------------------------------------------------------------------- hostile words

NAMES = [
    *("../../evil", "/etc/passwd", "C:\\Windows\\x", "..", ".", "CON", "nul.msa", "a:b", "a*?<>|"),
    *("x" * 400, "~", "$HOME", "-rf", "component_0"),
]


def test_names_of_exported_files(tmp_path):
    """Every file lies in the folder, under a name that Windows also accepts."""
    s = two_phases(shape=(5, 6))
    u = s.unmix(2, store=False)
    for i, name in enumerate(NAMES):
        folder = tmp_path / "in" / str(i)
        written = u.rename([name, "other"]).export(folder)
        assert {p.parent for p in written} == {folder}
        for path in written:
            assert re.fullmatch(r"[\w.+-]{1,120}", path.name)
            assert path.stem.split(".")[0].upper() not in ("CON", "NUL", "AUX", "PRN", "COM1")
            assert not path.stem.endswith((".", " "))
        assert sorted(os.listdir(folder)) == sorted(p.name for p in written)
    assert os.listdir(tmp_path) == ["in"]
    for name in ("\u202egnp.exe", "a\nb", "\x1b[2J"):
        with pytest.raises(ValueError, match="words of one line"):
            u.rename([name, "other"])


def test_export_does_not_write_through_links(tmp_path):
    """A link in a shared folder must not lead to another file."""
    u = two_phases(shape=(5, 6)).unmix(2, store=False)
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "out").mkdir()
    for name in ("component_0.msa", "component_0_map.tif", "summary.txt"):
        (tmp_path / "out" / name).symlink_to(tmp_path / "mine")
    u.export(tmp_path / "out", overwrite=True)
    assert (tmp_path / "mine").read_text() == "mine"


@pytest.fixture
def hostile():
    """Markup wherever a user or a file can put words."""
    s = two_phases()
    s.metadata.General.title = EVIL
    s.metadata.General.notes = EVIL
    s.metadata.set_item("Sample.description", EVIL)
    s.metadata.set_item("Signal.quantity", EVIL)
    for axis in s.axes_manager._axes:
        axis.name, axis.units = EVIL, EVIL
    return s


def test_hostile_words_are_text(hostile, tmp_path):
    """Tags of the pages are ours alone; the words are all there."""
    u = hyperspy_unmix.unmix(hostile, 2).rename([EVIL, "$\\frac{$ <b>"])
    both = hyperspy_unmix.unmix([hostile, hostile], 2)[1]
    match = u.match({EVIL: u.spectra.inav[0]})
    shown = [u, u.pca, both, *([match] if hasattr(match, "_repr_html_") else [])]
    for thing in shown:
        page = Page(thing._repr_html_())
        table = {"b", "table", "tr", "td", "th"}
        assert set(page.tags) <= table | {"p", "ul", "li", "code", "details", "summary"}
        assert EVIL in page.text or thing is match
    u.report(tmp_path / "r.html", references={EVIL: u.spectra.inav[0]})
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    page = Page(text)
    assert not {"script", "iframe", "link", "object"} & set(page.tags)
    assert "<script" not in text
    assert "onerror" in page.text
    assert all(a.startswith(("data:image/png", "https://doi.org/")) for a in page.addresses)
    u.save(tmp_path / "r.hspy", counts=True)
    assert hyperspy_unmix.load(tmp_path / "r.hspy").title == u.title


# ----------------------------------------------------------------------------------- network


def test_nothing_reaches_the_network(tmp_path, monkeypatch, capsys):
    """Every way out raises; all of it works all the same."""

    def refuses(*given, **options):
        raise AssertionError(f"the network was asked for {given}")

    for name in ("connect", "connect_ex", "sendto", "bind"):
        monkeypatch.setattr(socket.socket, name, refuses)
    for name in ("create_connection", "getaddrinfo", "gethostbyname"):
        monkeypatch.setattr(socket, name, refuses)
    made = data.inclined_boundary(shape=(14, 14))
    u = made.signal.as_lazy().unmix(2, low_loss=made.low_loss)
    u.match(["O_K", "Fe_L3"])
    u.save(tmp_path / "r.hspy", counts=True)
    v = hyperspy_unmix.load(tmp_path / "r.hspy")
    assert np.isfinite(array(v.residual())).any()
    v.report(tmp_path / "r.html")
    v.export(tmp_path / "exported")
    v.apply(made.signal, low_loss=made.low_loss)
    assert hs.load(tmp_path / "r.hspy")
    assert __main__.main(["--demo", "-o", str(tmp_path / "demo")]) == 0
    assert capsys.readouterr().err == ""
