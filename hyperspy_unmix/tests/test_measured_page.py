"""The page on a measured map: its notebook, its pictures, and the environment on Binder."""

import ast
import os
import re
import tomllib
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

import hyperspy_unmix

ROOT = Path(hyperspy_unmix.__file__).parents[1]
SCRIPT = ROOT / "docs" / "measured_pages.py"
FILES = ROOT.parent / "shared" / "data" / "eds_fept_core_shell"
pytestmark = pytest.mark.skipif(not SCRIPT.is_file(), reason="the pages are not beside the package")


@pytest.fixture
def pages():
    """The script that makes notebooks and pictures of the pages."""
    specification = spec_from_file_location("measured_pages", SCRIPT)
    module = module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def page_of(pages):
    return (pages.DOCS / f"{pages.PAGES[0]}.md").read_text(encoding="utf-8")


def test_code_loses_its_prompts_and_what_it_prints(pages):
    typed = ">>> a = [\n...     1,\n... ]\n>>> print(a)\n[1]\n>>> len(a)  # one\n1\n"
    assert pages.without_output(typed) == "a = [\n    1,\n]\nprint(a)\nlen(a)  # one"
    assert pages.without_output("a = 1\nb = 2\n") == "a = 1\nb = 2"


def test_notebook_is_code_that_can_be_run_and_text_whose_links_lead_somewhere(pages):
    cells = pages.notebook(page_of(pages))["cells"]
    assert len({cell["id"] for cell in cells}) == len(cells)
    code = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
    text = "\n".join(cell["source"] for cell in cells if cell["cell_type"] == "markdown")
    assert "print(five)" in "\n".join(code)
    for source in code:
        assert ">>>" not in source
        ast.parse(source)
    assert "```" not in text
    assert "<!--" not in text
    assert all(link.startswith("https://") for link in re.findall(r"\]\(([^)]+)\)", text))


def test_a_picture_that_is_not_there_is_its_caption(pages, tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "DOCS", tmp_path)
    (tmp_path / "there.png").touch()
    page = "![One](there.png)\n\n![Another](gone.png)\n\n```python\n>>> 1\n1\n```\n"
    shown = pages.without_missing_pictures(page)
    assert "![One](there.png)" in shown
    assert "gone.png" not in shown
    assert "Another" in shown
    assert pages.COMMAND in shown
    assert "```python\n>>> 1\n1\n```\n" in shown


@pytest.mark.skipif(not FILES.is_dir(), reason="the two measured files are not beside the checkout")
def test_walk_through_from_the_file_to_the_figures(pages, tmp_path, monkeypatch):
    monkeypatch.setenv("HYPERSPY_UNMIX_FEPT", str(FILES))
    pages.write_figures(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {
        Path(image).name for kind, image in pages.parts(page_of(pages)) if kind == "image"
    }


def test_binder_installs_the_package_and_makes_the_notebooks_that_links_open(pages):
    binder = ROOT / "binder"
    lines = (binder / "requirements.txt").read_text(encoding="utf-8").splitlines()
    extras = re.findall(r"^\.\[(\w+)\]$", "\n".join(lines), re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert extras == ["all"]
    assert "all" in project["optional-dependencies"]
    version = (binder / "runtime.txt").read_text(encoding="utf-8").strip().removeprefix("python-")
    assert f"Programming Language :: Python :: {version}" in project["classifiers"]
    script = (binder / "postBuild").read_text(encoding="utf-8")
    assert script.startswith("#!/bin/bash\n")
    assert os.name == "nt" or os.access(binder / "postBuild", os.X_OK)
    assert "docs/measured_pages.py notebooks notebooks" in script
    opened = re.findall(r"urlpath=lab/tree/notebooks/(\w+)\.ipynb", page_of(pages))
    assert set(opened) <= set(pages.PAGES)
    assert opened
