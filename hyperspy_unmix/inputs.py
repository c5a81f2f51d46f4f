"""From HyperSpy signals to arrays: every argument is checked here, nothing is modified."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .numerics.blocks import RowBlocks, row_blocks
from .numerics.noise import Floats
from .numerics.pca import Summary, summarise

if TYPE_CHECKING:
    from hyperspy.axes import BaseDataAxis
    from hyperspy.signal import BaseSignal
    from numpy.typing import ArrayLike

NOISE_WORDS = ("auto", "poisson", "uniform")
EXACT_IN_FLOAT32 = 2.0**24
LARGEST = 1e24
EV = {"eV": 1.0, "keV": 1000.0}  # of a unit


class Choice(NamedTuple):
    """A setting and, in plain words, why it is what it is."""

    value: Any
    reason: str


Settings = dict[str, Choice]


class FrozenSettings(Mapping[str, Choice]):
    """Settings that stay as they were made; can be copied and pickled."""

    def __init__(self, settings: Mapping[str, Choice]) -> None:
        self._settings = dict(settings)

    def __getitem__(self, name: str) -> Choice:
        return self._settings[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._settings)

    def __len__(self) -> int:
        return len(self._settings)

    def __repr__(self) -> str:
        return repr(self._settings)


@dataclass(frozen=True)
class Image:
    """A spectrum image, the part of it that counts, and what the first pass found.

    ``first`` to ``last`` (exclusive) are the channels of the analysed range; ``blocks.channels``
    are those in it that are neither masked nor empty.
    """

    signal: BaseSignal
    blocks: RowBlocks
    summary: Summary
    first: int
    last: int
    masked_channels: NDArray[np.bool_]

    @property
    def axis(self) -> BaseDataAxis:
        """Energy axis of the analysed range."""
        axis = self.signal.axes_manager.signal_axes[0].copy()
        axis.crop(self.first, self.last)
        return axis

    @property
    def energies(self) -> Floats:
        """Energies of the channels that count."""
        return np.asarray(self.signal.axes_manager.signal_axes[0].axis)[self.blocks.channels]

    @property
    def positions(self) -> NDArray[np.intp]:
        """Channels that count, from the start of the analysed range."""
        return self.blocks.channels - self.first

    @property
    def channel_widths(self) -> Floats:
        """Widths of the channels that count."""
        axis = self.axis
        if axis.is_uniform:
            return np.full(len(self.positions), abs(axis.scale))
        return np.asarray(np.abs(np.gradient(axis.axis))[self.positions])

    @property
    def empty(self) -> NDArray[np.bool_]:
        """Channels of the analysed range that hold no counts at all."""
        empty = ~self.masked_channels[self.first : self.last]
        empty[self.positions] = False
        return empty

    @property
    def navigation_shape(self) -> tuple[int, ...]:
        """Shape of the scan, in array order."""
        return tuple(self.signal.data.shape[:-1])

    def cropped(self, first: int) -> Image:
        """The same image without the channels before ``first``."""
        return replace(self.keeping(self.blocks.channels >= first), first=first)

    def keeping(self, keep: NDArray[np.bool_]) -> Image:
        """The same image with these of the channels that count now."""
        summary = replace(
            self.summary,
            groups=self.summary.groups[:, keep],
            group_variance=_columns(self.summary.group_variance, keep),
            sample=self.summary.sample[:, keep],
        )
        blocks = self.blocks.with_channels(self.blocks.channels[keep])
        return replace(self, blocks=blocks, summary=summary)

    def without(self, pixels: NDArray[np.bool_]) -> Image:
        """The same image without these of the pixels that count now."""
        blocks = self.blocks.without(pixels)
        image = replace(self, blocks=blocks, summary=summarise(blocks))
        return image.keeping(~(image.summary.groups == 0).all(0))


def _columns(array: Floats | None, keep: NDArray[np.bool_]) -> Floats | None:
    return None if array is None else array[:, keep]


def read_image(
    signal: BaseSignal,
    settings: Settings,
    *,
    signal_range: tuple[float, float] | None,
    noise: str | BaseSignal,
    navigation_mask: BaseSignal | ArrayLike | None,
    signal_mask: BaseSignal | ArrayLike | None,
) -> Image:
    """Check a spectrum image and its masks, and pass over the data once.

    Raises
    ------
    ValueError, TypeError
        Saying what was given, what is needed and what to do.
    """
    check_signal(signal)
    first, last = _channel_range(signal, signal_range, settings)
    pixels = _navigation_mask(signal, navigation_mask, settings)
    masked = _signal_mask(signal, signal_mask, settings)
    channels = np.flatnonzero(~masked)
    channels = channels[(channels >= first) & (channels < last)]
    if len(channels) < 2:
        raise ValueError(
            f"{len(channels)} channels are left of {last - first} after signal_mask; at least 2 "
            "are needed (True in a mask means excluded)."
        )
    signal = _snapshot(signal)
    variance = _noise_variance(signal, noise)
    blocks = replace(row_blocks(signal.data, variance), pixels=pixels, channels=channels)
    summary = summarise(blocks)
    inexact = max(-summary.least, summary.greatest) > EXACT_IN_FLOAT32 or not summary.finite.all()
    if inexact and signal.data.dtype.itemsize > 4:
        # float32 would round these counts, or overflow
        blocks = replace(blocks, dtype=np.float64)
        summary = summarise(blocks)
    if not summary.finite.any():
        raise ValueError(
            "Every pixel holds NaN or infinity, nothing is left to analyse. Choose other channels "
            "with signal_range or signal_mask if only some of them are bad."
        )
    if max(-summary.least, summary.greatest) > LARGEST:
        raise ValueError(
            f"Values up to {summary.greatest:.3g} are too large to be squared safely; divide the "
            f"signal by a large number (at most {LARGEST:.0e} is accepted)."
        )
    if variance is not None:
        _check_variance(summary)
    bad = int((~summary.finite).sum())
    if bad:
        settings["not finite"] = Choice(bad, "pixels with NaN or infinity were masked")
        blocks = blocks.without(~summary.finite)
    empty = (summary.groups == 0).all(0)
    if empty.all():
        raise ValueError("Every value is zero: there is nothing to analyse.")
    if empty.any():
        settings["empty channels"] = Choice(
            int(empty.sum()), "channels without a single count: zero in the result"
        )
    image = Image(signal, blocks, summary, first, last, masked)
    return image.keeping(~empty)


def _snapshot(signal: BaseSignal) -> BaseSignal:
    """The same data with axes and metadata of its own: results do not follow the user's signal."""
    import hyperspy.api as hs

    axes = [axis.get_axis_dictionary() for axis in signal.axes_manager._axes]
    return hs.signals.BaseSignal(
        signal.data, axes=axes, metadata=deepcopy(signal.metadata.as_dictionary())
    )


