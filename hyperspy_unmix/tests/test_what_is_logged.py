"""What is logged belongs to what is returned: in its findings or settings, each sentence once."""

import logging
from collections import Counter

import numpy as np
import pytest

from hyperspy_unmix import data, pca, unmix
from hyperspy_unmix.settings import held_back, warn
from hyperspy_unmix.tests.results import test_detectors as of_detectors
from hyperspy_unmix.tests.results.test_joint_unmixing import image
from hyperspy_unmix.tests.scenes import calibrated, edge_on_background, two_phases


def logged(caplog):
    """Warnings of this package since the last call."""
    found = [
        record.getMessage()
        for record in caplog.records
        if record.name.startswith("hyperspy_unmix") and record.levelno >= logging.WARNING
    ]
    caplog.clear()
    return found


def in_settings(*results):
    """Reasons of all settings and findings."""
    return {
        choice.reason
        for result in results
        for kind in ("settings", "findings")
        for choice in getattr(result, kind, {}).values()
    }


def other_way_round():
    """A low loss of other pixels, which is dropped."""
    made = data.wedge(shape=(24, 20), t_over_lambda=(0.2, 1.2))
    low_loss = made.low_loss.deepcopy()
    low_loss.data = made.low_loss.data[::-1, ::-1].copy()
    return made.signal, {"low_loss": low_loss}


def ends_early():
    made = data.precipitates(shape=(40, 40))
    return made.signal, {"low_loss": made.low_loss.isig[:30.0]}


def beside():
    """A low loss that lies beside the core loss, and one more phase than is asked for."""
    made = data.precipitates(shape=(40, 40))
    low_loss = made.low_loss.deepcopy()
    low_loss.data = np.roll(made.low_loss.data, 2, 1)
    return made.signal, {"low_loss": low_loss, "n_components": 1}


def clipped():
    made = data.wedge(shape=(16, 16))
    low_loss = made.low_loss.deepcopy()
    low_loss.data = np.minimum(low_loss.data, 0.3 * low_loss.data.max())
    return made.signal, {"low_loss": low_loss}


def few_counts():
    """Pixels are summed."""
    return data.eds_phases(shape=(32, 32), counts=60).signal, {}


def smoothed():
    """Neighbouring pixels and channels share their noise."""
    values = two_phases(shape=(24, 24)).data
    values = (values + np.roll(values, 1, 0) + np.roll(values, 1, 1)) / 3
    return calibrated(values + np.roll(values, 1, -1)), {}


def wrong_window():
    """A window over an edge, and too many components."""
    return edge_on_background(), {"background": (520.0, 560.0), "n_components": 3}


def broad():
    channel, rng = np.arange(100.0), np.random.default_rng(4)
    bands = np.array([np.exp(-(((channel - c) / 25) ** 2)) for c in (30, 50, 70)])
    maps = rng.dirichlet([0.6] * 3, (14, 15))
    return calibrated(rng.poisson(400 * maps @ bands).astype(float)), {"n_components": 5}


SCENES = [other_way_round, ends_early, beside, clipped, few_counts, smoothed, wrong_window, broad]


@pytest.mark.parametrize("scene", SCENES)
def test_what_is_logged_is_in_the_result_and_once(scene, caplog):
    """What was tried and thrown away says nothing; nor do printing, alternatives and like."""
    signal, options = scene()
    logged(caplog)
    u = unmix(signal, **options)
    said = logged(caplog)
    assert said
    assert [words for words, n in Counter(said).items() if n > 1] == []
    assert set(said) <= in_settings(u), set(said) - in_settings(u)
    repr(u), u._repr_html_(), u.trials, u.alternatives
    assert logged(caplog) == []
    # Said again, as often.
    v = unmix(signal, like=u, **options)
    assert sorted(logged(caplog)) == sorted(said) or v.n_components != u.n_components


def test_a_low_loss_that_is_dropped_is_told_of_once(caplog):
    """Truth: what the analysis without it says, of the low loss, and of the comparison."""
    signal, options = other_way_round()
    plain = unmix(signal)
    without = logged(caplog)
    u = unmix(signal, **options)
    said = logged(caplog)
    assert u.settings["WARNING: low loss not used"].reason in said
    assert set(without) <= set(said)
    with_it = pca(signal, **options).ica()
    thrown_away = in_settings(with_it) - in_settings(u)
    assert set(logged(caplog)) & thrown_away
    assert not set(said) & thrown_away
    assert plain.n_components == u.n_components


def test_several_signals(caplog):
    signals = [image((0, 1), (14, 16), 80, 1)[0], image((1, 2), (12, 20), 30, 2)[0]]
    logged(caplog)
    results = unmix(signals, 4)
    said = logged(caplog)
    assert set(said) <= in_settings(*results)
    assert max(Counter(said).values(), default=0) <= len(results)


def test_detectors(caplog):
    pair = {
        "A": of_detectors.recorded(of_detectors.FIRST, 80, 1),
        "B": of_detectors.recorded(of_detectors.SECOND, 30, 2),
    }
    logged(caplog)
    results = unmix(pair, 4)
    said = logged(caplog)
    assert said
    assert set(said) <= in_settings(results, *results.values())
    assert max(Counter(said).values()) <= len(pair)


def test_held_back_until_it_is_decided(caplog):
    """Nothing is logged inside; what fails says what it had to say."""
    with held_back() as outer:
        with held_back() as inner:
            warn("a")
        assert inner == ["a"] and outer == []
        warn("b", *inner)
    assert outer == ["b", "a"] and logged(caplog) == []
    with pytest.raises(ZeroDivisionError), held_back():
        warn("c", "c")
        raise ZeroDivisionError
    assert logged(caplog) == ["c"]
