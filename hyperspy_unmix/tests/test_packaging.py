"""What HyperSpy and pip see of the package."""

import ast
import json
import pkgutil
import re
import subprocess
import sys
from importlib import import_module, metadata, reload, resources
from pathlib import Path

import pytest
import yaml

import hyperspy_unmix
from hyperspy_unmix import numerics

EXTENSION = yaml.safe_load(
    (resources.files(hyperspy_unmix) / "hyperspy_extension.yaml").read_text(encoding="utf-8")
)
NUMERICS = [m.name for m in pkgutil.walk_packages(numerics.__path__, "hyperspy_unmix.numerics.")]

# HyperSpy has no public way to the axes of a figure, nor to a line that follows its navigator.
NOT_PUBLIC = {"plotting/navigator.py": {"_plot", "hyperspy.drawing.signal1d"}}
NOT_API = re.compile(r"hyperspy\.(_|learn|external|misc|drawing|defaults_parser)")


def imported_with(module):
    """Top-level names that a fresh interpreter has imported with a module."""
    code = f"import sys, {module}; print(*{{m.partition('.')[0] for m in sys.modules}})"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return set(result.stdout.split())


@pytest.mark.parametrize("name", EXTENSION["signals"])
def test_extension_names_the_classes(name):
    specification = EXTENSION["signals"][name]
    signal_class = getattr(import_module(specification["module"]), name)
    assert signal_class._signal_type == specification["signal_type"]
    assert signal_class._lazy is specification["lazy"]
    assert signal_class._signal_dimension == specification["signal_dimension"]
    assert signal_class._dtype == specification["dtype"]


def test_every_signal_type_is_there_eager_and_lazy():
    found = {(s["signal_type"], s["lazy"]) for s in EXTENSION["signals"].values()}
    types = {"unmix", "EELS_unmix", "EDS_TEM_unmix", "EDS_SEM_unmix"}
    assert found == {(t, lazy) for t in types for lazy in (False, True)}


def test_entry_point():
    (entry,) = metadata.entry_points(group="hyperspy.extensions", name="hyperspy_unmix")
    assert entry.load() is hyperspy_unmix
    assert metadata.version("hyperspy-unmix") == hyperspy_unmix.__version__


def test_every_public_name_resolves():
    for name in hyperspy_unmix.__all__:
        assert getattr(hyperspy_unmix, name) is not None


EACH_ANEW = """
import importlib, json, sys
imported = {}
for module in sys.argv[1:]:
    for name in [n for n in sys.modules if n.split(".")[0] == "hyperspy_unmix"]:
        del sys.modules[name]
    importlib.import_module(module)
    imported[module] = sorted({name.split(".")[0] for name in sys.modules})
print(json.dumps(imported))
"""


@pytest.fixture(scope="module")
def imported_so_far():
    """Packages that are imported with each module of the numerics, or were with one before it."""
    given = [sys.executable, "-c", EACH_ANEW, *NUMERICS]
    return json.loads(subprocess.run(given, capture_output=True, text=True, check=True).stdout)


@pytest.mark.parametrize("module", NUMERICS)
def test_numerics_import_no_hyperspy(module, imported_so_far):
    """None of them, each imported first of the package; in one process, as numpy takes a while."""
    not_wanted = {"hyperspy", "exspy", "matplotlib", "traits"}
    assert not_wanted.isdisjoint(imported_so_far[module])


def test_importing_the_package_costs_nothing():
    heavy = {"hyperspy", "exspy", "matplotlib", "sklearn", "dask", "scipy", "numpy"}
    assert imported_with("hyperspy_unmix").isdisjoint(heavy)


@pytest.mark.parametrize("module", ["generic", "eels", "eds"])
def test_importing_the_signals_brings_in_no_algorithms(module):
    imported = imported_with(f"hyperspy_unmix.signals.{module}")
    assert imported.isdisjoint({"sklearn", "picard", "numba"})


def test_reader_of_the_command_line(tmp_path, capsys):
    """A file whose suffix says nothing is read by the reader that is named."""
    from hyperspy_unmix import __main__
    from hyperspy_unmix.tests.scenes import two_phases

    two_phases().save(tmp_path / "s.hspy")
    renamed = (tmp_path / "s.hspy").rename(tmp_path / "s.scan")
    given = [str(renamed), "-o", str(tmp_path / "out")]
    assert __main__.main(given) == 1
    assert "could not be read" in capsys.readouterr().err
    assert __main__.main([*given, "--reader", "HSPY"]) == 0
    assert (tmp_path / "out" / "s_result.hspy").exists()


def private_names(file):
    """What a module uses of HyperSpy's that is private, or no part of its documented modules."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    names = {"_axes", "_lazy", "_plot", "_signal_type", "_data_type", "_get_array_slices"}
    attributes = [n for n in ast.walk(tree) if isinstance(n, ast.Attribute)]
    used = {n.attr for n in attributes if ast.unparse(n.value) != "self"} & names
    modules = [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    modules += [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
    return used | {module for module in modules if NOT_API.match(module)}


def test_nothing_private_of_hyperspy_is_used():
    """What is no API may be gone in the next version; deprecated names are errors anyway."""
    package = Path(hyperspy_unmix.__file__).parent
    # The signal classes are made of HyperSpy's.
    files = [p for p in package.rglob("*.py") if not {"tests", "signals"} & set(p.parts)]
    used = {p.relative_to(package).as_posix(): private_names(p) for p in files}
    assert {name: what for name, what in used.items() if what} == NOT_PUBLIC


@pytest.mark.parametrize(("installed", "is_enough"), [("2.2.0", False), ("2.5.0", True)])
def test_one_error_where_hyperspy_is_too_old(monkeypatch, installed, is_enough):
    """As espm's pin leaves it."""
    monkeypatch.setattr(metadata, "version", lambda name: installed)
    if is_enough:
        reload(hyperspy_unmix)
        return
    with pytest.raises(ImportError, match=r"needs HyperSpy 2\.5 or newer, here is 2\.2\.0.*espm"):
        reload(hyperspy_unmix)


def test_oldest_hyperspy_is_the_one_that_pip_knows():
    (needed,) = (r for r in metadata.requires("hyperspy-unmix") if re.match(r"hyperspy\b(?!-)", r))
    assert f">={'.'.join(map(str, hyperspy_unmix.OLDEST_HYPERSPY))}" in needed
