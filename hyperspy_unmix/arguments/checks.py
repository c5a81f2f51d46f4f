"""Every argument that a user gives is checked here; nothing is modified."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

NumberOfComponents = Literal["auto", "noise_edge", "elbow", "split_half"]
NOISE_WORDS = ("auto", "poisson", "uniform")


def check_signal(signal: Any, what: str = "signal") -> None:
    """One signal axis and real numbers; the spectrum image also needs navigation axes."""
    from hyperspy.signal import BaseSignal

    if not isinstance(signal, BaseSignal):
        raise TypeError(
            f"{what} is a {type(signal).__name__}, a HyperSpy signal is needed: "
            "hyperspy.api.signals.Signal1D(array) makes one."
        )
    _check_array(signal.data, what)
    axes = signal.axes_manager
    if axes.signal_dimension == 0 and axes.signal_axes and axes.signal_axes[0].size == 1:
        raise ValueError(f"{what} has one channel, at least 2 are needed.")
    if axes.signal_dimension != 1:
        raise ValueError(
            f"{what} has {axes.signal_dimension} signal axes, one is needed (the energy): "
            "signal.transpose(signal_axes=[...]) chooses it."
        )
    if signal.data.dtype.kind not in "uifb":
        raise TypeError(
            f"{what} has data of type {signal.data.dtype}, real numbers are needed; take the part "
            "that holds the counts, e.g. signal.real."
        )
    if what == "signal" and axes.navigation_dimension == 0:
        raise ValueError(
            "signal has no navigation axes: it is one spectrum, and unmixing needs a spectrum "
            "image (or line). Load the whole map, or stack spectra with hyperspy.api.stack."
        )
    if signal.data.size == 0:
        raise ValueError(f"{what} is empty, its shape is {signal.data.shape}.")
    _check_axis(signal, what)


def _check_array(data: Any, what: str) -> None:
    """Not on a GPU, without a mask of its own, of known size."""
    if type(data).__module__.partition(".")[0] == "cupy":
        raise TypeError(
            f"{what} is on a GPU, which is not used here: call {what}.to_host() first (reading the "
            "data takes longer than what is done with them)."
        )
    if isinstance(getattr(data, "_meta", data), np.ma.MaskedArray):
        raise TypeError(
            f"{what} holds a masked array of numpy, whose mask HyperSpy does not keep: say "
            "navigation_mask (pixels) or signal_mask (channels), and put the plain array into "
            f"{what}.data."
        )
    if any(np.isnan(size) for size in data.shape):
        raise ValueError(
            f"{what} is lazy and of unknown size {data.shape}: {what}.data.compute_chunk_sizes() "
            "finds it."
        )


def _check_axis(signal: BaseSignal, what: str) -> None:
    """Every channel has an energy of its own."""
    axis = signal.axes_manager.signal_axes[0]
    energies = np.asarray(axis.axis, float)
    if not np.isfinite(energies).all() or (np.diff(energies) == 0).any():
        raise ValueError(
            f"{what} has an energy axis from {energies[0]:g} to {energies[-1]:g} {axis.units}, on "
            f"which channels have no energies of their own: set offset and scale of "
            f"{what}.axes_manager[-1]."
        )


def read_channel_range(
    signal: BaseSignal, signal_range: tuple[float, float] | None
) -> tuple[int, int]:
    """Channels of ``signal_range``, given in the axis's units."""
    axis = signal.axes_manager.signal_axes[0]
    if signal_range is None:
        return 0, axis.size
    start, end = read_pair(signal_range, "signal_range")
    low, high = float(np.min(axis.axis)), float(np.max(axis.axis))
    inside = np.flatnonzero((axis.axis >= start) & (axis.axis <= end))
    if len(inside) < 2:
        raise ValueError(
            f"signal_range=({start:g}, {end:g}) holds {len(inside)} channels; the axis goes from "
            f"{low:g} to {high:g} {axis.units}. At least 2 channels are needed."
        )
    return int(inside[0]), int(inside[-1]) + 1


def read_pair(pair: Any, name: str) -> tuple[float, float]:
    """Two rising numbers."""
    try:
        start, end = (float(value) for value in pair)
    except (TypeError, ValueError):
        raise TypeError(
            f"{name}={pair!r} is not understood: two numbers (start, end) are needed, in the units "
            "of the signal axis."
        ) from None
    if not start < end:
        raise ValueError(f"{name}=({start:g}, {end:g}): start must be smaller than end.")
    return start, end


def _mask_array(mask: Any, name: str) -> NDArray[np.bool_]:
    try:
        values = np.asarray(mask.data if hasattr(mask, "axes_manager") else mask)
    except ValueError:
        raise ValueError(
            f"{name} has rows of different lengths; an array of True (excluded) and False is "
            "needed."
        ) from None
    if values.dtype.kind not in "bui":
        raise TypeError(
            f"{name} has values of type {values.dtype}; True (excluded) and False are needed."
        )
    return values.astype(bool)


