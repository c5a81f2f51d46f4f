"""Reading in row blocks, against plain indexing of the whole array."""

from dataclasses import replace

import dask
import dask.array as da
import numpy as np
import pytest

from hyperspy_unmix.numerics.reading.block_size import BLOCK_SIZE_SETTING
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks, row_blocks

SHAPES = [(60,), (7, 9), (3, 5, 4)]
N_CHANNELS = 23
STEP = 7
ROW = 4 * N_CHANNELS  # bytes, of float32


def make(scan, dtype=np.float32, seed=0):
    values = np.random.default_rng(seed).integers(0, 200, (*scan, N_CHANNELS))
    return values.astype(dtype)


def naive(data, pixels, channels, shifts=None):
    """Truth: the whole array in memory, one spectrum after the other."""
    rows = np.array(data).reshape(-1, data.shape[-1])
    if shifts is not None:
        rows = np.stack([np.roll(row, shift) for row, shift in zip(rows, shifts, strict=True)])
    return rows[pixels][:, channels]


def read(blocks):
    return blocks.rows(lambda block: block.spectra, stage="reading")


def sizes_of(blocks):
    """Rows of every block, in the order of the data; each block is kept as a list of its own."""
    found, _ = blocks.reduce(
        lambda parts: ([(block.index[0], len(block.spectra)) for block in parts], None),
        lambda lists: [size for part in lists for size in part],
        stage="sizes",
    )
    return [size for _, size in sorted(found)]


