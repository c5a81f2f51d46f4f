"""Parts of an array in memory, each worked on by a thread of its own."""

import threading
import time

import dask
import numpy as np
import pytest

from hyperspy_unmix.numerics import threads
from hyperspy_unmix.numerics.reading import array_passes
from hyperspy_unmix.numerics.reading.block_size import BLOCK_SIZE_SETTING
from hyperspy_unmix.numerics.reading.replaced_values import Spikes
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks, row_blocks

ROWS, CHANNELS = 600, 8


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    """Of seven rows; as if there were four cores."""
    monkeypatch.setattr(array_passes, "usable_cores", lambda: 4)
    with dask.config.set({BLOCK_SIZE_SETTING: 7 * CHANNELS * 4}):
        yield


def make():
    values = np.random.default_rng(0).poisson(9.0, (20, 30, CHANNELS)).astype(np.float32)
    pixels = np.random.default_rng(1).random(ROWS) > 0.3
    spikes = Spikes(np.array([3, 300, 599]), np.array([1, 2, 7]), np.full(3, 99.0), np.ones(3))
    shifts = np.random.default_rng(2).integers(-2, 3, ROWS)
    return RowBlocks(values, pixels, np.arange(1, CHANNELS), shifts=shifts, spikes=spikes)


def spectra_and_sum(blocks, *per_pixel, at_once=False):
    """All rows, their sum, and the threads that read them."""
    names = set()

    def read(parts):
        total, rows = np.zeros(blocks.shape[1] + len(per_pixel)), []
        for block in parts:
            names.add(threading.get_ident())
            rows.append(np.column_stack([block.spectra, *block.per_pixel]))
            total += rows[-1].sum(0)
        return total, np.concatenate(rows)

    total, rows = blocks.reduce(
        read, lambda totals: np.sum(totals, 0), *per_pixel, stage="", at_once=at_once
    )
    return rows, total, names


def test_parts_are_the_whole():
    """Identity: rows in their order, with what is replaced and shifted, and their sum."""
    blocks = make()
    numbers = np.arange(blocks.shape[0])
    rows, total, _ = spectra_and_sum(blocks, numbers)
    whole_rows, whole, names = spectra_and_sum(blocks, numbers, at_once=True)
    np.testing.assert_array_equal(rows, whole_rows)
    np.testing.assert_allclose(total, whole, rtol=1e-12)
    assert names == {threading.get_ident()}
    np.testing.assert_array_equal(rows[:, -1], numbers)


def test_order_of_the_memory_does_not_matter():
    """Arrays in Fortran order are read in the order of their pixels."""
    blocks = make()
    other = RowBlocks(
        np.asfortranarray(blocks.data),
        blocks.pixels,
        blocks.channels,
        shifts=blocks.shifts,
        spikes=blocks.spikes,
    )
    np.testing.assert_array_equal(spectra_and_sum(other)[0], spectra_and_sum(blocks)[0])


@pytest.mark.parametrize(
    "pixels",
    [
        np.arange(ROWS) < 10,
        np.arange(ROWS) >= ROWS - 200,
        np.arange(ROWS) % 299 == 0,
        np.ones(ROWS, bool),
    ],
)
def test_pixels_that_count_are_anywhere(pixels):
    """No part is without pixels, and together they are all."""
    blocks = RowBlocks(make().data, pixels, np.arange(CHANNELS))
    parts = array_passes._parts(blocks, 4)
    assert sum(map(len, parts)) <= ROWS
    assert all(pixels[part.start : part.stop].any() for part in parts)
    rows, _, _ = spectra_and_sum(blocks)
    np.testing.assert_array_equal(rows, make().data.reshape(ROWS, CHANNELS)[pixels])


def test_few_blocks_are_one_part():
    """Threads cost more than they save."""
    blocks = row_blocks(np.ones((array_passes.LEAST_BLOCKS_OF_PART * 2 * 7 - 1, CHANNELS), "f4"))
    assert len(array_passes._parts(blocks, 4)) == 1


def test_an_error_in_a_part_is_raised():
    """As it would be without threads."""

    def fail(parts):
        for block in parts:
            if block.index[0] > 300:
                raise ZeroDivisionError("in a thread")
        return 0, None

    with pytest.raises(ZeroDivisionError, match="in a thread"):
        make().reduce(fail, sum, stage="")


def test_an_error_ends_the_other_parts():
    """At their next block: nobody waits for what they make."""
    read, failed = [], threading.Event()

    def fail(parts):
        for block in parts:
            if block.index[0] == 0:
                failed.set()
                raise ZeroDivisionError
            failed.wait(10)
            read.append(len(block.index))
            time.sleep(0.05)
        return 0, None

    blocks = make()
    with pytest.raises(ZeroDivisionError):
        blocks.reduce(fail, sum, stage="")
    assert sum(read) < blocks.shape[0] / 2


def test_an_interrupt_ends_all_parts():
    """Of the thread that asked, as by the button of a notebook."""
    read = []

    def slow(parts):
        for block in parts:
            read.append(len(block.index))
            time.sleep(0.05)
        return 0, None

    class Interrupted:
        def __enter__(self):
            def done(pixels):
                raise KeyboardInterrupt

            return done

        def __exit__(self, *_):
            return None

    blocks = make()
    blocks = RowBlocks(
        blocks.data, blocks.pixels, blocks.channels, progress=lambda stage, total: Interrupted()
    )
    with pytest.raises(KeyboardInterrupt):
        blocks.reduce(slow, sum, stage="")
    assert sum(read) < blocks.shape[0] / 2


def test_progress_is_told_by_the_thread_that_asked():
    """Bars of a notebook are moved by no other."""
    told, names = [], set()

    class Bar:
        def __enter__(self):
            def done(pixels):
                told.append(pixels)
                names.add(threading.get_ident())

            return done

        def __exit__(self, *_):
            return None

    blocks = make()
    blocks = RowBlocks(
        blocks.data, blocks.pixels, blocks.channels, progress=lambda stage, total: Bar()
    )
    spectra_and_sum(blocks)
    assert sum(told) == blocks.shape[0]
    assert names == {threading.get_ident()}


def test_no_more_cores_than_dask_is_given():
    """``num_workers`` holds for arrays in memory as for lazy ones."""
    assert threads.usable_cores() >= 1
    with dask.config.set(num_workers=1):
        assert threads.usable_cores() == 1
