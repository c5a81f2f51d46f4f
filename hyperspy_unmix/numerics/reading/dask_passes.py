"""Passes over dask arrays: a task for a few chunks, their totals combined as a tree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.types import Index

from .block import Block, RowReader
from .block_size import CHUNK_SIZE_SETTING, DEFAULT_CHUNK_SIZE, configured_bytes
from .schedulers import active_client, compute_locally, compute_on_cluster
from .selection import Selection

TOTALS_PER_TASK = 4  # that one task of the tree combines


@dataclass(frozen=True, eq=False)
class _Chunk:
    """A chunk of the data, and of their variance (keys in the graph), and what counts of it."""

    reader: RowReader
    index: Index
    data: Any
    variance: Any


@dataclass(frozen=True, eq=False)
class _Job:
    """What is done with the blocks of every group of chunks, and with what comes of it."""

    function: Callable[..., Any]
    combine: Callable[[Sequence[Any]], Any]


@dataclass(frozen=True, eq=False)
class _Group:
    """What counts of neighbouring chunks, and for each the arrays given for its pixels."""

    readers: list[RowReader]
    per_pixel: list[list[NDArray[Any]]]


def reduce_chunks(
    blocks: Selection,
    function: Callable[..., Any],
    combine: Callable[[Sequence[Any]], Any],
    per_pixel: Sequence[NDArray[Any]],
    stage: str,
) -> tuple[Any, NDArray[Any]]:
    """`RowBlocks.reduce` of dask arrays: by threads, or by the workers of an active client.

    A few neighbouring chunks are worked on by one task, where they are; totals meet as a tree, so
    that few wait for others in memory.
    """
    from dask.highlevelgraph import HighLevelGraph

    arrays, chunks = _align_chunks(blocks)
    groups = _group_chunks(chunk for _, chunk in chunks if chunk is not None)
    indices = [np.concatenate([chunk.index for chunk in group]) for group in groups]
    name = f"{stage.replace(' ', '_')}-{uuid4().hex}"
    layer, total = _pass_tasks(name, _Job(function, combine), groups, per_pixel)
    row_keys = [(f"rows-{name}", k) for k in range(len(groups))]
    # The rows are asked for as one list: dask's threads then take one branch of the tree after
    # the other.
    layer[f"all-{name}"] = (list, row_keys)
    graph = HighLevelGraph.from_collections(name, layer, dependencies=arrays)
    sizes = {(name, k): len(index) for k, index in enumerate(indices)}
    with blocks.progress(stage, blocks.shape[0]) as done:
        client = active_client()
        if client is None:
            combined, rows = compute_locally(graph, [total, f"all-{name}"], sizes, done)
        else:
            combined, *rows = compute_on_cluster(
                client, graph, [total, *row_keys], list(sizes.values()), done
            )
    return combined, _in_order(rows, indices, blocks.shape[0])


def _pass_tasks(
    name: str, job: _Job, groups: list[list[_Chunk]], per_pixel: Sequence[NDArray[Any]]
) -> tuple[dict[Any, Any], Any]:
    """The tasks of a pass, by their keys; and the key of the total."""
    # The job is one object that all tasks refer to, so that it is sent to a worker only once.
    layer: dict[Any, Any] = {f"job-{name}": job}
    for k, group in enumerate(groups):
        layer[name, k] = (
            _reduce_group,
            f"job-{name}",
            _Group(
                [chunk.reader for chunk in group],
                [[array[chunk.index] for array in per_pixel] for chunk in group],
            ),
            [chunk.data for chunk in group],
            [chunk.variance for chunk in group],
        )
        # Dask goes by the order of the keys: totals that meet early are then let go early.
        layer[f"total-{name}", k] = (itemgetter(0), (name, k))
        layer[f"rows-{name}", k] = (itemgetter(1), (name, k))
    return layer, _add_tree(layer, name, len(groups))


def _add_tree(layer: dict[Any, Any], name: str, number: int) -> Any:
    """Add the tasks that combine ``number`` totals; returns the key of the last."""
    totals: list[Any] = [(f"total-{name}", k) for k in range(number)]
    level = 0
    while len(totals) > 1:
        level += 1
        firsts = range(0, len(totals), TOTALS_PER_TASK)
        for k in firsts:
            layer[f"sum-{name}-{level}", k] = (
                _combine_totals,
                f"job-{name}",
                totals[k : k + TOTALS_PER_TASK],
            )
        totals = [(f"sum-{name}-{level}", k) for k in firsts]
    return totals[0]


def lazy_rows(
    blocks: Selection,
    function: Callable[[Block], NDArray[Any]],
    n_channels: int,
    *per_pixel: NDArray[Any],
) -> Any:
    """``function`` of every block as a dask array, read when it is computed.

    Parameters
    ----------
    blocks : Selection
        Lazy.
    function : callable
        Takes a block and returns float32 of shape (rows, n_channels).
    n_channels : int
    *per_pixel : arrays, each of shape (pixels that count, ...)
        Their rows come with each block, as `Block.per_pixel`.

    Returns
    -------
    dask array, shape (..., n_channels)
        NaN for pixels that do not count.
    """
    import dask.array as da
    from dask.highlevelgraph import HighLevelGraph

    arrays, chunks = _align_chunks(blocks)
    scan_chunks = arrays[0].chunks[:-1]
    name = f"lazy_rows-{uuid4().hex}"
    layer: dict[Any, Any] = {f"job-{name}": _Job(function, itemgetter(0))}
    for place, chunk in chunks:
        scan_shape = (sizes[k] for sizes, k in zip(scan_chunks, place, strict=True))
        shape = [*scan_shape, n_channels]
        if chunk is None:
            layer[name, *place, 0] = (np.full, shape, np.nan, np.float32)
            continue
        layer[name, *place, 0] = (
            _compute_rows,
            f"job-{name}",
            _Group([chunk.reader], [[array[chunk.index] for array in per_pixel]]),
            shape,
            chunk.data,
            chunk.variance,
        )
    graph = HighLevelGraph.from_collections(name, layer, dependencies=arrays)
    return da.Array(graph, name, (*scan_chunks, (n_channels,)), dtype=np.float32)


def _compute_rows(
    job: _Job, group: _Group, shape: Sequence[int], data: Any, variance: Any
) -> NDArray[np.float32]:
    """The task of `lazy_rows`: one chunk's rows, in its own shape."""
    reader = group.readers[0]
    rows = np.full((len(reader.pixels), shape[-1]), np.nan, np.float32)
    blocks = _read_chunk(reader, data, variance, group.per_pixel[0])
    rows[reader.pixels] = np.concatenate([job.function(block) for block in blocks])
    return rows.reshape(shape)


