"""What of a result is recorded: every class in it, and how it is made again."""

from __future__ import annotations

import logging
from dataclasses import fields
from typing import Any

import numpy as np

from hyperspy_unmix.alignment import Alignment
from hyperspy_unmix.certainty import Detail, Independent, Separated
from hyperspy_unmix.counting import ComponentCount
from hyperspy_unmix.dual import Dual
from hyperspy_unmix.image import Image, frame_from
from hyperspy_unmix.numerics.ambiguity import Ambiguity
from hyperspy_unmix.numerics.background import BackgroundFit
from hyperspy_unmix.numerics.blocks import RowBlocks
from hyperspy_unmix.numerics.first_pass import Extremes, Summary
from hyperspy_unmix.numerics.goodness import Goodness
from hyperspy_unmix.numerics.low_loss import LowLoss
from hyperspy_unmix.numerics.noise import ChannelWhitening, NoiseModel
from hyperspy_unmix.numerics.normalise import Normalised
from hyperspy_unmix.numerics.pca import LowRank
from hyperspy_unmix.numerics.physics import Corrected
from hyperspy_unmix.numerics.pure import PurePixels
from hyperspy_unmix.numerics.scree import Scree
from hyperspy_unmix.numerics.spikes import Spikes
from hyperspy_unmix.numerics.thickness import ThicknessMap
from hyperspy_unmix.numerics.window import Window
from hyperspy_unmix.numerics.zero_loss import ZeroLossPeak
from hyperspy_unmix.pca_result import PCA
from hyperspy_unmix.preparation import Prepared
from hyperspy_unmix.settings import Choice, FrozenSettings
from hyperspy_unmix.unmixing import Unmixing

from .absent import Absent, fingerprint
from .record import Kept, by_fields, can_be_recorded
from .vetting import check_formulas

# what is computed when first asked for, and must not come out another way on another machine
OF_SEPARATED = ("stability", "ambiguity", "changes")
OF_UNMIXING = ("_spectra_variance", "_maps_variance")
_logger = logging.getLogger(__name__)


def _with_computed(kind: type, always: tuple[str, ...], if_there: tuple[str, ...] = ()) -> Kept:
    """A dataclass, and these of its cached properties."""

    def parts(value: Any) -> dict[str, Any]:
        own = {f.name: getattr(value, f.name) for f in fields(kind)}
        known = {name: value.__dict__[name] for name in if_there if name in value.__dict__}
        return own | {"computed": {name: getattr(value, name) for name in always} | known}

    def made(computed: dict[str, Any], **own: Any) -> Any:
        value = kind(**own)
        value.__dict__.update(
            {name: computed[name] for name in always + if_there if name in computed}
        )
        return value

    return Kept(parts, made)


def _parts_of_blocks(blocks: RowBlocks) -> dict[str, Any]:
    data, variance = blocks.data, blocks.variance
    absent = Absent(tuple(data.shape), str(np.dtype(data.dtype)), fingerprint(data))
    return {
        "data": absent,
        "variance": None if variance is None else absent,
        "pixels": blocks.pixels,
        "channels": blocks.channels,
        "shifts": blocks.shifts,
        "spikes": blocks.spikes,
        "dtype": str(np.dtype(blocks.dtype)),
    }


def _blocks(dtype: str, **own: Any) -> RowBlocks:
    return RowBlocks(dtype=np.dtype(dtype).type, **own)


def _parts_of_image(image: Image) -> dict[str, Any]:
    own = {f.name: getattr(image, f.name) for f in fields(Image) if f.name != "frame"}
    frame = image.frame
    axes = [axis.get_axis_dictionary() for axis in frame.axes_manager._axes]
    return own | {
        "axes": [_recordable(axis) for axis in axes],
        "metadata": _recordable(frame.metadata.as_dictionary()),
        "chunks": frame.data.chunks if hasattr(frame.data, "dask") else None,
    }


def _image(axes: Any, metadata: Any, chunks: Any, **own: Any) -> Image:
    data = own["blocks"].data
    check_formulas(axes)
    return Image(frame=frame_from(data.shape, data.dtype, chunks, axes, metadata), **own)


def _recordable(tree: dict[str, Any], within: str = "") -> dict[str, Any]:
    """Without what cannot be recorded, which is said."""
    kept: dict[str, Any] = {}
    for name, value in tree.items():
        place = f"{within}.{name}" if within else str(name)
        if isinstance(value, dict):
            kept[name] = _recordable(value, place)
        elif can_be_recorded(value):
            kept[name] = value
        else:
            _logger.warning(
                "metadata %s is left out of the file: %s cannot be saved. Keep it as text or "
                "numbers, or in a file of your own",
                place,
                type(value),
            )
    return kept


KEPT: dict[type, Kept] = {
    kind: by_fields(kind)
    for kind in (
        Absent,
        Alignment,
        Ambiguity,
        BackgroundFit,
        ChannelWhitening,
        Choice,
        ComponentCount,
        Corrected,
        Detail,
        Dual,
        Extremes,
        Goodness,
        Independent,
        LowLoss,
        LowRank,
        NoiseModel,
        Normalised,
        PCA,
        Prepared,
        PurePixels,
        Scree,
        Spikes,
        Summary,
        ThicknessMap,
        Window,
        ZeroLossPeak,
    )
} | {
    FrozenSettings: Kept(lambda settings: {"settings": dict(settings)}, FrozenSettings),
    Image: Kept(_parts_of_image, _image),
    RowBlocks: Kept(_parts_of_blocks, _blocks),
    Separated: _with_computed(Separated, OF_SEPARATED),
    Unmixing: _with_computed(Unmixing, OF_UNMIXING, ("goodness",)),
}
