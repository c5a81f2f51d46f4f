"""The report: everything in one file, escaped, and what it says of what was done."""

import base64
import os
import re
from dataclasses import replace
from html.parser import HTMLParser

import matplotlib.pyplot as plt
import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix import data
from hyperspy_unmix.report.methods import REFERENCES, methods, versions
from hyperspy_unmix.tests.scenes import SHAPE, two_phases, wedge

SHAPES = {"line": (30,), "map": SHAPE, "stack": (3, 5, 4)}
EVIL = '<script>alert("1")</script> & <img src=x onerror=y>'


class Page(HTMLParser):
    """Tags, addresses and words of a page; fails where a tag is not closed."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.words, self.open = [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [v for k, v in attributes if k in ("src", "href")]
        assert not [k for k, _ in attributes if k.startswith("on")]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def page_of(u, path, **options):
    u.report(path, **options)
    return Page(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
def test_page_is_whole_and_by_itself(shape, lazy, tmp_path):
    """No address but those of references, no script; pictures are PNG files inside."""
    u = two_phases(shape, lazy=lazy).unmix(2, store=False)
    own, _ = plt.subplots()
    page = page_of(u, tmp_path / "r.html")
    assert plt.get_fignums() == [own.number]
    pictures = [a for a in page.addresses if a.startswith("data:")]
    assert len(pictures) == (4 if len(shape) == 2 else 3)
    for picture in pictures:
        kind, _, content = picture.partition("base64,")
        assert kind == "data:image/png;"
        assert base64.b64decode(content).startswith(b"\x89PNG")
    others = [a for a in page.addresses if not a.startswith("data:")]
    assert all(a.startswith("https://doi.org/") for a in others)
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    for words in ("Components", "What was done, and why", "Methods", "The same again"):
        assert words in page.text
    for name, choice in u.settings.items():
        assert name in page.text
        assert " ".join(choice.reason.split()) in page.text
    assert u.code in page.text


def test_names_and_titles_are_text(tmp_path):
    s = two_phases()
    s.metadata.General.title = EVIL
    u = s.unmix(2, store=False).rename([EVIL, "ä λ <b>"])
    page = page_of(u, tmp_path / "r.html", references={EVIL: u.spectra.inav[0]})
    assert "script" not in page.tags
    assert page.tags.count("img") == 4
    assert EVIL in page.text
    assert "ä λ <b>" in page.text


def test_references_stand_beside_the_components(tmp_path):
    u = two_phases().unmix(2, store=False)
    page = page_of(u, tmp_path / "r.html", references={"one": u.spectra.inav[1]})
    assert "nearest reference" in page.text
    assert "one, 0.0°" in page.text
    with pytest.raises((TypeError, ValueError)):
        u.report(tmp_path / "other.html", references={"edge": "no edge"})
    assert not (tmp_path / "other.html").exists()


def test_what_a_reader_must_know_comes_first(tmp_path):
    """One component too many: it is called unstable above everything else."""
    u = two_phases(dose=400.0).unmix(3, store=False)
    u.report(tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "UNSTABLE: 2" in text
    assert text.index("UNSTABLE") < text.index("<h2>Components</h2>")


def test_report_without_the_counts(tmp_path):
    """A loaded result: what needs them is named and left out."""
    two_phases().unmix(2, store=False).save(tmp_path / "r.hspy")
    page = page_of(hyperspy_unmix.load(tmp_path / "r.hspy"), tmp_path / "r.html")
    assert "Left out: the counts are not in the saved result" in page.text
    assert page.tags.count("img") == 3
    assert not plt.get_fignums()


def test_files(tmp_path, monkeypatch):
    u = two_phases().unmix(2, store=False)
    u.report(tmp_path / "page")
    assert os.listdir(tmp_path) == ["page.html"]
    first = (tmp_path / "page.html").read_text(encoding="utf-8")
    u.rename(["a", "b"]).report(tmp_path / "page.html", overwrite=False)
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == first
    monkeypatch.setattr("builtins.input", lambda words: "y")
    u.rename(["a", "b"]).report(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") != first
    with pytest.raises(ValueError, match=r"page\.pdf: the report is a page, \.html"):
        u.report(tmp_path / "page.pdf")
    with pytest.raises(FileNotFoundError, match="no folder"):
        u.report(tmp_path / "none" / "page.html")


def test_interrupted_report_leaves_the_old_one(tmp_path, monkeypatch):
    u = two_phases().unmix(2, store=False)
    (tmp_path / "r.html").write_text("old")
    monkeypatch.setattr("pathlib.Path.write_text", lambda *a, **k: (_ for _ in ()).throw(OSError))
    with pytest.raises(OSError):
        u.report(tmp_path / "r.html", overwrite=True)
    monkeypatch.undo()
    assert (tmp_path / "r.html").read_text() == "old"
    assert os.listdir(tmp_path) == ["r.html"]


# -------------------------------------------------------------------------------------- methods


def said(u):
    text, cited = methods(u)
    numbers = {int(n) for group in re.findall(r"\[([\d, ]+)\]", text) for n in group.split(",")}
    assert numbers == set(range(1, len(cited) + 1))
    assert len(set(cited)) == len(cited)
    return text, cited


@pytest.mark.parametrize(
    ("shape", "words"),
    [("offset", "constant"), ("polynomial", "polynomial of second degree"), ("power law", "r = ")],
)
def test_methods_name_the_background(shape, words):
    u = hyperspy_unmix.unmix(two_phases(), 2, background=(100.0, 120.0), background_type=shape)
    law = re.search(r"The background \((.*?)\) was fitted from 100 to 120", said(u)[0])[1]
    assert words in law


def test_methods_of_dual_eels():
    made = data.inclined_boundary(shape=(20, 20))
    options = {"background": (450.0, 520.0), "assume": "overlap"}
    u = hyperspy_unmix.unmix(made.signal, low_loss=made.low_loss, **options)
    text, cited = said(u)
    assert text.startswith("The EELS spectrum image (400 pixels, ")
    assert "was fitted from 450 to 520 eV and subtracted" in text
    assert "Plural scattering was taken out by the Fourier ratio method" in text
    assert "2 components were taken" in text
    assert "independent component analysis" in text
    assert REFERENCES["picard"] in cited
    assert REFERENCES["egerton"] in cited
    assert REFERENCES["pure"] not in cited


@pytest.mark.parametrize(
    ("options", "has", "has_not"),
    [
        ({"assume": "pure"}, ["alone in some pixels", "pure"], ["independent component", "picard"]),
        ({"algorithm": "fastica"}, ["independent component", "fastica"], ["picard"]),
        ({"algorithm": "mcr-als"}, ["MCR-ALS", "least squares"], ["independent component of"]),
        ({"refine": None}, ["independent component"], ["mixed as little"]),
        ({}, ["noise is white", "picard"], ["background", "Plural", "drift", "egerton"]),
    ],
)
def test_methods_say_what_was_done_and_nothing_else(options, has, has_not):
    text, cited = said(two_phases().unmix(2, store=False, **options))
    every = text + " ".join(name for name, words in REFERENCES.items() if words in cited)
    assert all(words in every for words in has)
    assert not any(words in every for words in has_not)


def test_methods_of_known_spectra_and_of_one_component():
    u = two_phases().unmix(2, store=False)
    text, _ = said(u.apply(two_phases()))
    assert "maximum likelihood" in text
    assert "independent component analysis" not in text
    signal, low_loss, _ = wedge()
    text, _ = said(hyperspy_unmix.unmix(signal, 1, low_loss=low_loss))
    assert "1 component was taken" in text


HINTS = (
    "n_components",
    "look at",
    "give ",
    "takes all",
    "compare with",
    "asked",
    "detection limit",
)


@pytest.mark.parametrize("n", ["auto", 1, 2, 3, 14])
def test_methods_hold_no_hints_for_the_user(n):
    """Definition: facts of the analysis, whatever was asked for or left out of many components."""
    u = two_phases(dose=8.0).unmix(n, store=False)
    text, _ = said(u)
    assert not [hint for hint in HINTS if hint in text.lower()]
    assert f"{u.n_components} component" in text
    assert "the data support" in text


def test_methods_of_components_left_out_and_of_several_signals():
    s = two_phases()
    u = s.unmix(2, store=False)
    count = replace(u.pca.count, consensus=12, automatic=2)
    text, _ = said(replace(u, pca=replace(u.pca, count=count)))
    assert "the data support 12, 2 of them stable when separated" in text
    text, _ = said(hyperspy_unmix.unmix([s, two_phases((9, 8))], 2)[1])
    assert "2 components were taken, of 2 signals together; this signal alone supports 2" in text


def test_methods_of_axes_without_units():
    s = two_phases()
    s.axes_manager[-1].units = "<undefined>"  # HyperSpy's word for none
    assert "channels from 100 to 258)" in said(s.unmix(2, store=False))[0]


def test_versions_are_those_that_run():
    assert versions()["numpy"] == np.__version__
    assert versions()["hyperspy_unmix"] == hyperspy_unmix.__version__