def _align_chunks(
    blocks: Selection,
) -> tuple[list[Any], Iterator[tuple[tuple[int, ...], _Chunk | None]]]:
    """The arrays (data, variance) in chunks that span the channels, and what counts of each.

    Chunks come with their place; None for one in which no pixel counts.
    """
    import dask
    import dask.array as da

    arrays = [blocks.data] if blocks.variance is None else [blocks.data, blocks.variance]
    arrays = [array if hasattr(array, "dask") else da.from_array(array) for array in arrays]
    data = arrays[0]
    if len(data.chunks[-1]) > 1:
        data = data.rechunk({**dict.fromkeys(range(data.ndim - 1), "auto"), data.ndim - 1: -1})
    arrays = list(dask.optimize(data, *(array.rechunk(data.chunks) for array in arrays[1:])))
    return arrays, _chunks_in_order(blocks, arrays)


def _chunks_in_order(
    blocks: Selection, arrays: list[Any]
) -> Iterator[tuple[tuple[int, ...], _Chunk | None]]:
    """The place of every chunk of the scan, and the chunk; None where no pixel of it counts."""
    data = arrays[0]
    pixel = np.arange(len(blocks.pixels)).reshape(data.shape[:-1])
    number = np.cumsum(blocks.pixels) - 1  # of each pixel among those that count
    edges = [np.cumsum([0, *sizes]) for sizes in data.chunks[:-1]]
    for place in np.ndindex(*data.numblocks[:-1]):
        box = tuple(slice(at[k], at[k + 1]) for at, k in zip(edges, place, strict=True))
        rows = pixel[box].ravel()
        counted = blocks.pixels[rows]
        if not counted.any():
            yield place, None
            continue
        index = number[rows[counted]]
        reader = RowReader(
            pixels=counted,
            index=index,
            channels=blocks.channels,
            dtype=blocks.dtype,
            shifts=None if blocks.shifts is None else blocks.shifts[rows],
            spikes=None if blocks.spikes is None else blocks.spikes.select_pixels(rows),
            step=blocks.step,
        )
        keys = [(array.name, *place, 0) for array in arrays]
        yield place, _Chunk(reader, index, keys[0], keys[1] if len(keys) > 1 else None)


