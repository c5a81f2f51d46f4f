"""Who does the tasks of a dask graph: the threads of this process, or the workers of a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pickle import PicklingError
from typing import Any

from hyperspy_unmix.numerics.threads import one_blas_thread
from hyperspy_unmix.numerics.types import Ticks


def active_client() -> Any:
    """The dask.distributed client that would do the work now, or None."""
    from dask.base import get_scheduler

    client = getattr(get_scheduler(), "__self__", None)
    return client if hasattr(client, "scheduler_info") else None


def compute_locally(graph: Any, keys: list[Any], sizes: dict[Any, int], done: Ticks) -> Any:
    """Results of the keys; ``done`` gets the sizes of the tasks that are named there."""
    from dask.base import get_scheduler
    from dask.callbacks import Callback
    from dask.local import get_sync
    from dask.threaded import get as get_threaded

    def tick(key: Any, *_: Any) -> None:
        if key in sizes:
            done(sizes[key])

    get = get_scheduler() or get_threaded
    # With several of dask's threads at work, those of BLAS would compete with them for the cores.
    one_at_a_time = get is get_sync or len(sizes) == 1
    limits = nullcontext() if one_at_a_time else one_blas_thread()
    with Callback(posttask=tick), limits:
        return get(graph, keys)


def compute_on_cluster(
    client: Any, graph: Any, keys: list[Any], sizes: list[int], done: Ticks
) -> Sequence[Any]:
    """Results of the keys, of which all but the first are rows of so many pixels.

    Raises
    ------
    TypeError
        If the data cannot be sent to the workers.
    """
    from distributed import as_completed

    try:
        futures = client.get(graph, keys, sync=False)
    except (TypeError, PicklingError) as error:
        raise TypeError(
            "The lazy data cannot be sent to the workers of the dask.distributed client that is "
            "active; those of HDF5 files (.hspy, .emd, ...) cannot. Save the signal as .zspy and "
            "load that, use threads as workers (Client(processes=False)), or close the client."
        ) from error
    n_pixels = dict(zip((future.key for future in futures[1:]), sizes, strict=True))
    for future in as_completed(futures):
        done(n_pixels.get(future.key, 0))
    results: Sequence[Any] = client.gather(futures)
    return results
