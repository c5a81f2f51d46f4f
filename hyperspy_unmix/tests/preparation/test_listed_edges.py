"""Background windows and the edges of the elements that the user lists."""

import logging

import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix.tests.scenes import calibrated

SHAPE = (12, 10)
ONSETS = {"C": 284.0, "N": 401.0, "Ca-L1": 438.0, "Ti": 456.0, "O": 532.0, "Mn": 640.0}


def scene(edges, first, last, elements, axis_off=0.0, seed=0):
    """EELS with these edges (heights over the background there), growing along the scan."""
    energies = np.arange(first, last)
    law = 4e3 * (energies / first) ** -3.0
    expected = np.tile(law, (*SHAPE, 1))
    share = np.linspace(0.2, 1, 120).reshape(SHAPE)[..., None]
    for i, (name, height) in enumerate(edges.items()):
        onset = ONSETS[name]
        edge = np.where(energies >= onset, (energies / onset) ** -3.5, 0.0)
        edge += 0.6 * np.exp(-0.5 * ((energies - onset - 4) / 3) ** 2)
        of_map = share if i % 2 else 1.2 - share
        expected = expected + height * (onset / first) ** -3.0 * 4e3 * of_map * edge
    data = np.random.default_rng(seed).poisson(expected).astype(float)
    s = calibrated(data, "EELS_unmix", first - axis_off, 1.0)
    s.metadata.set_item("Sample.elements", list(elements))
    return s


def test_no_window_holds_an_edge_of_a_listed_element(caplog):
    """Truth: N-K at 401 begins 11 eV behind the first channel; the next edge is Ti-L at 456."""
    s = scene({"N": 0.2, "Ti": 0.5, "O": 0.5}, 390.0, 700.0, ["N", "Ti", "O"])
    with caplog.at_level(logging.WARNING):
        settings = s.pca().settings
    start, end = settings["background"].value
    assert 401 * 1.05 <= start < end < 456
    said = settings["WARNING: edges cut off"].reason
    assert "N-K at 401 eV" in said
    assert "Ti" not in said
    assert said in caplog.text
    # Named once.
    assert "WARNING: elements" not in settings


def test_weak_edges_are_edges_too():
    """Truth: Ca-L1 at 438, a minor edge, which has a window before O-K begin behind it."""
    s = scene({"Ca-L1": 0.02, "O": 0.5}, 420.0, 700.0, ["O"])
    assert s.pca().settings["background"].value[0] < 450
    s.metadata.Sample.elements = ["O", "Ca"]
    assert s.pca().settings["background"].value[0] >= 438 * 1.05


def test_elements_on_an_axis_that_is_off_do_not_move_the_window_behind_their_edge():
    """Truth: all energies are 11 eV too low, so that O-K is at 521 and a window to 526 holds it."""
    edges = {"O": 1.0, "Mn": 0.5}
    without, listed = (
        scene(edges, 420.0, 800.0, elements, axis_off=11.0).pca().settings
        for elements in ([], ["O", "Mn"])
    )
    assert listed["background"].value[1] < 521
    assert listed["background"].value == without["background"].value
    assert "WARNING: edges cut off" not in listed


@pytest.mark.parametrize(
    ("element", "edge", "is_warned_of"), [("N", "N-K at 401", True), ("C", "C-K at 284", False)]
)
def test_an_element_without_an_edge_is_named(element, edge, is_warned_of):
    """Truth: N-K is 19 eV before the axis begins, and its tail in the window; C-K is far away."""
    settings = scene({"O": 0.5, "Mn": 0.5}, 420.0, 800.0, ["O", "Mn", element]).pca().settings
    name = "WARNING: elements" if is_warned_of else "elements not seen"
    assert f"{element} ({edge})" in settings[name].reason
    assert "O-K" not in settings[name].reason
    others = {"WARNING: elements", "elements not seen"} - {name}
    assert not others & set(settings)


def test_a_range_that_cuts_an_edge_off_names_its_element():
    s = scene({"O": 0.5, "Mn": 0.5}, 420.0, 800.0, ["O", "Mn"])
    settings = s.pca(signal_range=(560.0, 800.0)).settings
    assert "O (O-K at 532)" in settings["WARNING: elements"].reason


def test_a_window_over_an_edge_is_a_warning_whose_advice_works(caplog):
    """Truth: C-K is in the first half of the window given, and nothing in the second."""
    s = scene({"N": 0.2, "O": 0.5}, 380.0, 700.0, ["O"])
    with caplog.at_level(logging.WARNING):
        settings = s.pca(background=(385.0, 525.0)).settings
    reason = settings["WARNING: background fit"].reason
    assert reason in caplog.text
    assert "background=(455, 525)" in reason
    assert "WARNING: background fit" not in s.pca(background=(455.0, 525.0)).settings


def test_a_window_that_is_short_against_the_range_is_a_warning_whose_advice_works(caplog):
    """Truth: the background is two power laws, the window before C-K has 40 eV; see the errors."""
    edges = {"C": 0.05, "O": 0.3, "Mn": 0.5}
    s = scene(edges, 235.0, 800.0, ["C", "O", "Mn"])
    with caplog.at_level(logging.WARNING):
        u = s.unmix(2)
    reason = u.settings["WARNING: background error"].reason
    assert reason in caplog.text
    assert "C-K" not in reason.split("before")[1]
    start, end = (float(x) for x in reason.split("background=(")[1].split(")")[0].split(", "))
    assert 284 < start < end < 532
    again = hyperspy_unmix.unmix(s, 2, background=(start, end))
    assert "WARNING: background error" not in again.settings
    assert "C (C-K at 284)" in again.settings["WARNING: elements"].reason