def _group_chunks(chunks: Iterable[_Chunk]) -> list[list[_Chunk]]:
    """Neighbouring chunks, up to ``dask.config``'s ``array.chunk-size`` (as blocks) together."""
    most_bytes = configured_bytes(CHUNK_SIZE_SETTING, DEFAULT_CHUNK_SIZE)
    groups: list[list[_Chunk]] = []
    group_bytes = 0
    for chunk in chunks:
        itemsize = np.dtype(chunk.reader.dtype).itemsize
        chunk_bytes = len(chunk.index) * len(chunk.reader.channels) * itemsize
        if not groups or group_bytes + chunk_bytes > most_bytes:
            groups.append([])
            group_bytes = 0
        groups[-1].append(chunk)
        group_bytes += chunk_bytes
    return groups


def _reduce_group(job: _Job, group: _Group, data: Any, variance: Any) -> tuple[Any, Any]:
    """The task of `reduce_chunks`: total and rows of a group, of whose chunks these are lists."""
    chunks = zip(group.readers, data, variance, group.per_pixel, strict=True)
    blocks = chain.from_iterable(_read_chunk(*chunk) for chunk in chunks)
    total_and_rows: tuple[Any, Any] = job.function(_join_blocks(blocks, group.readers[0].step))
    return total_and_rows


def _read_chunk(reader: RowReader, data: Any, variance: Any, per_pixel: Any) -> Iterator[Block]:
    """The blocks of one chunk.

    Raises
    ------
    ValueError
        If it has another number of spectra than its array says.
    """
    rows = int(np.prod(data.shape[:-1]))
    if rows != len(reader.pixels):
        raise ValueError(
            f"A chunk of the lazy data was said to hold {len(reader.pixels)} spectra and holds "
            f"{rows}: the function that makes the chunks (of map_blocks, say) returns another "
            "shape than it should."
        )
    data = data.reshape(rows, -1)
    return reader.blocks(
        data, None if variance is None else variance.reshape(data.shape), per_pixel
    )


def _join_blocks(blocks: Iterator[Block], step: int) -> Iterator[Block]:
    """Blocks of up to ``step`` rows out of smaller ones, for each has a cost of its own."""
    waiting: list[Block] = []
    rows = 0
    for block in blocks:
        if waiting and rows + len(block.index) > step:
            yield _concatenate(waiting)
            waiting, rows = [], 0
        waiting.append(block)
        rows += len(block.index)
    yield _concatenate(waiting)


def _concatenate(blocks: list[Block]) -> Block:
    """The rows of several blocks as one block, which is read-only as they are."""
    if len(blocks) == 1:
        return blocks[0]

    def concatenate(arrays: Iterable[NDArray[Any]]) -> NDArray[Any]:
        joined = np.concatenate(list(arrays))
        joined.flags.writeable = False
        return joined

    variance = [block.variance for block in blocks if block.variance is not None]
    return Block(
        concatenate(block.spectra for block in blocks),
        concatenate(variance) if variance else None,
        concatenate(block.index for block in blocks),
        tuple(map(concatenate, zip(*(block.per_pixel for block in blocks), strict=True))),
    )


def _combine_totals(job: _Job, totals: Sequence[Any]) -> Any:
    """The task of the tree."""
    return job.combine(totals)


def _in_order(group_rows: Sequence[Any], indices: Sequence[Index], n: int) -> NDArray[Any]:
    """Rows of all groups at the places of their pixels; none where there are no rows."""
    if group_rows[0] is None:
        return np.empty(0)
    rows = np.empty((n, *group_rows[0].shape[1:]), group_rows[0].dtype)
    for index, values in zip(indices, group_rows, strict=True):
        rows[index] = values
    return rows
