"""What of a result is recorded: every class in it by the name it has in files, and how it is made.

The names are part of the format: a class may be renamed, its name here may not.
"""

from __future__ import annotations

import logging
from dataclasses import fields
from typing import Any

import numpy as np

from hyperspy_unmix.analysis.compressed import Compressed
from hyperspy_unmix.analysis.counted import SummedPixels
from hyperspy_unmix.analysis.evidence_finding import EvidenceFinding, OneAnswerOnly
from hyperspy_unmix.analysis.factorisation_finding import FactorisationFinding
from hyperspy_unmix.analysis.found_by import BesideAlone, BesideKnown, Detail, Independent
from hyperspy_unmix.analysis.known_finding import EvenKnown, KnownFinding, KnownSpectra
from hyperspy_unmix.analysis.non_negative import Factorised
from hyperspy_unmix.analysis.separable import DetailOfDetectors
from hyperspy_unmix.analysis.separated import Separated
from hyperspy_unmix.analysis.separated_of_detector import SeenBy, SeparatedOfDetector
from hyperspy_unmix.analysis.separation_findings import (
    BeyondCounts,
    IcaFinding,
    NotRefined,
    PurePixelsFinding,
    RefinementFinding,
)
from hyperspy_unmix.arguments.recipe import Asked
from hyperspy_unmix.components.components import Components
from hyperspy_unmix.components.trials import Score, Trials
from hyperspy_unmix.numerics.certainty.ambiguity import Ambiguity
from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.compression.map_correlation import NeighbouringNoise
from hyperspy_unmix.numerics.compression.number_of_components import ComponentCount
from hyperspy_unmix.numerics.compression.scree import Scree
from hyperspy_unmix.numerics.corrections.aliasing import AliasingFit
from hyperspy_unmix.numerics.corrections.background_fit import BackgroundFit
from hyperspy_unmix.numerics.corrections.correct import Corrected
from hyperspy_unmix.numerics.corrections.falling_window import Window
from hyperspy_unmix.numerics.drift.offset_of_spectra import OffsetOfSpectra
from hyperspy_unmix.numerics.fitting.goodness import Goodness
from hyperspy_unmix.numerics.low_loss.analysis import LowLoss
from hyperspy_unmix.numerics.low_loss.systematic import SystematicErrors
from hyperspy_unmix.numerics.low_loss.thickness_map import ThicknessMap
from hyperspy_unmix.numerics.low_loss.zero_loss import ZeroLossPeak
from hyperspy_unmix.numerics.noise.block_factor import BlockFactor, single_block
from hyperspy_unmix.numerics.noise.channel_gain import ChannelGains
from hyperspy_unmix.numerics.noise.model import NoiseModel
from hyperspy_unmix.numerics.noise.whitening import ChannelWhitening
from hyperspy_unmix.numerics.reading.extremes import Extremes
from hyperspy_unmix.numerics.reading.first_pass import Summary
from hyperspy_unmix.numerics.reading.replaced_values import Spikes
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks
from hyperspy_unmix.numerics.separation.pure_pixels import PurePixels
from hyperspy_unmix.numerics.separation.sign_and_scale import Normalised
from hyperspy_unmix.preparation.axes_and_metadata import array_axes, frame_from
from hyperspy_unmix.preparation.background import BackgroundFinding
from hyperspy_unmix.preparation.binning import BinningFinding
from hyperspy_unmix.preparation.channel_pattern import ChannelPatternFinding
from hyperspy_unmix.preparation.common_energies import OffsetTakenOut, SpectraDiffer
from hyperspy_unmix.preparation.drift import Drift, DriftNotAskedFor
from hyperspy_unmix.preparation.exposures import OneLowLossFinding
from hyperspy_unmix.preparation.given_window import NotCounting
from hyperspy_unmix.preparation.image_reading import RangeFinding
from hyperspy_unmix.preparation.low_loss import AnalysedLowLoss
from hyperspy_unmix.preparation.low_loss_place import LowLossPlace
from hyperspy_unmix.preparation.low_loss_report import (
    EnergiesDiffer,
    LowLossFinding,
    ZeroLossInRange,
)
from hyperspy_unmix.preparation.nan_channels import NanChannelsFinding
from hyperspy_unmix.preparation.noise import FewCountsFinding, NoiseFinding
from hyperspy_unmix.preparation.pixels_left_out import CopiesFinding, EmptyFinding
from hyperspy_unmix.preparation.prepare import Prepared
from hyperspy_unmix.preparation.smoothing import SmoothingFinding
from hyperspy_unmix.preparation.spectrum_image import Image
from hyperspy_unmix.preparation.thickness import ThicknessFinding
from hyperspy_unmix.preparation.thickness_error import ThicknessErrorFinding
from hyperspy_unmix.preparation.together import NotInCommon, ScatteringInSome
from hyperspy_unmix.preparation.value_checks import DefectsFinding, OffsetFinding, SaturationFinding
from hyperspy_unmix.preparation.zero_peak import ZeroPeakFinding
from hyperspy_unmix.settings import Caution, Choice, FrozenSettings, Told

