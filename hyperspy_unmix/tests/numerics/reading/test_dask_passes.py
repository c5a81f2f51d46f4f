"""Passes over dask arrays, against the same data in memory and plain indexing."""

import gc
import threading
import weakref
from contextlib import contextmanager
from dataclasses import replace
from itertools import product
from typing import ClassVar

import dask
import dask.array as da
import numpy as np
import pytest
from dask.callbacks import Callback
from threadpoolctl import threadpool_info, threadpool_limits

from hyperspy_unmix.numerics.reading.block_size import BLOCK_SIZE_SETTING
from hyperspy_unmix.numerics.reading.dask_passes import TOTALS_PER_TASK, lazy_rows
from hyperspy_unmix.numerics.reading.first_pass import summarise
from hyperspy_unmix.numerics.reading.neighbourhoods import read_around, read_windows
from hyperspy_unmix.numerics.reading.replaced_values import Spikes
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks, row_blocks

N_CHANNELS = 19
SEEDS = range(30)
SCANS = [(53,), (9, 11), (4, 5, 6)]
CHUNK_SIZES = [1, 700, 3000, "128 MiB"]  # from none is merged to all are


def parts_of(rng, size):
    """Random sizes that add up to ``size``."""
    number = rng.integers(0, min(size, 6))
    cuts = np.sort(rng.choice(np.arange(1, size), number, replace=False))
    return tuple(np.diff([0, *cuts, size]).tolist())


def chunked(rng, array):
    return da.from_array(array, chunks=tuple(parts_of(rng, size) for size in array.shape))


def random_spikes(rng, n, m, number=9):
    pixels, channels = np.divmod(np.sort(rng.choice(n * m, number, replace=False)), m)
    values = rng.integers(500, 900, (3, number)).astype(float)
    return Spikes(pixels, channels, values[0], values[1], values[2])


def random_case(seed):
    """Blocks in memory and the same as dask arrays, by chance masked, cropped, moved, mended."""
    rng = np.random.default_rng(seed)
    scan = SCANS[seed % 3]
    n = int(np.prod(scan))
    data = rng.integers(0, 200, (*scan, N_CHANNELS)).astype(np.float32)
    variance = 3 * data + 1 if rng.random() < 0.5 else None
    pixels, channels, shifts, spikes = np.ones(n, bool), np.arange(N_CHANNELS), None, None
    if rng.random() < 0.6:
        pixels = rng.random(n) > rng.choice([0.3, 0.9])
        pixels[rng.integers(n)] = True
    if rng.random() < 0.6:
        channels = np.flatnonzero(rng.random(N_CHANNELS) > 0.4)
    if rng.random() < 0.6:
        shifts = rng.integers(-30, 30, n)
    if rng.random() < 0.6:
        spikes = random_spikes(rng, n, N_CHANNELS)
        if variance is None:
            spikes = replace(spikes, variances=None)
    eager = RowBlocks(data, pixels, channels, variance, shifts, spikes)
    of_variance = None if variance is None else chunked(rng, variance)
    lazy = replace(eager, data=chunked(rng, data), variance=of_variance)
    return eager, lazy, rng


def naive(blocks):
    """Truth: the whole arrays, one spectrum after the other; data, then the variance if any."""
    found = []
    spikes = blocks.spikes
    for array, name in ((blocks.data, "values"), (blocks.variance, "variances")):
        if array is None:
            continue
        rows = array.reshape(-1, array.shape[-1]).copy()
        if spikes is not None:
            rows[spikes.pixels, spikes.channels] = getattr(spikes, name)
        if blocks.shifts is not None:
            rows = np.stack([np.roll(x, s) for x, s in zip(rows, blocks.shifts, strict=True)])
        found.append(rows[blocks.pixels][:, blocks.channels])
    return found


@pytest.fixture(params=["synchronous", "threads"])
def scheduler(request):
    with dask.config.set(scheduler=request.param):
        yield request.param


@contextmanager
def sizes(chunk, block):
    with dask.config.set({"array.chunk-size": chunk, BLOCK_SIZE_SETTING: block}):
        yield


def columns(block):
    """All that is known of every pixel of a block, in columns."""
    arrays = [block.index[:, None], block.spectra]
    arrays += [] if block.variance is None else [block.variance]
    return np.column_stack([*arrays, *block.per_pixel])


def all_of(parts):
    """Sums of all columns and of their products, and the columns; whole numbers in float64."""
    found = np.concatenate([columns(block) for block in parts]).astype(float)
    return (found.sum(0), found.T @ found), found


