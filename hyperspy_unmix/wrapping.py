"""From arrays back to HyperSpy signals, with the axes and the metadata of the input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .inputs import Image
from .numerics.noise import Floats

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

SUFFIX = "unmix"


def base_type(signal: BaseSignal) -> str:
    """Signal type that the field knows: ``EELS`` for ``EELS_unmix``, ``""`` for ``unmix``."""
    signal_type = str(signal.metadata.get_item("Signal.signal_type", default=""))
    return signal_type.removesuffix(SUFFIX).removesuffix("_")


def _component_axis(n: int) -> dict[str, Any]:
    return {"name": "Component", "size": n, "navigate": True, "units": ""}


def _axis(axis: Any, navigate: bool) -> dict[str, Any]:
    dictionary = axis.get_axis_dictionary()
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
    metadata: dict[str, Any] = image.signal.metadata.as_dictionary()
    general = metadata.setdefault("General", {})
    original = general.get("title", "")
    general["title"] = f"{original}: {title}" if original else title
    metadata["Signal"] = {"signal_type": base_type(image.signal)}
    if quantity:
        metadata["Signal"]["quantity"] = quantity
    metadata.pop("_HyperSpy", None)
    return metadata


def to_channels(image: Image, values: Floats) -> Floats:
    """Put ``values`` (rows, channels that count) on the analysed range.

    Channels without a count are zero, excluded ones NaN.
    """
    full = np.zeros((len(values), image.last - image.first))
    full[:, image.masked_channels[image.first : image.last]] = np.nan
    full[:, image.positions] = values
    return full


def to_pixels(image: Image, values: Floats) -> Floats:
    """Put ``values`` (pixels that count, ...) on the whole scan, NaN elsewhere."""
    full = np.full((len(image.blocks.pixels), *values.shape[1:]), np.nan)
    full[image.blocks.pixels] = values
    return full.reshape(*image.navigation_shape, *values.shape[1:])


def as_spectra(image: Image, values: Floats, title: str, quantity: str | None = None) -> BaseSignal:
    """Signal (Component | energy) of the base class."""
    axes = [_component_axis(len(values)), _axis(image.axis, navigate=False)]
    metadata = _metadata(image, title, quantity)
    return _signal(to_channels(image, values), axes, base_type(image.signal), metadata)


def as_maps(image: Image, values: Floats, title: str, quantity: str) -> BaseSignal:
    """Signal (Component | x, y), or (Component | x) for a line; further scan axes navigate."""
    maps = np.moveaxis(to_pixels(image, values), -1, 0)
    return _map_signal(image, maps, [_component_axis(len(maps))], title, quantity)


def as_map(image: Image, values: Floats, title: str, quantity: str) -> BaseSignal:
    """Signal of one map, (| x, y) or (| x)."""
    return _map_signal(image, to_pixels(image, values), [], title, quantity)


def _map_signal(
    image: Image, data: Floats, axes: list[dict[str, Any]], title: str, quantity: str
) -> BaseSignal:
    scan = image.signal.axes_manager.navigation_axes[::-1]
    for i, axis in enumerate(scan):
        axes = [*axes, _axis(axis, navigate=i < len(scan) - 2)]
    metadata = _metadata(image, title, quantity)
    metadata["Signal"]["signal_type"] = ""
    return _signal(data, axes, "", metadata)


def as_image(image: Image, data: Any, title: str, signal_type: str | None = None) -> BaseSignal:
    """Signal of the scan and the analysed range; of the base class unless a type is given."""
    axes = [_axis(axis, navigate=True) for axis in image.signal.axes_manager.navigation_axes[::-1]]
    axes.append(_axis(image.axis, navigate=False))
    signal_type = base_type(image.signal) if signal_type is None else signal_type
    return _signal(data, axes, signal_type, _metadata(image, title))


def low_rank_image(image: Image, scores: Floats, components: Floats) -> Any:
    """``scores @ components`` on the scan and the analysed range; lazy where the input is."""
    spectra = to_channels(image, components).astype(np.float32)
    rows = to_pixels(image, scores).astype(np.float32)
    if image.blocks.is_lazy:
        import dask.array as da

        chunks = (*image.signal.data.chunks[:-1], -1)
        return da.tensordot(da.from_array(rows, chunks), da.from_array(spectra, -1), axes=1)
    return rows @ spectra