from .missing_counts import Absent, fingerprint
from .record import Saved, by_fields, can_be_recorded
from .safety import check_formulas

# What is computed when first asked for, and must not come out another way on another machine.
COMPUTED_OF_SEPARATED = ("stability", "ambiguity", "changes")
COMPUTED_OF_UNMIXING = ("_spectra_variance", "_maps_variance", "trials")
_logger = logging.getLogger(__name__)


def _with_computed(kind: type, always: tuple[str, ...], if_computed: tuple[str, ...] = ()) -> Saved:
    """A dataclass, and these of its cached properties: always, or if they are computed already."""

    def parts(value: Any) -> dict[str, Any]:
        by_name = {f.name: getattr(value, f.name) for f in fields(kind)}
        cache = value.__dict__
        computed = {name: getattr(value, name) for name in always}
        computed |= {name: cache[name] for name in if_computed if name in cache}
        return by_name | {"computed": computed}

    def made(computed: dict[str, Any], **by_name: Any) -> Any:
        value = kind(**by_name)
        properties = always + if_computed
        value.__dict__.update({name: computed[name] for name in properties if name in computed})
        return value

    return Saved(kind, parts, made)


def _parts_of_caution(caution: Caution) -> dict[str, Any]:
    return {"value": caution.value, "reason": caution.reason} | {
        "short": caution.short,
        "weight": caution.weight,
    }


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


def _blocks(dtype: str, **fields_by_name: Any) -> RowBlocks:
    return RowBlocks(dtype=np.dtype(dtype).type, **fields_by_name)


def _whitening(factor: Any, inverse: Any = None, **others: Any) -> ChannelWhitening:
    if isinstance(factor, np.ndarray):
        # Files of the first versions hold whole matrices.
        factor = single_block(factor, inverse)
    return ChannelWhitening(factor=factor, **others)


def _parts_of_image(image: Image) -> dict[str, Any]:
    without_frame = {f.name: getattr(image, f.name) for f in fields(Image) if f.name != "frame"}
    frame = image.frame
    axes = [axis.get_axis_dictionary() for axis in array_axes(frame)]
    return without_frame | {
        "axes": [_recordable(axis) for axis in axes],
        "metadata": _recordable(frame.metadata.as_dictionary()),
        "chunks": frame.data.chunks if hasattr(frame.data, "dask") else None,
    }


def _image(axes: Any, metadata: Any, chunks: Any, **without_frame: Any) -> Image:
    data = without_frame["blocks"].data
    check_formulas(axes)
    frame = frame_from(data.shape, data.dtype, chunks, axes, metadata)
    return Image(frame=frame, **without_frame)


def _recordable(tree: dict[str, Any], within: str = "") -> dict[str, Any]:
    """Axes or metadata without what cannot be recorded, of which a warning tells."""
    recordable: dict[str, Any] = {}
    for name, value in tree.items():
        place = f"{within}.{name}" if within else str(name)
        if isinstance(value, dict):
            recordable[name] = _recordable(value, place)
        elif can_be_recorded(value):
            recordable[name] = value
        else:
            _logger.warning(
                "metadata %s is left out of the file: %s cannot be saved. Keep it as text or "
                "numbers, or in a file of your own",
                place,
                type(value),
            )
    return recordable


