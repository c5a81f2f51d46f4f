"""From arrays back to HyperSpy signals, with the axes and the metadata of the input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_unmix.numerics.reading.block import Block
from hyperspy_unmix.numerics.types import Floats, Index
from hyperspy_unmix.preparation.axes_and_metadata import array_axes
from hyperspy_unmix.preparation.metadata import base_type
from hyperspy_unmix.preparation.spectrum_image import Image, to_channels, to_pixels

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal


def _component_axis(n: int) -> dict[str, Any]:
    return {"name": "Component", "size": n, "navigate": True, "units": ""}


def _axis(axis: Any, navigate: bool) -> dict[str, Any]:
    dictionary: dict[str, Any] = axis.get_axis_dictionary()
    dictionary["navigate"] = navigate
    return dictionary


def _signal(
    data: Any, axes: list[dict[str, Any]], signal_type: str, metadata: dict[str, Any]
) -> BaseSignal:
    import hyperspy.api as hs

    signal = hs.signals.BaseSignal(data, axes=axes, metadata=metadata)
    signal.set_signal_type(signal_type)
    return signal.as_lazy() if hasattr(data, "dask") else signal


def _metadata(image: Image, title: str, quantity: str | None = None) -> dict[str, Any]:
    # Arrays in it are those of the frame, which all results of a signal share.
    metadata: dict[str, Any] = deepcopy(image.frame.metadata.as_dictionary())
    general = metadata.setdefault("General", {})
    original = general.get("title", "")
    general["title"] = f"{original}: {title}" if original else title
    metadata["Signal"] = {"signal_type": base_type(image.frame)}
    if quantity:
        metadata["Signal"]["quantity"] = quantity
    _drop_unknown_elements(metadata)
    # Markers belong to the plot of the whole image.
    metadata.pop("Markers", None)
    metadata.pop("_HyperSpy", None)
    return metadata


def _drop_unknown_elements(metadata: dict[str, Any]) -> None:
    """Leave out elements that exspy does not know: its classes could not be made with them."""
    from exspy.material import elements as database

    sample = metadata.get("Sample", {})
    if "elements" in sample:
        elements = sample.pop("elements")
        # HyperSpy's browser of the database would find "O" for "Oß".
        symbols = set(database.keys())
        known_elements = [
            str(element)
            for element in (() if elements is None else elements)
            if str(element) in symbols
        ]
        if known_elements:
            sample["elements"] = known_elements


def as_spectra(
    image: Image,
    values: Floats,
    title: str,
    quantity: str | None = None,
    *,
    variance: Floats | None = None,
    is_binned: bool | None = None,
) -> BaseSignal:
    """Signal (Component | energy) of the base class; its variance where HyperSpy looks for it."""
    axes = [_component_axis(len(values)), _axis(image.axis, navigate=False)]
    metadata = _metadata(image, title, quantity)
    spectra = _signal(to_channels(image, values), axes, base_type(image.frame), metadata)
    if is_binned is None and image.are_densities:
        is_binned = False
    if is_binned is not None:
        # The classes of exspy set it when they are made.
        spectra.axes_manager.signal_axes[0].is_binned = is_binned
    if variance is not None:
        variance_signal = as_spectra(
            image,
            variance,
            title=f"{title}: variance",
            quantity=f"Variance of {quantity}",
            is_binned=is_binned,
        )
        # Channels that were left out must not weigh as if they were known.
        variance_signal.data[:, image.without_weight] = np.inf
        spectra.set_noise_variance(variance_signal)
    return spectra


def select_components(signal: BaseSignal, components: Sequence[int]) -> BaseSignal:
    """Some components of spectra or maps, in this order."""
    axis = signal.axes_manager["Component"].index_in_array
    chosen = signal._deepcopy_with_new_data(signal.data.take(components, axis))
    chosen.axes_manager["Component"].size = len(components)
    return chosen


def as_maps(
    image: Image,
    values: Floats,
    title: str,
    quantity: str,
    variance: Floats | None = None,
    *,
    of_empty: float = np.nan,
) -> BaseSignal:
    """Signal (Component | x, y), or (Component | x) for a line; further scan axes navigate.

    In HyperSpy's order Component comes first, so that ``maps.inav[i]`` is component i. Its variance
    is where HyperSpy looks for it. ``of_empty`` is the value of pixels without counts.
    """
    arrays = to_pixels(image, values, of_empty=of_empty)
    n_further_axes = max(arrays.ndim - 3, 0)
    arrays = np.moveaxis(arrays, -1, n_further_axes)
    maps = _map_signal(image, arrays, _component_axis(values.shape[1]), title, quantity)
    if variance is not None:
        # Pixels that were left out must not weigh as if they were known to be zero.
        maps.set_noise_variance(
            as_maps(
                image,
                variance,
                f"{title}: variance",
                f"Variance of {quantity}",
                of_empty=np.inf,
            )
        )
    return maps


def as_map(
    image: Image, values: Floats, title: str, quantity: str, error: Floats | None = None
) -> BaseSignal:
    """Signal of one map, (| x, y) or (| x); its variance where HyperSpy looks for it."""
    map_signal = _map_signal(image, to_pixels(image, values), None, title, quantity)
    if error is not None:
        variance = to_pixels(image, error**2)
        map_signal.set_noise_variance(
            _map_signal(image, variance, None, f"{title}: variance", f"Variance of {quantity}")
        )
    return map_signal


def _map_signal(
    image: Image, data: Any, component_axis: dict[str, Any] | None, title: str, quantity: str
) -> BaseSignal:
    """Signal over the last two scan axes; further ones and that of the components navigate."""
    scan = image.frame.axes_manager.navigation_axes[::-1]
    n_further_axes = max(len(scan) - 2, 0)
    axes = [_axis(axis, navigate=i < n_further_axes) for i, axis in enumerate(scan)]
    if component_axis is not None:
        axes.insert(n_further_axes, component_axis)
    metadata = _metadata(image, title, quantity)
    metadata["Signal"]["signal_type"] = ""
    return _signal(data, axes, "", metadata)


def as_recorded(image: Image) -> BaseSignal:
    """The counts over the whole axis, of the base class, which HyperSpy knows without us."""
    metadata = deepcopy(image.frame.metadata.as_dictionary())
    _drop_unknown_elements(metadata)
    axes = [axis.get_axis_dictionary() for axis in array_axes(image.frame)]
    return _signal(image.blocks.data, axes, base_type(image.frame), metadata)


def as_image(image: Image, data: Any, title: str, signal_type: str | None = None) -> BaseSignal:
    """Signal of the scan and the analysed range; of the base class unless a type is given."""
    axes = [_axis(axis, navigate=True) for axis in image.frame.axes_manager.navigation_axes[::-1]]
    axes.append(_axis(image.axis, navigate=False))
    signal_type = base_type(image.frame) if signal_type is None else signal_type
    signal = _signal(data, axes, signal_type, _metadata(image, title))
    if image.are_densities:
        signal.axes_manager.signal_axes[0].is_binned = False
    return signal


def image_of(
    image: Image, function: Callable[[Block], Floats], title: str, stage: str, *per_pixel: Floats
) -> BaseSignal:
    """Signal of ``function`` of every spectrum, (rows, channels of the analysed range).

    Of the class of the input, and as lazy; NaN where pixels do not count, zero where they hold no
    counts. ``per_pixel`` are arrays
    (pixels, ...), of which the function finds the rows of its pixels in the block.
    """
    if image.blocks.is_lazy:
        from hyperspy_unmix.numerics.reading.dask_passes import lazy_rows

        data = lazy_rows(image.blocks, function, image.last - image.first, *per_pixel)
        if image.empty_pixels is not None:
            import dask.array as da

            is_empty = image.empty_pixels.reshape(*image.navigation_shape, 1)
            data = da.where(is_empty, np.float32(0), data)
        if image.copy_of is not None:
            source = np.where(image.copies, image.copy_of, np.arange(len(image.copy_of)))
            data = data.reshape(-1, data.shape[-1])[source].reshape(data.shape)
    else:
        rows = image.blocks.rows(function, *per_pixel, stage=stage)
        data = to_pixels(image, rows, of_empty=0.0)
    return as_image(image, data, title, str(image.frame.metadata.Signal.signal_type))


def low_rank_image(
    image: Image,
    scores: Floats,
    components: Floats,
    *,
    recorded: bool = False,
    interpolated: bool = True,
) -> Any:
    """``scores @ components`` on the scan and the analysed range; lazy where the input is.

    ``recorded``: every spectrum on the channels on which it was recorded, before whole channels of
    energy shift were taken out; NaN where it then is not known. ``interpolated``: see
    `to_channels`.
    """
    spectra = to_channels(image, components, interpolated=interpolated).astype(np.float32)
    rows = to_pixels(image, scores, of_empty=0.0).astype(np.float32)
    shifts = image.blocks.shifts if recorded else None
    if shifts is None:
        shifts = np.zeros(len(image.blocks.pixels), int)
    shifts = shifts.reshape(image.navigation_shape)
    if hasattr(image.frame.data, "dask"):
        import dask.array as da

        chunks = (*image.frame.data.chunks[:-1], -1)
        lazy = da.tensordot(da.from_array(rows, chunks), da.from_array(spectra, -1), axes=1)
        if not shifts.any():
            return lazy
        lazy_shifts = da.from_array(shifts[..., None], chunks)
        return da.map_blocks(moved_back, lazy, lazy_shifts, dtype=np.float32)
    product = rows @ spectra
    return moved_back(product, shifts[..., None]) if shifts.any() else product


def moved_back(spectra: Floats, shifts: Index) -> Floats:
    """Spectra that were moved to higher channels by ``shifts``, back where they came from.

    NaN in channels of which nothing is known then.
    """
    n = spectra.shape[-1]
    source = np.arange(n) + shifts
    original = np.take_along_axis(spectra, np.clip(source, 0, n - 1), -1)
    original[(source < 0) | (source >= n)] = np.nan
    return original


def as_labels(image: Image, labels: Index, title: str, left_out: int) -> BaseSignal:
    """Signal of a whole number for each pixel, (| x, y) or (| x); ``left_out`` where masked."""
    values = to_pixels(image, labels.astype(float), of_empty=left_out)
    numbers = np.where(np.isfinite(values), values, left_out).astype(np.int16)
    return _map_signal(image, numbers, None, title, "Phase")