def choices(n_pixels, kind):
    rng = np.random.default_rng(1)
    pixels = np.ones(n_pixels, bool)
    channels = np.arange(N_CHANNELS)
    if kind == "masked":
        pixels = rng.random(n_pixels) > 0.4
        pixels[:8] = False  # whole blocks without any pixel that counts
        channels = np.flatnonzero(rng.random(N_CHANNELS) > 0.4)
    elif kind == "cropped":
        channels = np.arange(5, 17)
    elif kind == "one":
        pixels[:] = False
        pixels[n_pixels // 2] = True
        channels = np.array([11])
    return pixels, channels


@pytest.fixture(autouse=True)
def _small_blocks():
    """Blocks of seven rows, so that small arrays have many, and chunks merged to no more than 20.

    Unless the chunks are larger as they are: then each has several blocks.
    """
    with dask.config.set({BLOCK_SIZE_SETTING: STEP * ROW, "array.chunk-size": 20 * ROW}):
        yield


def containers(data):
    """The same values held in every way that a user may hold them."""
    readonly = data.copy()
    readonly.flags.writeable = False
    padded = np.zeros((*data.shape[:-1], 2 * N_CHANNELS), data.dtype)
    padded[..., ::2] = data
    chunks = tuple(max(1, size // 2 - 1) for size in data.shape)
    return {
        "C order": data,
        "read-only": readonly,
        "Fortran order": np.asfortranarray(data),
        "strided": padded[..., ::2],
        "reversed": data[..., ::-1].copy()[..., ::-1],
        "dask": da.from_array(data, chunks=-1),
        "dask, awkward chunks": da.from_array(data, chunks=chunks),
        "dask, chunks of one": da.from_array(data, chunks=(1,) * (data.ndim - 1) + (5,)),
    }


@pytest.mark.parametrize("scan", SHAPES)
@pytest.mark.parametrize("kind", ["all", "masked", "cropped", "one"])
@pytest.mark.parametrize("shifted", [False, True])
def test_values_equal_plain_indexing(scan, kind, shifted):
    """Exactly: nothing but copying happens."""
    data = make(scan)
    n = int(np.prod(scan))
    pixels, channels = choices(n, kind)
    shifts = np.random.default_rng(2).integers(-30, 30, n) if shifted else None
    truth = naive(data, pixels, channels, shifts)
    for name, held in containers(data).items():
        found = read(RowBlocks(held, pixels, channels, shifts=shifts))
        np.testing.assert_array_equal(found, truth, err_msg=name)


@pytest.mark.parametrize("dtype", ["uint8", "int16", ">u2", "uint32", "float32", "float64", "bool"])
@pytest.mark.parametrize("lazy", [False, True])
def test_dtypes_become_floating_point(dtype, lazy):
    """Truth: ``astype``; a product of two counts of uint8 would overflow."""
    data = make((5, 6), dtype)
    held = da.from_array(data, chunks=(2, 4, 9)) if lazy else data
    for asked in (np.float32, np.float64):
        blocks, seen = replace(row_blocks(held), dtype=asked), []

        def look(block, seen=seen):
            seen.append(block.spectra.dtype)
            return block.spectra

        found = blocks.rows(look, stage="reading")
        assert set(seen) == {np.dtype(asked)}
        assert found.dtype == asked
        np.testing.assert_array_equal(found, data.reshape(-1, N_CHANNELS).astype(asked))


@pytest.mark.parametrize("kind", ["all", "masked"])
@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("scan", SHAPES)
def test_variance_and_per_pixel_rows_go_with_their_spectra(kind, lazy, scan):
    """Truth: variance is a known function of the data, per-pixel rows name their own pixel."""
    data = make(scan)
    n = int(np.prod(scan))
    pixels, channels = choices(n, kind)
    shifts = np.random.default_rng(2).integers(-30, 30, n)
    variance = 3 * data + 1
    held = data
    if lazy:
        held = da.from_array(data, chunks=3)
        variance = da.from_array(variance, chunks=4)
    names = np.flatnonzero(pixels)
    pairs = np.stack([names, -names], 1)
    blocks = RowBlocks(held, pixels, channels, variance, shifts)

    def on_block(block):
        own_names, own_pairs = block.per_pixel
        np.testing.assert_array_equal(names[block.index], own_names)
        np.testing.assert_array_equal(block.variance, 3 * block.spectra + 1)
        return np.column_stack([own_names, own_pairs, block.spectra])

    found = blocks.rows(on_block, names, pairs, stage="reading")
    np.testing.assert_array_equal(found[:, 0], names)
    np.testing.assert_array_equal(found[:, 1:3], pairs)
    np.testing.assert_array_equal(found[:, 3:], naive(data, pixels, channels, shifts))


@pytest.mark.parametrize("data_lazy, variance_lazy", [(True, False), (False, True)])
@pytest.mark.parametrize("scan", [(60,), (7, 9)])
def test_one_of_data_and_variance_lazy(data_lazy, variance_lazy, scan):
    """Truth: the same, both in memory."""
    data = make(scan)
    variance = data + 1
    held = da.from_array(data, chunks=4) if data_lazy else data
    given = da.from_array(variance, chunks=3) if variance_lazy else variance
    blocks = row_blocks(held, given)
    assert blocks.is_lazy
    found = blocks.rows(lambda block: block.variance - block.spectra, stage="reading")
    np.testing.assert_array_equal(found, np.ones((int(np.prod(scan)), N_CHANNELS)))


@pytest.mark.parametrize("held", ["numpy", "strided", "dask", "dask, awkward chunks"])
def test_single_spectrum(held):
    """A spectrum without a scan is one pixel."""
    data = np.arange(N_CHANNELS, dtype=float)
    arrays = {
        "numpy": data,
        "strided": np.repeat(data, 2)[::2],
        "dask": da.from_array(data),
        "dask, awkward chunks": da.from_array(data, chunks=5),
    }
    blocks = row_blocks(arrays[held])
    assert blocks.shape == (1, N_CHANNELS)
    np.testing.assert_array_equal(read(blocks), data[None])


@pytest.mark.parametrize("lazy", [False, True])
def test_a_function_cannot_overwrite_the_source(lazy):
    """Truth: a copy made before."""
    data = make((7, 9))
    variance = data + 1
    before = data.copy(), variance.copy()
    held = da.from_array(data, chunks=4) if lazy else data
    given = da.from_array(variance, chunks=4) if lazy else variance

    def overwrite(block):
        assert block.spectra.flags.c_contiguous
        for values in (block.spectra, block.variance):
            with pytest.raises(ValueError, match="read-only"):
                values *= 0
        return block.index

    found = row_blocks(held, given).rows(overwrite, stage="reading")
    np.testing.assert_array_equal(found, np.arange(63))
    np.testing.assert_array_equal(data, before[0])
    np.testing.assert_array_equal(variance, before[1])


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize(
    "size, step", [(STEP * ROW, 7), ("1 kiB", 1024 // ROW), ("2kB", 2000 // ROW), (1, 1)]
)
def test_blocks_are_bounded(size, step, lazy):
    """No block larger than the setting, though a row at the least; together they are all rows."""
    data = make((7, 9))
    held = da.from_array(data, chunks=-1) if lazy else data
    with dask.config.set({BLOCK_SIZE_SETTING: size}):
        sizes = sizes_of(row_blocks(held))
    assert sizes == [step] * (63 // step) + [63 % step] * bool(63 % step)


def test_blocks_of_four_mebibytes_unless_asked():
    """By default 4 MiB of the block's own type and all channels, whatever the data's type."""
    blocks = RowBlocks(np.zeros((2, 1024), np.uint8), np.ones(2, bool), np.arange(3))
    with dask.config.set({BLOCK_SIZE_SETTING: "4 MiB"}):
        assert blocks.step == 1024
    with dask.config.set():
        dask.config.config["hyperspy_unmix"].pop("block-size")
        assert blocks.step == 1024
        assert replace(blocks, dtype=np.float64).step == 512


def test_blocks_are_never_empty():
    """A function that cannot take zero rows is never given any."""
    data = make((60,))
    pixels = np.zeros(60, bool)
    pixels[[20, 21, 59]] = True
    for held in (data, da.from_array(data, chunks=4)):
        sizes = sizes_of(RowBlocks(held, pixels, np.arange(4)))
        assert sum(sizes) == 3
        assert min(sizes) > 0


@pytest.mark.parametrize("lazy", [False, True])
def test_counts_beyond_float32_are_kept_in_float64(lazy):
    """Truth: the integers; float32 holds whole numbers up to 2**24."""
    data = 2**30 + np.arange(60 * N_CHANNELS).reshape(60, N_CHANNELS)
    held = da.from_array(data, chunks=7) if lazy else data
    blocks = replace(row_blocks(held, held), dtype=np.float64)
    fewer = blocks.drop_pixels(np.zeros(60, bool))
    for name in ("spectra", "variance"):
        found = fewer.rows(lambda block, name=name: getattr(block, name), stage="reading")
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, data)


def test_drop_pixels_and_select_channels_equal_plain_indexing():
    """Dropped are pixels among those that count now, and the original is left as it was."""
    data = make((60,))
    pixels, channels = choices(60, "masked")
    blocks = RowBlocks(data, pixels, channels)
    n, m = blocks.shape
    assert (n, m) == (pixels.sum(), len(channels))
    drop = np.zeros(n, bool)
    drop[[0, 3, n - 1]] = True
    fewer = blocks.drop_pixels(drop).select_channels(channels[2:])
    np.testing.assert_array_equal(read(fewer), data[pixels][~drop][:, channels[2:]])
    np.testing.assert_array_equal(read(blocks), data[pixels][:, channels])


def test_is_lazy():
    data = make((60,))
    assert not row_blocks(data).is_lazy
    assert row_blocks(da.from_array(data)).is_lazy


@pytest.mark.parametrize("chunks", [(10, N_CHANNELS), (10, 9), (1, N_CHANNELS), (60, 1)])
@pytest.mark.parametrize("masked", [False, True])
def test_lazy_data_are_read_once(chunks, masked):
    """Truth: a counter in the chunks; each is computed once in one pass, none to be masked."""
    read_chunks = []

    def count(block, block_id=None):
        read_chunks.append(block_id)
        return block

    data = make((60,))
    source = da.from_array(data, chunks=chunks)
    lazy = source.map_blocks(count, dtype=np.float32, meta=np.zeros((0, 0), np.float32))
    read_chunks.clear()
    pixels = np.ones(60, bool)
    pixels[20:40] = not masked
    found = read(replace(row_blocks(lazy), pixels=pixels))
    np.testing.assert_array_equal(found, data[pixels])
    rows = [k for k in range(60 // chunks[0]) if pixels[k * chunks[0] : (k + 1) * chunks[0]].any()]
    assert sorted(read_chunks) == [(i, j) for i in rows for j in range(source.numblocks[1])]


@pytest.mark.parametrize("lazy", [False, True])
def test_totals_without_rows_and_rows_without_totals(lazy):
    """Truth: the sum over the array, which is exact for whole numbers in float64."""
    data = make((7, 9))
    held = da.from_array(data, chunks=(2, 4, 9)) if lazy else data

    def on_blocks(parts):
        return sum(block.spectra.sum(0, dtype=float) for block in parts), None

    total, rows = row_blocks(held).reduce(on_blocks, sum, stage="sum")
    np.testing.assert_array_equal(total, data.sum((0, 1), dtype=float))
    assert len(rows) == 0
    found = row_blocks(held).rows(lambda block: block.index, stage="index")
    np.testing.assert_array_equal(found, np.arange(63))
    assert found.dtype.kind == "i"