BY_FIELDS = {
    "Absent": Absent,
    "AliasingFit": AliasingFit,
    "Asked": Asked,
    "Ambiguity": Ambiguity,
    "BackgroundFit": BackgroundFit,
    "BesideAlone": BesideAlone,
    "BesideKnown": BesideKnown,
    "BlockFactor": BlockFactor,
    "Choice": Choice,
    "ComponentCount": ComponentCount,
    "Corrected": Corrected,
    "Detail": Detail,
    "DetailOfDetectors": DetailOfDetectors,
    "Drift": Drift,
    "Extremes": Extremes,
    "Factorised": Factorised,
    "Goodness": Goodness,
    "Independent": Independent,
    "KnownSpectra": KnownSpectra,
    "LowLoss": LowLoss,
    "SystematicErrors": SystematicErrors,
    "AnalysedLowLoss": AnalysedLowLoss,
    "LowRank": LowRank,
    "NeighbouringNoise": NeighbouringNoise,
    "NoiseModel": NoiseModel,
    "Normalised": Normalised,
    "Prepared": Prepared,
    "PurePixels": PurePixels,
    "Score": Score,
    "Scree": Scree,
    "Spikes": Spikes,
    "Summary": Summary,
    "SummedPixels": SummedPixels,
    "ThicknessMap": ThicknessMap,
    "Window": Window,
    "ZeroLossPeak": ZeroLossPeak,
    # findings
    "BackgroundFinding": BackgroundFinding,
    "BeyondCounts": BeyondCounts,
    "BinningFinding": BinningFinding,
    "ChannelGains": ChannelGains,
    "ChannelPatternFinding": ChannelPatternFinding,
    "CopiesFinding": CopiesFinding,
    "DefectsFinding": DefectsFinding,
    "DriftNotAskedFor": DriftNotAskedFor,
    "EmptyFinding": EmptyFinding,
    "EnergiesDiffer": EnergiesDiffer,
    "EvenKnown": EvenKnown,
    "EvidenceFinding": EvidenceFinding,
    "FactorisationFinding": FactorisationFinding,
    "FewCountsFinding": FewCountsFinding,
    "IcaFinding": IcaFinding,
    "KnownFinding": KnownFinding,
    "LowLossFinding": LowLossFinding,
    "LowLossPlace": LowLossPlace,
    "NanChannelsFinding": NanChannelsFinding,
    "NoiseFinding": NoiseFinding,
    "NotCounting": NotCounting,
    "NotInCommon": NotInCommon,
    "NotRefined": NotRefined,
    "OffsetFinding": OffsetFinding,
    "OffsetOfSpectra": OffsetOfSpectra,
    "OffsetTakenOut": OffsetTakenOut,
    "OneAnswerOnly": OneAnswerOnly,
    "OneLowLossFinding": OneLowLossFinding,
    "PurePixelsFinding": PurePixelsFinding,
    "RangeFinding": RangeFinding,
    "RefinementFinding": RefinementFinding,
    "SaturationFinding": SaturationFinding,
    "ScatteringInSome": ScatteringInSome,
    "SeenBy": SeenBy,
    "SmoothingFinding": SmoothingFinding,
    "SpectraDiffer": SpectraDiffer,
    "ThicknessErrorFinding": ThicknessErrorFinding,
    "ThicknessFinding": ThicknessFinding,
    "Told": Told,
    "Trials": Trials,
    "ZeroLossInRange": ZeroLossInRange,
    "ZeroPeakFinding": ZeroPeakFinding,
}


def saved_classes(
    pca: type[Compressed] = Compressed, unmixing: type[Components] = Components
) -> dict[str, Saved]:
    """Every class that can be in a file, by its name there.

    ``pca`` and ``unmixing`` are made of what is recorded as ``Compressed`` and ``Components``.
    """
    return {name: by_fields(kind) for name, kind in BY_FIELDS.items()} | {
        "Caution": Saved(Caution, _parts_of_caution, Caution),
        "ChannelWhitening": by_fields(ChannelWhitening)._replace(made=_whitening),
        "FrozenSettings": Saved(
            FrozenSettings, lambda settings: {"settings": dict(settings)}, FrozenSettings
        ),
        "Image": Saved(Image, _parts_of_image, _image),
        "PCA": by_fields(pca),
        "RowBlocks": Saved(RowBlocks, _parts_of_blocks, _blocks),
        "Separated": _with_computed(Separated, COMPUTED_OF_SEPARATED),
        "SeparatedOfDetector": _with_computed(SeparatedOfDetector, COMPUTED_OF_SEPARATED),
        "Unmixing": _with_computed(unmixing, COMPUTED_OF_UNMIXING, ("goodness",)),
    }