def read_navigation_mask(signal: BaseSignal, mask: Any) -> tuple[NDArray[np.bool_], bool]:
    """Pixels that count, flat, in array order; and whether the mask was given in (x, y) order."""
    shape = tuple(signal.data.shape[:-1])
    if mask is None:
        return np.ones(int(np.prod(shape)), bool), False
    values = _mask_array(mask, "navigation_mask")
    squeezed = values.squeeze() if values.shape not in (shape, shape[::-1]) else values
    transposed = squeezed.shape != shape
    if not transposed:
        values = squeezed
    elif squeezed.shape == shape[::-1]:
        values = squeezed.T
    else:
        raise ValueError(
            f"navigation_mask has shape {values.shape}, {shape} is needed (array order, as "
            "signal.data.shape without the energy; True is excluded)."
        )
    if values.all():
        raise ValueError("navigation_mask excludes every pixel (True is excluded).")
    return ~values.ravel(), transposed


def read_signal_mask(signal: BaseSignal, mask: Any) -> NDArray[np.bool_]:
    """Channels that are excluded."""
    size = signal.data.shape[-1]
    if mask is None:
        return np.zeros(size, bool)
    values = _mask_array(mask, "signal_mask").squeeze()
    if values.shape != (size,):
        raise ValueError(
            f"signal_mask has shape {values.shape}, ({size},) is needed (True is excluded)."
        )
    return values


def read_noise(signal: BaseSignal, noise: Any) -> Any:
    """The user's variance, or None where ``noise`` is one of the words."""
    if isinstance(noise, str) and noise in NOISE_WORDS:
        return None
    if not hasattr(noise, "axes_manager"):
        given = repr(noise) if isinstance(noise, (str, int, float)) else type(noise).__name__
        raise TypeError(
            f"noise={given} is not understood: 'auto', 'poisson', 'uniform' or a signal with the "
            "variance is needed."
        )
    if noise.data.dtype.kind not in "uif":
        raise TypeError(f"noise has data of type {noise.data.dtype}, real numbers are needed.")
    if noise.data.shape != signal.data.shape:
        raise ValueError(
            f"noise has shape {noise.data.shape}, the variance of every value is needed: "
            f"{signal.data.shape}."
        )
    return noise.data


def check_n_components(n_components: Any, blocks: RowBlocks) -> int | str:
    """Number asked for, or the name of a way to count."""
    if isinstance(n_components, str) and n_components in get_args(NumberOfComponents):
        return n_components
    if isinstance(n_components, (bool, np.bool_)) or not isinstance(
        n_components, (int, np.integer)
    ):
        raise TypeError(
            f"n_components={n_components!r} is not understood: a whole number is needed, 'auto', "
            "'noise_edge', 'elbow' or 'split_half'."
        )
    if n_components < 1:
        raise ValueError(f"n_components={n_components}: at least 1 is needed.")
    n_pixels, n_channels = blocks.shape
    most = max(min(n_pixels, n_channels - 3), 1)
    if n_components > most:
        raise ValueError(
            f"n_components={n_components}, but {n_pixels} pixels and {n_channels} channels (three "
            f"less in the centred derivative) hold at most {most}; ask for fewer."
        )
    return int(n_components)


def check_choice(name: str, value: Any, allowed: tuple[Any, ...]) -> None:
    """One of a few words."""
    if not any(type(value) is type(word) and value == word for word in allowed):
        words = ", ".join(repr(word) for word in allowed)
        raise ValueError(f"{name}={value!r} is not understood: one of {words}.")


def check_random_state(random_state: Any) -> int:
    """A seed that gives the same draws every time."""
    if isinstance(random_state, (bool, np.bool_)) or not isinstance(
        random_state, (int, np.integer)
    ):
        raise TypeError(f"random_state={random_state!r}: a whole number, 0 or more, is needed.")
    if random_state < 0:
        raise ValueError(f"random_state={random_state}: 0 or more is needed.")
    return int(random_state)


def check_false_alarm(false_alarm: Any) -> float:
    """A probability that something is found that is not there."""
    if isinstance(false_alarm, (bool, np.bool_)) or not isinstance(
        false_alarm, (float, int, np.floating, np.integer)
    ):
        raise TypeError(f"false_alarm={false_alarm!r}: a probability such as 0.01 is needed.")
    if not 0 < false_alarm < 1:
        raise ValueError(f"false_alarm={false_alarm}: a probability above 0 and below 1 is needed.")
    return float(false_alarm)
