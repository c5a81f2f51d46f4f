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

from .block import Block, Part
from .block_size import CHUNK_SIZE, CHUNKS, configured_bytes
from .row_blocks import RowBlocks
from .schedulers import active_client, distributed, locally

TOGETHER = 4  # totals that are combined by one task


@dataclass(frozen=True, eq=False)
class _Chunk:
    """A chunk of the data, and of their variance (keys in the graph), and what counts of it."""

    part: Part
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
    """What counts of neighbouring chunks, and what was given for their pixels."""

    parts: list[Part]
    given: list[list[NDArray[Any]]]


def reduce_chunks(
    blocks: RowBlocks,
    function: Callable[..., Any],
    combine: Callable[[Sequence[Any]], Any],
    given: Sequence[NDArray[Any]],
    stage: str,
) -> tuple[Any, NDArray[Any]]:
    """`RowBlocks.reduce` of dask arrays: by threads, or by the workers of an active client.

    A few neighbouring chunks are worked on by one task, where they are; totals meet as a tree, so
    that few wait for others in memory.
    """
    from dask.highlevelgraph import HighLevelGraph

    arrays, chunks = _chunked(blocks)
    groups = _grouped(chunk for _, chunk in chunks if chunk is not None)
    indices = [np.concatenate([chunk.index for chunk in group]) for group in groups]
    name = f"{stage.replace(' ', '_')}-{uuid4().hex}"
    # one object for all tasks: it is sent to a worker once
    layer: dict[Any, Any] = {f"job-{name}": _Job(function, combine)}
    for k, group in enumerate(groups):
        own = _Group([c.part for c in group], [[a[c.index] for a in given] for c in group])
        data, variance = [c.data for c in group], [c.variance for c in group]
        layer[name, k] = (_on_chunks, f"job-{name}", own, data, variance)
        # names in order, for dask goes by them, and totals that meet early are let go early
        layer[f"total-{name}", k] = (itemgetter(0), (name, k))
        layer[f"rows-{name}", k] = (itemgetter(1), (name, k))
    rows = [(f"rows-{name}", k) for k in range(len(groups))]
    total = _tree(layer, name, len(groups))
    # one list of them: dask's threads then take one branch of the tree after the other
    layer[f"all-{name}"] = (list, rows)
    graph = HighLevelGraph.from_collections(name, layer, dependencies=arrays)
    sizes = {(name, k): len(index) for k, index in enumerate(indices)}
    with blocks.progress(stage, blocks.shape[0]) as done:
        client = active_client()
        if client is None:
            added, found = locally(graph, [total, f"all-{name}"], sizes, done)
        else:
            added, *found = distributed(client, graph, [total, *rows], list(sizes.values()), done)
    return added, _in_order(found, indices, blocks.shape[0])


def _tree(layer: dict[Any, Any], name: str, number: int) -> Any:
    """Add the tasks that combine ``number`` totals; returns the key of the last."""
    totals: list[Any] = [(f"total-{name}", k) for k in range(number)]
    level = 0
    while len(totals) > 1:
        level += 1
        together = range(0, len(totals), TOGETHER)
        for k in together:
            some = totals[k : k + TOGETHER]
            layer[f"sum-{name}-{level}", k] = (_combined, f"job-{name}", some)
        totals = [(f"sum-{name}-{level}", k) for k in together]
    return totals[0]


def lazy_rows(
    blocks: RowBlocks,
    function: Callable[[Block], NDArray[Any]],
    n_channels: int,
    *given: NDArray[Any],
) -> Any:
    """``function`` of every block as a dask array, read when it is computed.

    Parameters
    ----------
    blocks : RowBlocks
        Lazy.
    function : callable
        Takes a block and returns float32 of shape (rows, n_channels).
    n_channels : int
    *given : arrays, each of shape (pixels that count, ...)

    Returns
    -------
    dask array, shape (..., n_channels)
        NaN for pixels that do not count.
    """
    import dask.array as da
    from dask.highlevelgraph import HighLevelGraph

    arrays, chunks = _chunked(blocks)
    name = f"lazy_rows-{uuid4().hex}"
    layer: dict[Any, Any] = {f"job-{name}": _Job(function, itemgetter(0))}
    for k, chunk in chunks:
        shape = (*(sizes[i] for sizes, i in zip(arrays[0].chunks[:-1], k, strict=True)), n_channels)
        if chunk is None:
            layer[name, *k, 0] = (np.full, list(shape), np.nan, np.float32)
            continue
        own = _Group([chunk.part], [[a[chunk.index] for a in given]])
        task = (_rows_of_chunk, f"job-{name}", own, list(shape), chunk.data, chunk.variance)
        layer[name, *k, 0] = task
    graph = HighLevelGraph.from_collections(name, layer, dependencies=arrays)
    chunked = (*arrays[0].chunks[:-1], (n_channels,))
    return da.Array(graph, name, chunked, dtype=np.float32)


