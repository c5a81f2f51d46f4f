"""How many threads there are, and how many BLAS is given."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

MOST_PIXELS_FOR_ONE_THREAD = 2**17
MOST_PIXELS_ALL_ON_ONE_THREAD = 512  # of which no product is large


def limit_blas_threads(
    pixels: int, most: int = MOST_PIXELS_FOR_ONE_THREAD
) -> AbstractContextManager[object]:
    """Give BLAS one thread for what works on few pixels in compressed form, all of them for more.

    ``most`` are few; `MOST_PIXELS_ALL_ON_ONE_THREAD` where it works on the counts themselves.

    Threads that wait for each other take longer than the products: twice as long for 65 536 pixels.
    """
    return one_blas_thread() if pixels <= most else nullcontext()


def usable_cores() -> int:
    """Cores that this process may use; no more than ``dask.config`` has as ``num_workers``."""
    import dask

    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return min(cores, dask.config.get("num_workers", None) or cores)


def one_blas_thread() -> AbstractContextManager[object]:
    """Give BLAS one thread."""
    libraries = _libraries(len(sys.modules))
    limits: AbstractContextManager[object] = libraries.limit(limits=1, user_api="blas")
    return limits


@lru_cache(maxsize=1)
def _libraries(modules: int) -> ThreadpoolController:
    """Those that are loaded, which takes milliseconds to find; anew once there are more modules."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
