"""Passes over dask arrays: a task for every chunk, their totals combined as a tree."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .blocks import Block, Index, Part, RowBlocks, Ticks

TOGETHER = 4  # totals that are combined by one task
SPARSE = 0.1  # of the pixels that count: then chunks without any are better not read


@dataclass(frozen=True)
class _Chunk:
    """A chunk of the data (a task each for it and its variance), and the pixels it holds."""

    part: Part
    index: Index
    data: Any
    variance: Any


def reduce_chunks(
    blocks: RowBlocks,
    function: Callable[..., Any],
    combine: Callable[[Sequence[Any]], Any],
    given: Sequence[NDArray[Any]],
    stage: str,
) -> tuple[Any, NDArray[Any]]:
    """`RowBlocks.reduce` of dask arrays: by threads, or by the workers of an active client.

    Each chunk is read and worked on by one task, where it is; totals meet as a tree, so that none
    waits for another's in memory.
    """
    from dask import delayed
    from dask.base import tokenize

    chunks = [chunk for _, chunk in _chunked(blocks)[1] if chunk is not None]
    name = f"{stage.replace(' ', '_')}-{tokenize(id(blocks), np.random.default_rng().bytes(8))}"
    # one object for all tasks: it is sent to a worker once
    job = delayed((function, combine), traverse=False, name=f"job-{name}")
    totals: list[Any] = []
    rows: list[Any] = []
    for k, chunk in enumerate(chunks):
        found = delayed(_on_chunk)(
            job,
            chunk.part,
            chunk.data,
            chunk.variance,
            [a[chunk.index] for a in given],
            dask_key_name=(name, k),
        )
        # names in order, for dask goes by them, and totals that meet early are let go early
        for values, what, number in ((totals, "total", 0), (rows, "rows", 1)):
            item = delayed(itemgetter(number))
            values.append(item(found, dask_key_name=(f"{what}-{name}", k)))
    together = delayed(_combined)
    level = 0
    while len(totals) > 1:
        level += 1
        totals = [
            together(job, totals[k : k + TOGETHER], dask_key_name=(f"sum-{name}-{level}", k))
            for k in range(0, len(totals), TOGETHER)
        ]
    sizes = {(name, k): len(chunk.index) for k, chunk in enumerate(chunks)}
    with blocks.progress(stage, blocks.shape[0]) as done:
        total, found = _compute(totals[0], rows, sizes, done)
    return total, _in_order(found, [chunk.index for chunk in chunks], blocks.shape[0])


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
    from dask import delayed

    job = delayed(function, traverse=False, pure=False)
    data, chunks = _chunked(blocks)
    parts = np.empty(data.numblocks[:-1], object)
    for k, chunk in chunks:
        shape = (*(sizes[i] for sizes, i in zip(data.chunks[:-1], k, strict=True)), n_channels)
        if chunk is None:
            parts[k] = da.full(shape, np.nan, dtype=np.float32, chunks=shape)
            continue
        rows = delayed(_rows_of_chunk, pure=False)(
            job, shape, chunk.part, chunk.data, chunk.variance, [a[chunk.index] for a in given]
        )
        parts[k] = da.from_delayed(rows, shape, np.float32)
    # a list for every axis but that of the channels
    return da.block(_nested(parts[..., None]))


def _nested(parts: NDArray[Any]) -> Any:
    return [_nested(part) for part in parts] if parts.ndim > 1 else list(parts)


def _rows_of_chunk(
    function: Any, shape: tuple[int, ...], part: Part, data: Any, variance: Any, given: Any
) -> NDArray[np.float32]:
    rows = np.full((len(part.kept), shape[-1]), np.nan, np.float32)
    rows[part.kept] = np.concatenate([function(b) for b in _blocks(part, data, variance, given)])
    return rows.reshape(shape)


def spanning(data: Any, merge: bool = True) -> Any:
    """A dask array of the same data whose chunks span the channels and are not needlessly small.

    Neighbouring chunks are merged (unless not to ``merge``) up to ``dask.config``'s
    ``array.chunk-size``; none is split, but where the channels are.
    """
    import dask
    from dask.utils import parse_bytes

    if len(data.chunks[-1]) > 1:
        return data.rechunk({**dict.fromkeys(range(data.ndim - 1), "auto"), data.ndim - 1: -1})
    if not merge:
        return data
    most = parse_bytes(dask.config.get("array.chunk-size")) // max(data.dtype.itemsize, 1)
    chunks = list(data.chunks)
    for axis in range(data.ndim - 2, -1, -1):
        others = [max(c) for k, c in enumerate(chunks) if k != axis]
        chunks[axis] = _merged(chunks[axis], most // max(int(np.prod(others)), 1))
        if len(chunks[axis]) > 1:
            break  # further axes would only make the chunks longer in two directions
    return data.rechunk(tuple(chunks))


def _merged(sizes: Sequence[int], most: int) -> tuple[int, ...]:
    """Neighbouring sizes added up to ``most``."""
    merged = [sizes[0]]
    for size in sizes[1:]:
        if merged[-1] + size <= most:
            merged[-1] += size
        else:
            merged.append(size)
    return tuple(merged)


def _chunked(blocks: RowBlocks) -> tuple[Any, Iterator[tuple[tuple[int, ...], _Chunk | None]]]:
    """The data in chunks that span the channels; each with its place, None if no pixel counts."""
    import dask.array as da

    data, variance = blocks.data, blocks.variance
    sparse = np.count_nonzero(blocks.pixels) < SPARSE * len(blocks.pixels)
    data = spanning(data if hasattr(data, "dask") else da.from_array(data), merge=not sparse)
    delayed = data.to_delayed()[..., 0]
    of_variance = None
    if variance is not None:
        variance = variance if hasattr(variance, "dask") else da.from_array(variance)
        of_variance = variance.rechunk(data.chunks).to_delayed()[..., 0]
    return data, _places(blocks, data, delayed, of_variance)


def _places(
    blocks: RowBlocks, data: Any, delayed: NDArray[Any], of_variance: NDArray[Any] | None
) -> Iterator[tuple[tuple[int, ...], _Chunk | None]]:
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
            None if blocks.spikes is None else blocks.spikes.among(rows),
            blocks.step,
        )
        variance = None if of_variance is None else of_variance[k]
        yield k, _Chunk(part, index, delayed[k], variance)


def _on_chunk(job: Any, part: Part, data: Any, variance: Any, given: Any) -> tuple[Any, Any]:
    found: tuple[Any, Any] = job[0](_blocks(part, data, variance, given))
    return found


def _blocks(part: Part, data: Any, variance: Any, given: Any) -> Iterator[Block]:
    data = data.reshape(-1, data.shape[-1])
    return part.blocks(data, None if variance is None else variance.reshape(data.shape), given)


def _combined(job: Any, totals: Sequence[Any]) -> Any:
    return job[1](totals)


def _in_order(found: Sequence[Any], indices: Sequence[Index], n: int) -> NDArray[Any]:
    """Rows of all chunks at the places of their pixels."""
    if found[0] is None:
        return np.empty(0)
    rows = np.empty((n, *found[0].shape[1:]), found[0].dtype)
    for index, values in zip(indices, found, strict=True):
        rows[index] = values
    return rows


def _compute(total: Any, rows: Sequence[Any], sizes: dict[Any, int], done: Ticks) -> Any:
    """The total and a list of the rows; ``done`` gets the size of every chunk that is done."""
    import dask

    client = _client()
    if client is not None:
        return _distributed(client, total, rows, sizes, done)
    from dask.callbacks import Callback
    from threadpoolctl import threadpool_limits

    def after(key: Any, *_: Any) -> None:
        if key in sizes:
            done(sizes[key])

    # dask's threads have a chunk each; BLAS's own would fight them for the cores
    alone = dask.config.get("scheduler", None) in ("sync", "synchronous", "single-threaded")
    limits = nullcontext() if alone or len(sizes) == 1 else threadpool_limits(1, user_api="blas")
    with Callback(posttask=after), limits:
        # one list of them: dask then takes one branch of the tree after the other
        return dask.compute(total, dask.delayed(list)(rows))


def _client() -> Any:
    """The dask.distributed client that would do the work now, or None."""
    from dask.base import get_scheduler

    scheduler = get_scheduler()
    client = getattr(scheduler, "__self__", None)
    return client if hasattr(client, "scheduler_info") else None


def _distributed(
    client: Any, total: Any, rows: Sequence[Any], sizes: dict[Any, int], done: Ticks
) -> Any:
    import distributed

    futures = client.compute([total, *rows])
    number = dict(zip((future.key for future in futures[1:]), sizes.values(), strict=True))
    for future in distributed.as_completed(futures):
        done(number.get(future.key, 0))
    total, *found = client.gather(futures)
    return total, found