def check_signal(signal: Any, what: str = "signal") -> None:
    """One signal axis and real numbers; the spectrum image also needs navigation axes."""
    from hyperspy.signal import BaseSignal

    if not isinstance(signal, BaseSignal):
        raise TypeError(
            f"{what} is a {type(signal).__name__}, a HyperSpy signal is needed: "
            "hyperspy.api.signals.Signal1D(array) makes one."
        )
    axes = signal.axes_manager
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


def _channel_range(
    signal: BaseSignal, signal_range: tuple[float, float] | None, settings: Settings
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
    settings["signal_range"] = Choice((start, end), "given")
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
    values = np.asarray(mask.data if hasattr(mask, "axes_manager") else mask)
    if values.dtype.kind not in "bui":
        raise TypeError(
            f"{name} has values of type {values.dtype}; True (excluded) and False are needed."
        )
    return values.astype(bool)


def _navigation_mask(signal: BaseSignal, mask: Any, settings: Settings) -> NDArray[np.bool_]:
    """Pixels that count, flat, in array order."""
    shape = tuple(signal.data.shape[:-1])
    if mask is None:
        return np.ones(int(np.prod(shape)), bool)
    values = _mask_array(mask, "navigation_mask")
    squeezed = values.squeeze() if values.shape not in (shape, shape[::-1]) else values
    order = "array order"
    if squeezed.shape == shape:
        values = squeezed
    elif squeezed.shape == shape[::-1]:
        values, order = squeezed.T, "(x, y) order, transposed: the scan is not square"
    else:
        raise ValueError(
            f"navigation_mask has shape {values.shape}, {shape} is needed (array order, as "
            "signal.data.shape without the energy; True is excluded)."
        )
    if values.all():
        raise ValueError("navigation_mask excludes every pixel (True is excluded).")
    settings["navigation_mask"] = Choice(int(values.sum()), f"pixels excluded; given in {order}")
    return ~values.ravel()


def _signal_mask(signal: BaseSignal, mask: Any, settings: Settings) -> NDArray[np.bool_]:
    size = signal.data.shape[-1]
    if mask is None:
        return np.zeros(size, bool)
    values = _mask_array(mask, "signal_mask").squeeze()
    if values.shape != (size,):
        raise ValueError(
            f"signal_mask has shape {values.shape}, ({size},) is needed (True is excluded)."
        )
    settings["signal_mask"] = Choice(int(values.sum()), "channels excluded, as given")
    return values


def _noise_variance(signal: BaseSignal, noise: Any) -> Any:
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


def _check_variance(summary: Summary) -> None:
    """A single zero may be a pixel without counts; all zero, negative or NaN is no variance."""
    least = summary.least_variance
    if least >= 0 and np.any(summary.group_variance):
        return
    if least < 0:
        held = f"holds negative variances, down to {least:g}"
    else:
        held = "holds NaN" if np.isnan(least) else "is zero everywhere"
    raise ValueError(
        f"noise {held}; the variance of every value that counts is needed (masks exclude the rest)."
    )


def check_n_components(n_components: Any, blocks: RowBlocks) -> int | None:
    """Number asked for, or None for ``"auto"``."""
    if isinstance(n_components, str) and n_components == "auto":
        return None
    if isinstance(n_components, (bool, np.bool_)) or not isinstance(
        n_components, (int, np.integer)
    ):
        raise TypeError(
            f"n_components={n_components!r} is not understood: 'auto' or a whole number is needed."
        )
    if n_components < 1:
        raise ValueError(f"n_components={n_components}: at least 1 is needed.")
    n_pixels, n_channels = blocks.shape
    most = max(min(n_pixels, n_channels - 2), 1)
    if n_components > most:
        raise ValueError(
            f"n_components={n_components}, but {n_pixels} pixels and {n_channels} channels (two "
            f"less in the centred derivative) hold at most {most}; ask for fewer."
        )
    return int(n_components)


def check_random_state(random_state: Any) -> int:
    """A seed that gives the same bits every time."""
    if isinstance(random_state, (bool, np.bool_)) or not isinstance(
        random_state, (int, np.integer)
    ):
        raise TypeError(f"random_state={random_state!r}: a whole number, 0 or more, is needed.")
    if random_state < 0:
        raise ValueError(f"random_state={random_state}: 0 or more is needed.")
    return int(random_state)
