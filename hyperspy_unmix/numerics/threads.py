"""How many threads BLAS is given."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

MOST_PIXELS_FOR_ONE_THREAD = 2**17


def limit_blas_threads(pixels: int) -> AbstractContextManager[object]:
    """Give BLAS one thread for what works on few pixels in compressed form, all of them for more.

    Threads that wait for each other take longer than the products: twice as long for 65 536 pixels.
    """
    from threadpoolctl import threadpool_limits

    few = pixels <= MOST_PIXELS_FOR_ONE_THREAD
    return threadpool_limits(1, user_api="blas") if few else nullcontext()
