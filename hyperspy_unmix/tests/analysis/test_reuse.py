"""What is used again for the same signal: the same answers, and never those of other counts."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import weakref
from concurrent.futures import ThreadPoolExecutor

import hyperspy.api as hs
import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix import data
from hyperspy_unmix.analysis import compressed, reuse
from hyperspy_unmix.arguments.options import Preprocessing
from hyperspy_unmix.preparation import content


@pytest.fixture
def passes(monkeypatch):
    """How often counts were compressed; nothing is known at the start."""
    made = []

    def counted(*arguments):
        made.append(None)
        return original(*arguments)

    original = compressed.compress
    monkeypatch.setattr(compressed, "compress", counted)
    monkeypatch.setattr(reuse, "_last", reuse.Steps())
    return made


@pytest.fixture
def anew(monkeypatch):
    """A call of which nothing is used again."""

    def call(function):
        with monkeypatch.context() as patch:
            patch.setattr(compressed, "steps_of", lambda *_: reuse.Steps())
            return function()

    return call


def eels():
    """Dual EELS with all that an analysis may read: a map of 64 pixels."""
    signal, low_loss, _ = data.inclined_boundary(shape=(8, 8))
    noise = {"gain_factor": 1.0, "gain_offset": 0.0, "correlation_factor": 1.0}
    signal.metadata.set_item("Signal.Noise_properties.Variance_linear_model", noise)
    signal.metadata.set_item("Acquisition_instrument.TEM.beam_energy", 200.0)
    return signal, low_loss


def assert_same(found, true):
    for one, other in zip(found, true, strict=True):
        np.testing.assert_array_equal(one.data, other.data)
    assert repr(found) == repr(true)
    assert dict(found.settings) == dict(true.settings)


def test_counting_and_unmixing_pass_over_the_counts_once(passes):
    signal, low_loss = eels()
    signal.estimate_number_of_components(low_loss=low_loss)
    first = len(passes)
    signal.pca(low_loss=low_loss)
    for n in (2, 1, 3):
        signal.unmix(n, low_loss=low_loss)
    assert len(passes) == first


@pytest.mark.parametrize("n", ["auto", 1, 4, 14])
def test_the_same_answers_as_without(passes, anew, n):
    """Truth: the same call with nothing known. More than are kept (14) are compressed anew."""
    signal, low_loss = eels()
    signal.unmix(low_loss=low_loss)
    found = signal.unmix(n, low_loss=low_loss)
    assert_same(found, anew(lambda: signal.unmix(n, low_loss=low_loss)))


def one_value(signal, low_loss, options):
    signal.data[-1, -1, -1] += 1


def one_bit(signal, low_loss, options):
    bits = signal.data.view(np.uint8)
    bits[3, 3, 17] ^= 1


def two_values_exchanged(signal, low_loss, options):
    signal.data[2, 2, [10, 11]] = signal.data[2, 2, [11, 10]]


def offset(signal, low_loss, options):
    signal.axes_manager[-1].offset += 1e-6


def scale_of_the_scan(signal, low_loss, options):
    signal.axes_manager[0].scale *= 2


def beam_energy(signal, low_loss, options):
    signal.metadata.Acquisition_instrument.TEM.beam_energy = 80.0


def noise(signal, low_loss, options):
    signal.metadata.Signal.Noise_properties.Variance_linear_model.gain_factor = 2.0


def elements(signal, low_loss, options):
    signal.metadata.set_item("Sample.elements", ["Fe"])


def value_of_the_low_loss(signal, low_loss, options):
    low_loss.data[0, 0, 5] += 1


def offset_of_the_low_loss(signal, low_loss, options):
    low_loss.axes_manager[-1].offset -= 0.01


def pixel_of_the_mask(signal, low_loss, options):
    options["navigation_mask"][0, 0] = True


def channel_of_the_mask(signal, low_loss, options):
    options["signal_mask"].data[-1] = True


def thickness(signal, low_loss, options):
    options["thickness"][0][0, 0] *= 2


EDITS = [
    one_value,
    one_bit,
    two_values_exchanged,
    offset,
    scale_of_the_scan,
    beam_energy,
    noise,
    elements,
    value_of_the_low_loss,
    offset_of_the_low_loss,
    pixel_of_the_mask,
    channel_of_the_mask,
    thickness,
]


@pytest.mark.parametrize("edit", EDITS)
def test_whatever_is_edited_in_place_is_read_anew(passes, anew, edit):
    """Truth: the call with nothing known, after the edit."""
    signal, low_loss = eels()
    mask = hs.signals.Signal1D(np.zeros(signal.data.shape[-1], bool))
    options = {
        "navigation_mask": np.zeros((8, 8), bool),
        "signal_mask": mask,
        "thickness": (np.full((8, 8), 0.5), "t/lambda"),
    }
    signal.pca(low_loss=low_loss, **options)
    first = len(passes)
    signal.pca(low_loss=low_loss, **options)
    assert len(passes) == first
    edit(signal, low_loss, options)
    found = signal.pca(low_loss=low_loss, **options)
    assert len(passes) > first
    true = anew(lambda: signal.pca(low_loss=low_loss, **options))
    np.testing.assert_array_equal(found.scree_values, true.scree_values)
    np.testing.assert_array_equal(found.scores.data, true.scores.data)
    assert dict(found.settings) == dict(true.settings)


def test_equal_counts_in_another_array_are_read_anew(passes):
    """A result reads its counts again later: those of the signal as it then is."""
    signal, low_loss = eels()
    signal.pca(low_loss=low_loss)
    signal.data = signal.data.copy()
    result = signal.pca(low_loss=low_loss)
    assert result.prepared.image.blocks.data is signal.data


def test_cautions_are_given_every_time(passes, caplog):
    signal, low_loss = eels()
    low_loss = low_loss.isig[:35.0]  # ends early, of which a caution tells
    told = []
    for _ in range(2):
        caplog.clear()
        with caplog.at_level(logging.WARNING, "hyperspy_unmix"):
            signal.pca(low_loss=low_loss)
        told.append([record.getMessage() for record in caplog.records])
    assert told[0]
    assert told[1] == told[0]


def test_nothing_is_kept_of_a_signal_that_is_no_more(passes):
    signal, low_loss = eels()
    signal.pca(low_loss=low_loss)
    counts = weakref.ref(signal.data)
    del signal
    gc.collect()
    assert counts() is None


def test_lazy_signals_are_read_every_time(passes):
    """Their chunks may come from a file that was written again: their content is not known."""
    signal, _ = eels()
    lazy = signal.as_lazy()
    assert content.content_of(lazy, Preprocessing()) is None
    lazy.pca(low_loss=None)
    first = len(passes)
    lazy.pca(low_loss=None)
    assert len(passes) == 2 * first


def test_metadata_that_are_neither_data_nor_words_are_not_compared():
    signal, _ = eels()
    assert content.content_of(signal, Preprocessing()) is not None
    signal.metadata.set_item("General.what", object())
    assert content.content_of(signal, Preprocessing()) is None


@pytest.mark.parametrize("order", ["C", "F", "strided"])
def test_every_value_of_large_arrays_counts(order):
    """Arrays that are compared in several parts, in any order in memory."""
    values = np.zeros((6, 2000, 1000), np.uint16)
    if order == "F":
        values = np.asfortranarray(values)
    if order == "strided":
        values = values[::2, :, ::2]
    signal = hs.signals.Signal1D(values)
    assert signal.data is values or signal.data.base is not None
    known = {content.content_of(signal, Preprocessing())}
    for place in [(0, 0, 0), (1, 1234, 321), (-1, -1, -1)]:
        signal.data[place] += 1
        known.add(content.content_of(signal, Preprocessing()))
    assert len(known) == 4


def test_results_cannot_change_what_is_used_again(passes):
    """Signals of a result are the user's own; the arrays behind it are read-only."""
    signal, low_loss = eels()
    first = signal.pca(low_loss=low_loss)
    scores = first.scores.data.copy()
    first.scores.data[:] = 0
    first.components.data[:] = 0
    with pytest.raises(ValueError, match="read-only"):
        first.raw.scores[:] = 0
    np.testing.assert_array_equal(signal.pca(low_loss=low_loss).scores.data, scores)