def add(totals):
    return tuple(sum(values) for values in zip(*totals, strict=True))


def counted(lazy):
    """The same array, and the list of the chunks of it that are read."""
    seen = []

    def count(block, block_id=None):
        seen.append(block_id)
        return block

    made = lazy.map_blocks(count, dtype=lazy.dtype, meta=np.zeros((0,) * lazy.ndim, lazy.dtype))
    seen.clear()
    return made, seen


# --------------------------------------------------------------------------------- what is read


@pytest.mark.parametrize("seed", SEEDS)
def test_random_chunks_equal_plain_indexing(seed):
    """Truth: plain indexing, to the bit: values are copied, sums are of whole numbers < 2**53."""
    eager, lazy, rng = random_case(seed)
    n = eager.shape[0]
    names, pairs = rng.integers(0, 1000, n), rng.integers(0, 1000, (n, 2))
    truth = np.column_stack([np.arange(n), *naive(eager), names, pairs]).astype(float)
    schedule = ["synchronous", "threads"][seed % 2]
    block = int(rng.choice([1, 300, 2000]))
    with sizes(CHUNK_SIZES[seed % 4], block), dask.config.set(scheduler=schedule):
        for blocks in (eager, lazy):
            total, rows = blocks.reduce(all_of, add, names, pairs, stage="look")
            np.testing.assert_array_equal(rows, truth)
            np.testing.assert_array_equal(total[0], truth.sum(0))
            np.testing.assert_array_equal(total[1], truth.T @ truth)


@pytest.mark.parametrize("seed", SEEDS[:9])
def test_schedulers_agree_to_the_bit(seed):
    """Sums of float32 that round: which task is done first must not show in the result."""
    _, lazy, rng = random_case(seed)
    lazy = replace(lazy, data=lazy.data / np.float32(rng.uniform(3, 4)))

    def function(parts):
        rows = np.concatenate([block.spectra for block in parts])
        return (rows.sum(0), rows.T @ rows), rows

    found = []
    for schedule in ("synchronous", "threads", "threads"):
        with sizes(700, 300), dask.config.set(scheduler=schedule):
            total, rows = lazy.reduce(function, add, stage="look")
        found.append([*total, rows])
    for other in found[1:]:
        for one, two in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("seed", SEEDS[:9])
@pytest.mark.parametrize("size", CHUNK_SIZES)
def test_every_chunk_is_read_once(seed, size, scheduler):
    """Truth: a counter in the chunks; those whose pixels are all masked need not be read."""
    eager, lazy, _ = random_case(seed)
    source, seen = counted(lazy.data)
    with sizes(size, 300):
        found = replace(lazy, data=source).rows(lambda block: block.spectra, stage="look")
    np.testing.assert_array_equal(found, naive(eager)[0])
    assert len(set(seen)) == len(seen)
    if eager.pixels.all():
        assert sorted(seen) == list(np.ndindex(*lazy.data.numblocks))


@pytest.mark.parametrize("seed", SEEDS[:12])
def test_windows_of_chunked_data(seed):
    """Truth: the windows read from memory, in the order asked for, repeated pixels included."""
    eager, lazy, rng = random_case(seed)
    n, m = len(eager.pixels), eager.shape[1]
    pixels, positions = rng.integers(0, n, 40), rng.integers(0, m, 40)
    with sizes(CHUNK_SIZES[seed % 4], 300):
        truth, found = (read_windows(b, pixels, positions, 2) for b in (eager, lazy))
        around = [read_around(b, pixels, positions, 1, 2) for b in (eager, lazy)]
    row = np.where(eager.pixels, np.cumsum(eager.pixels) - 1, -1)[pixels]
    for one, two, rows in zip(truth, found, naive(eager), strict=False):
        np.testing.assert_array_equal(one, two)
        middle = np.where(row < 0, np.nan, rows[row, positions])
        np.testing.assert_array_equal(one[:, 2], middle)
    for one, two in zip(*around, strict=True):
        np.testing.assert_array_equal(one, two)


def test_few_pixels_take_few_chunks():
    """Chunks that hold none of a few pixels are not read, though all would fit into one merged."""
    data = np.arange(400 * 5, dtype=np.float32).reshape(20, 20, 5)
    lazy, seen = counted(da.from_array(data, chunks=(2, 4, 5)))
    pixels = np.zeros(400, bool)
    pixels[[3, 399]] = True
    with sizes("128 MiB", 300):
        found = replace(row_blocks(lazy), pixels=pixels).rows(lambda b: b.spectra, stage="look")
    np.testing.assert_array_equal(found, data.reshape(400, 5)[pixels])
    assert sorted(seen) == [(0, 0, 0), (9, 4, 0)]


