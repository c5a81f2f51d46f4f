"""How many threads BLAS is given."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

FEW = 2**17  # pixels


def few_threads(pixels: int) -> AbstractContextManager[object]:
    """One BLAS thread for what works on so few pixels in compressed form.

    Threads that wait for each other take longer than the products: twice as long for 65 536 pixels.
    """
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, user_api="blas") if pixels <= FEW else nullcontext()