def _rows_of_chunk(
    job: _Job, group: _Group, shape: Sequence[int], data: Any, variance: Any
) -> NDArray[np.float32]:
    kept = group.parts[0].kept
    rows = np.full((len(kept), shape[-1]), np.nan, np.float32)
    blocks = _blocks(group.parts[0], data, variance, group.given[0])
    rows[kept] = np.concatenate([job.function(block) for block in blocks])
    return rows.reshape(shape)


def _chunked(
    blocks: RowBlocks,
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
    return arrays, _places(blocks, arrays)


def _places(
    blocks: RowBlocks, arrays: list[Any]
) -> Iterator[tuple[tuple[int, ...], _Chunk | None]]:
    data = arrays[0]
    place = np.arange(len(blocks.pixels)).reshape(data.shape[:-1])
    number = np.cumsum(blocks.pixels) - 1
    starts = [np.cumsum([0, *sizes]) for sizes in data.chunks[:-1]]
    for k in np.ndindex(*data.numblocks[:-1]):
        box = tuple(slice(at[i], at[i + 1]) for at, i in zip(starts, k, strict=True))
        rows = place[box].ravel()
        kept = blocks.pixels[rows]
        if not kept.any():
            yield k, None
            continue
        index = number[rows[kept]]
        part = Part(
            kept,
            index,
            blocks.channels,
            blocks.dtype,
            None if blocks.shifts is None else blocks.shifts[rows],
            None if blocks.spikes is None else blocks.spikes.select_pixels(rows),
            blocks.step,
        )
        keys = [(array.name, *k, 0) for array in arrays]
        yield k, _Chunk(part, index, keys[0], keys[1] if len(keys) > 1 else None)


def _grouped(chunks: Iterable[_Chunk]) -> list[list[_Chunk]]:
    """Neighbouring chunks, up to ``dask.config``'s ``array.chunk-size`` (as blocks) together."""
    most = configured_bytes(CHUNKS, CHUNK_SIZE)
    groups: list[list[_Chunk]] = []
    size = 0
    for chunk in chunks:
        own = len(chunk.index) * len(chunk.part.channels) * np.dtype(chunk.part.dtype).itemsize
        if not groups or size + own > most:
            groups.append([])
            size = 0
        groups[-1].append(chunk)
        size += own
    return groups


def _on_chunks(job: _Job, group: _Group, data: Any, variance: Any) -> tuple[Any, Any]:
    each = zip(group.parts, data, variance, group.given, strict=True)
    blocks = chain.from_iterable(_blocks(*chunk) for chunk in each)
    found: tuple[Any, Any] = job.function(_joined(blocks, group.parts[0].step))
    return found


def _blocks(part: Part, data: Any, variance: Any, given: Any) -> Iterator[Block]:
    rows = int(np.prod(data.shape[:-1]))
    if rows != len(part.kept):
        raise ValueError(
            f"A chunk of the lazy data was said to hold {len(part.kept)} spectra and holds {rows}: "
            "the function that makes the chunks (of map_blocks, say) returns another shape than it "
            "should."
        )
    data = data.reshape(rows, -1)
    return part.blocks(data, None if variance is None else variance.reshape(data.shape), given)


def _joined(blocks: Iterator[Block], step: int) -> Iterator[Block]:
    """Small blocks as one: each has a cost of its own."""
    waiting: list[Block] = []
    rows = 0
    for block in blocks:
        if waiting and rows + len(block.index) > step:
            yield _one(waiting)
            waiting, rows = [], 0
        waiting.append(block)
        rows += len(block.index)
    yield _one(waiting)


def _one(blocks: list[Block]) -> Block:
    if len(blocks) == 1:
        return blocks[0]

    def joined(arrays: Iterable[NDArray[Any]]) -> NDArray[Any]:
        together = np.concatenate(list(arrays))
        together.flags.writeable = False
        return together

    variance = [b.variance for b in blocks if b.variance is not None]
    return Block(
        joined(b.spectra for b in blocks),
        joined(variance) if variance else None,
        joined(b.index for b in blocks),
        tuple(map(joined, zip(*(b.given for b in blocks), strict=True))),
    )


def _combined(job: _Job, totals: Sequence[Any]) -> Any:
    return job.combine(totals)


def _in_order(found: Sequence[Any], indices: Sequence[Index], n: int) -> NDArray[Any]:
    """Rows of all chunks at the places of their pixels."""
    if found[0] is None:
        return np.empty(0)
    rows = np.empty((n, *found[0].shape[1:]), found[0].dtype)
    for index, values in zip(indices, found, strict=True):
        rows[index] = values
    return rows