@pytest.mark.parametrize("seed", SEEDS)
def test_lazy_rows(seed):
    """Truth: plain indexing; NaN where pixels do not count. Nothing is read before it is asked."""
    eager, lazy, rng = random_case(seed)
    n, m = eager.shape
    factor = rng.integers(1, 9, n).astype(np.float32)
    source, seen = counted(lazy.data)
    with sizes(CHUNK_SIZES[seed % 4], 300):
        found = lazy_rows(
            replace(lazy, data=source),
            lambda block: (block.spectra * block.per_pixel[0][:, None]).astype(np.float32),
            m,
            factor,
        )
        assert not seen
        assert found.dtype == np.float32
        assert found.shape == (*lazy.data.shape[:-1], m)
        assert found.chunks[-1] == (m,)
        values = found.compute(scheduler=["synchronous", "threads"][seed % 2])
    assert values.dtype == np.float32
    truth = np.full((len(eager.pixels), m), np.nan)
    truth[eager.pixels] = naive(eager)[0] * factor[:, None]
    np.testing.assert_array_equal(values.reshape(-1, m), truth)
    assert len(set(seen)) == len(seen)


def test_a_part_of_lazy_rows_is_read_alone():
    """One pixel takes the chunk that holds it, and no other."""
    data = np.arange(400 * 5, dtype=np.float32).reshape(20, 20, 5)
    lazy, seen = counted(da.from_array(data, chunks=(2, 4, 5)))
    with sizes(1, 300):
        found = lazy_rows(row_blocks(lazy), lambda block: block.spectra, 5)
        assert found.chunks == lazy.chunks
        np.testing.assert_array_equal(found[7, 9].compute(), data[7, 9])
    assert seen == [(3, 2, 0)]


# ------------------------------------------------------------------------------- how it is chunked


def ends(sizes_of):
    return set(np.cumsum(sizes_of).tolist())


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("most", [1, 700, 3000, 10**6])
def test_neighbouring_chunks_are_worked_on_together(seed, most):
    """As many as fit into the size asked for, and one of those that are larger; none twice."""
    rng = np.random.default_rng(seed)
    shape = (*SCANS[seed % 3], N_CHANNELS)
    data = rng.random(shape, np.float32)
    lazy = chunked(rng, data).rechunk({len(shape) - 1: -1})
    groups = []

    def on_blocks(blocks):
        groups.append(np.concatenate([block.index for block in blocks]))
        return None, None

    with sizes(most, 300), dask.config.set(scheduler="synchronous"):
        row_blocks(lazy).reduce(on_blocks, lambda _: None, stage="look")
    n = data[..., 0].size
    np.testing.assert_array_equal(np.sort(np.concatenate(groups)), np.arange(n))
    row = 4 * N_CHANNELS
    largest = max(int(np.prod(c)) for c in product(*lazy.chunks[:-1]))
    assert max(len(group) for group in groups) * row <= max(most, largest * row)
    if most == 1:
        assert len(groups) == lazy.npartitions
    if most == 10**6:
        assert len(groups) == 1


def test_small_chunks_become_few_tasks():
    """Chunks of one pixel, as some files have them: a task each would take a millisecond each."""
    data = np.arange(40 * 40 * 4, dtype=np.float32).reshape(40, 40, 4)
    lazy = da.from_array(data, chunks=(1, 1, 4))
    with sizes("4 kiB", 300):
        found, seen = keys_of(lambda: row_blocks(lazy).rows(lambda b: b.spectra, stage="look"))
    np.testing.assert_array_equal(found, data.reshape(-1, 4))
    assert len([key for key in seen if name_of(key).startswith("look")]) == 40 * 40 * 16 // 4096 + 1


# ------------------------------------------------------------------------------- how it is done


@contextmanager
def recorded(calls, stage, total):
    calls.append([stage, total])
    yield calls[-1].append


