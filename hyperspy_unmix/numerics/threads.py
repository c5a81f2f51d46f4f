"""How many threads BLAS is given."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

MOST_PIXELS_FOR_ONE_THREAD = 2**17
MOST_PIXELS_ALL_ON_ONE_THREAD = 512  # of which no product is large


def limit_blas_threads(
    pixels: int, most: int = MOST_PIXELS_FOR_ONE_THREAD
) -> AbstractContextManager[object]:
    """Give BLAS one thread for what works on few pixels in compressed form, all of them for more.

    ``most`` are few; `MOST_PIXELS_ALL_ON_ONE_THREAD` where it works on the counts themselves.

    Threads that wait for each other take longer than the products: twice as long for 65 536 pixels.
    """
    from threadpoolctl import threadpool_limits

    few = pixels <= most
    return threadpool_limits(1, user_api="blas") if few else nullcontext()