def test_threads_that_share_a_signal(passes, anew):
    """Truth: each call alone."""
    signal, low_loss = eels()
    numbers = [1, 2, 3, 2]
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda n: signal.unmix(n, low_loss=low_loss), numbers))
    for n, result in zip(numbers, found, strict=True):
        assert_same(result, anew(lambda n=n: signal.unmix(n, low_loss=low_loss)))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
def test_a_forked_process_uses_what_its_parent_knows(passes):
    """Truth: the parent's result."""
    signal, low_loss = eels()
    maps = signal.unmix(2, low_loss=low_loss).maps.data
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    known = len(passes)

    def child():
        result = signal.unmix(2, low_loss=low_loss)
        sender.send((len(passes) - known, result.maps.data))

    process = context.Process(target=child)
    process.start()
    assert receiver.poll(60)
    passes_of_child, maps_of_child = receiver.recv()
    process.join()
    assert passes_of_child == 0
    np.testing.assert_array_equal(maps_of_child, maps)


def test_the_number_asked_for_does_not_change_the_count(passes):
    """The counts are made of the components that they agree on, however many are asked for."""
    signal, low_loss = eels()
    one = hyperspy_unmix.pca(signal, low_loss=low_loss)
    more = hyperspy_unmix.pca(signal, one.n_components + 2, low_loss=low_loss)
    assert more.count == one.count
    assert more.corrected.spectra.rank >= one.n_components + 2