@pytest.mark.parametrize("seed", SEEDS[:6])
@pytest.mark.parametrize("lazy", [False, True])
def test_progress_gets_all_pixels_that_count(seed, lazy, scheduler):
    """Truth: their number; told at once as the total, and in parts as they are done."""
    blocks, calls = random_case(seed)[lazy], []
    blocks = replace(blocks, progress=lambda *about: recorded(calls, *about))
    with sizes(700, 300):
        blocks.rows(lambda block: block.spectra, stage="some stage")
    n = blocks.shape[0]
    ((stage, total, *done),) = calls
    assert (stage, total) == ("some stage", n)
    assert sum(done) == n
    assert min(done) > 0
    assert len(done) > 1


def test_progress_is_told_while_it_lasts():
    """Not only at the end: by half of the chunks, half of the pixels were told of."""
    calls, told = [], []
    lazy = da.zeros((16, 5), chunks=(1, 5))
    blocks = replace(row_blocks(lazy), progress=lambda *about: recorded(calls, *about))

    def function(block):
        told.append(sum(calls[0][2:]))
        return block.spectra

    with sizes(1, 300), dask.config.set(scheduler="synchronous"):
        blocks.rows(function, stage="look")
    assert told == list(range(16))


def blas_threads():
    return [lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"]


@pytest.mark.parametrize("fails", [False, True])
def test_blas_threads_are_as_before(fails):
    """One within chunks that are done side by side; as many as there were afterwards.

    After an error, chunks that were begun may go on for a while: those are not looked at.
    """
    lazy = da.ones((12, 5), chunks=(2, 5))
    within = []

    def function(block):
        within.extend(blas_threads())
        if fails:
            raise KeyError("fails")
        return block.spectra

    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        assert set(before) == {2}
        with sizes(1, 300), dask.config.set(scheduler="threads"):
            try:
                row_blocks(lazy).rows(function, stage="look")
            except KeyError:
                assert fails
        assert blas_threads() == before
    assert fails or set(within) == {1}


class OddError(Exception):
    """Nothing that numpy or dask would raise."""


@pytest.mark.parametrize("lazy", [False, True])
def test_errors_reach_the_caller_as_they_are(lazy, scheduler):
    """Type and message are those of the function."""
    data = np.arange(60.0).reshape(12, 5)
    held = da.from_array(data, chunks=(2, 5)) if lazy else data

    def function(block):
        if (block.spectra == 37).any():
            raise OddError("thirty-seven at last")
        return block.spectra

    with sizes(1, 40), pytest.raises(OddError) as caught:
        row_blocks(held).rows(function, stage="look")
    assert type(caught.value) is OddError
    assert str(caught.value) == "thirty-seven at last"


def test_errors_of_reading_reach_the_caller():
    """A file that breaks off: what its reader raised."""

    def broken(block):
        raise OSError("the file ends here")

    lazy = da.zeros((12, 5), chunks=(2, 5)).map_blocks(broken, meta=np.zeros((0, 0)))
    with sizes(1, 40), pytest.raises(OSError, match=r"^the file ends here$"):
        row_blocks(lazy).rows(lambda block: block.spectra, stage="look")


def name_of(key):
    return key[0] if isinstance(key, tuple) else key


def keys_of(function):
    """What it returns, and the keys of the tasks that dask did for it."""
    seen = []
    with (
        dask.config.set(scheduler="synchronous"),
        Callback(pretask=lambda key, *_: seen.append(key)),
    ):
        return function(), seen


@pytest.mark.parametrize("stage, start", [("Gram matrix", "Gram_matrix-"), ("scores", "scores-")])
def test_tasks_are_named_by_their_stage(stage, start):
    """As many as there are chunks begin with it; dask's dashboard shows that part of a key."""
    lazy = da.zeros((12, 5), chunks=(2, 5))

    def on_blocks(parts):
        return sum(len(block.index) for block in parts), None

    with sizes(1, 40):
        (total, _), seen = keys_of(lambda: row_blocks(lazy).reduce(on_blocks, sum, stage=stage))
        _, again = keys_of(lambda: row_blocks(lazy).reduce(on_blocks, sum, stage=stage))
    assert total == 12
    first, second = ({k for k in keys if name_of(k).startswith(start)} for keys in (seen, again))
    assert len(first) == 6
    # another pass is not taken for the same
    assert not first & second


class Total:
    """Knows how many of its kind there are."""

    alive: ClassVar = weakref.WeakSet()
    peak = 0
    lock = threading.Lock()

    def __init__(self, value):
        self.value = value
        with Total.lock:
            Total.alive.add(self)
            Total.peak = max(Total.peak, len(Total.alive))


@pytest.mark.parametrize("with_rows", [False, True])
@pytest.mark.parametrize("number", [64, 256])
def test_few_totals_are_kept_at_a_time(number, with_rows):
    """As many as one way through the tree needs, not as there are chunks.

    At each of its levels all but one of those that one task combines wait, and the last level has
    them all and their sum.
    """
    Total.alive.clear()
    Total.peak = 0
    lazy = da.from_array(np.arange(3.0 * number).reshape(number, 3), chunks=(1, 3))

    def on_blocks(parts):
        rows = np.concatenate([block.spectra for block in parts])
        return Total(rows.sum()), rows if with_rows else None

    gc.collect()
    with sizes(1, 40), dask.config.set(scheduler="synchronous"):
        total, _ = row_blocks(lazy).reduce(
            on_blocks, lambda totals: Total(sum(t.value for t in totals)), stage="look"
        )
    assert total.value == np.arange(3.0 * number).sum()
    levels = round(np.log(number) / np.log(TOTALS_PER_TASK))
    assert Total.peak <= (TOTALS_PER_TASK - 1) * levels + 2


@pytest.mark.parametrize("spans", [True, False])
def test_few_chunks_are_kept_at_a_time(spans):
    """One after the other: a chunk is let go before the next but one is read.

    Where the channels are chunked, those of one and the next pixels besides.
    """
    alive, counts = [], []

    def made(block_info=None):
        block = np.ones(block_info[None]["chunk-shape"])
        alive.append(weakref.ref(block))
        counts.append(sum(1 for one in alive if one() is not None))
        return block

    channels = (6,) if spans else (3, 3)
    lazy = da.map_blocks(made, chunks=((1,) * 64, channels), meta=np.zeros((0, 0)))
    alive.clear(), counts.clear()
    # what a pass holds is the data of the chunk, not what it is made from
    with sizes(8 * 6, 40), dask.config.set(scheduler="synchronous"):
        total, _ = row_blocks(lazy).reduce(
            lambda parts: (sum(float(b.spectra.sum()) for b in parts), None), sum, stage="look"
        )
    assert total == 64 * 6
    assert len(counts) == 64 * len(channels)
    assert max(counts) <= 2 * len(channels)


def test_by_the_workers_of_a_client():
    """Truth: memory. The active client does the work, tells of it, and errors are its function's.

    Another scheduler that is asked for goes before it.
    """
    distributed = pytest.importorskip("distributed")
    eager, lazy, rng = random_case(7)
    names = rng.integers(0, 1000, eager.shape[0])
    truth, truth_rows = eager.reduce(all_of, add, names, stage="look")
    calls, where = [], []
    lazy = replace(lazy, progress=lambda *about: recorded(calls, *about))

    def function(parts):
        where.append(threading.current_thread().name)
        return all_of(parts)

    def fails(block):
        raise OddError("no")

    with (
        sizes(700, 300),
        dask.config.set({"distributed.admin.log-length": 0}),
        distributed.Client(
            processes=False, n_workers=1, threads_per_worker=2, dashboard_address=None
        ),
    ):
        total, rows = lazy.reduce(function, add, names, stage="look")
        with pytest.raises(OddError, match=r"^no$"):
            lazy.rows(fails, stage="look")
        by_workers = list(where)
        with dask.config.set(scheduler="synchronous"):
            lazy.reduce(function, add, names, stage="look")
    np.testing.assert_array_equal(rows, truth_rows)
    for one, two in zip(total, truth, strict=True):
        np.testing.assert_array_equal(one, two)
    assert sum(calls[0][2:]) == eager.shape[0]
    assert threading.current_thread().name not in by_workers
    assert where[-1] == threading.current_thread().name


# ------------------------------------------------------------------------------------ first pass


def unlike(one, two, exact):
    """Names of the parts of two summaries that differ; sums in ``exact`` may be rounded."""
    different = []
    for name in ("finite", "group_size", "sample", "group", "sampled", *exact):
        if not np.array_equal(getattr(one, name), getattr(two, name)):
            different.append(name)
    for name in ("integers", "greatest", "least", "least_variance", "group_run"):
        if getattr(one, name) != getattr(two, name):
            different.append(name)
    for name in ("highest", "lowest"):
        if not np.array_equal(getattr(one.extremes, name), getattr(two.extremes, name)):
            different.append(name)
    if one.extremes.size != two.extremes.size:
        different.append("size")
    return different


@pytest.mark.parametrize("seed", SEEDS)
def test_first_pass_of_any_chunks(seed, monkeypatch):
    """Truth: the data in memory in one block, to the bit: sums of whole numbers do not round.

    Groups, tiles and the sample are of consecutive pixels, which chunks of a scan in two or three
    dimensions cut. By chance spectra, whole chunks or the variance are not finite.
    """
    eager, lazy, rng = random_case(seed)
    n = len(eager.pixels)
    number = [int(rng.integers(2, 40)) for _ in range(3)]
    for name, value in zip(
        ("MOST_GROUPS", "MOST_PIXELS_SAMPLED", "MOST_TILES"), number, strict=True
    ):
        monkeypatch.setattr(f"hyperspy_unmix.numerics.reading.first_pass.{name}", value)
    data, variance = eager.data.copy(), eager.variance
    bad = rng.choice(n, 5, replace=False)
    data.reshape(n, -1)[bad, rng.integers(0, N_CHANNELS, 5)] = [np.nan, np.inf, -np.inf, 1, np.nan]
    chunks = lazy.data.chunks
    if seed % 2:
        corner = tuple(slice(0, c[0]) for c in chunks[:-1])
        data[corner] = np.nan
        data[(-1,) * (data.ndim - 1)] = 1  # something is finite
    eager = replace(eager, data=data)
    lazy = replace(lazy, data=da.from_array(data, chunks=chunks))
    rows = naive(eager)
    truth = np.isfinite(rows[0]).all(1)
    with sizes(CHUNK_SIZES[seed % 4], 10**6):
        one = summarise(eager)
    with sizes(CHUNK_SIZES[seed % 4], 300):
        two = summarise(lazy)
    np.testing.assert_array_equal(one.finite, truth)
    assert one.least == rows[0][truth].min(initial=np.inf)
    assert one.greatest == rows[0][truth].max(initial=-np.inf)
    groups = ["groups"] if variance is None else ["groups", "group_variance"]
    assert unlike(one, two, groups) == []


def test_first_pass_rounds_as_little_in_chunks():
    """Truth: numpy in float64; sums of up to 60 float32 values are off by 60 half units at most."""
    rng = np.random.default_rng(0)
    data = rng.random((120, 256, 3), np.float32)
    with sizes(4000, 1000):
        found = summarise(row_blocks(da.from_array(data, chunks=(7, 13, 2))))
    truth = data.reshape(512, 60, 3).mean(1, dtype=float)
    bound = 60 * np.finfo(np.float32).eps / 2
    np.testing.assert_allclose(found.groups, truth, rtol=bound)


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_first_pass_is_told_of_replaced_values(lazy, masked):
    """Truth: another first pass, now with the spikes out; whole numbers, float64 means.

    A mean of up to three values, some of them changed, is off by a few units in the last place of
    the largest, 900 here. Tiles are of one pixel, so that extremes are exact.
    """
    rng = np.random.default_rng(3)
    data = rng.integers(20, 50, (30, 40, 11)).astype(np.float32)
    spikes = random_spikes(rng, 1200, 11, 60)
    flat = data.reshape(1200, 11)
    there = spikes.pixels, spikes.channels
    flat[there] = np.where(np.arange(60) < 30, 800, -70)
    values = np.full(60, 33.0)
    spikes = replace(spikes, variances=None, values=values, change=values - flat[there])
    flat[np.setdiff1d([100, 700, 701], spikes.pixels)] = np.nan
    pixels = np.ones(1200, bool)
    if masked:
        pixels = rng.random(1200) > 0.3
        pixels[spikes.pixels] = True
    blocks = replace(row_blocks(data), pixels=pixels)
    if lazy:
        blocks = replace(blocks, data=da.from_array(data, chunks=(7, 9, 11)))
    with sizes(3000, 300):
        before, truth = summarise(blocks), summarise(replace(blocks, spikes=spikes))
    number = (np.cumsum(pixels) - 1)[spikes.pixels]
    found = before.replace_values(number, spikes.channels, spikes.values, spikes.change)
    np.testing.assert_allclose(found.groups, truth.groups, rtol=0, atol=900 * 1e-15)
    np.testing.assert_array_equal(found.sample, truth.sample)
    assert (found.least, found.greatest) == (truth.least, truth.greatest)
    assert (before.least, before.greatest) == (-70, 800)
    assert (truth.least, truth.greatest) == (20, 49)
    assert np.abs(before.groups - truth.groups).max() > 100
    assert not np.array_equal(before.sample, truth.sample)
