"""Axes and metadata of a signal without its data."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from hyperspy.axes import BaseDataAxis
    from hyperspy.signal import BaseSignal


def array_axes(signal: BaseSignal) -> list[BaseDataAxis]:
    """All axes of a signal in the order of its array."""
    axes = signal.axes_manager
    both = [*axes.navigation_axes, *axes.signal_axes]
    return sorted(both, key=lambda axis: int(axis.index_in_array))


def frame_of(signal: BaseSignal) -> BaseSignal:
    """Axes and metadata of a signal, copied: results do not follow the user's signal."""
    return framed_as(signal, signal.data)


def framed_as(signal: BaseSignal, data: Any) -> BaseSignal:
    """Axes and metadata of a signal, for data of this shape, dtype and chunks."""
    axes = [axis.get_axis_dictionary() for axis in array_axes(signal)]
    metadata = signal.metadata.as_dictionary()
    # a variance of every value would be copied with it
    noise = metadata.get("Signal", {}).get("Noise_properties", {})
    for name in ("variance", "_sig_variance"):
        noise.pop(name, None)
    chunks = data.chunks if hasattr(data, "dask") else None
    return frame_from(data.shape, data.dtype, chunks, axes, deepcopy(metadata))


def frame_from(
    shape: tuple[int, ...], dtype: Any, chunks: Any, axes: list[dict[str, Any]], metadata: Any
) -> BaseSignal:
    """A signal of zeros that take no memory; lazy where there are chunks."""
    import hyperspy.api as hs

    if chunks is None:
        zeros = np.broadcast_to(np.zeros((), dtype), shape)
    else:
        import dask.array as da

        zeros = da.zeros(shape, dtype=dtype, chunks=chunks)
    return hs.signals.BaseSignal(zeros, axes=axes, metadata=metadata)
