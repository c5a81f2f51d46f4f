"""Files of version 1, which had no findings but their sentences: what they hold, as of now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hyperspy_unmix.numerics.corrections.correct import Corrected
from hyperspy_unmix.preparation.background import BackgroundFinding
from hyperspy_unmix.preparation.drift import Drift
from hyperspy_unmix.preparation.low_loss import AnalysedLowLoss
from hyperspy_unmix.preparation.prepare import Prepared
from hyperspy_unmix.settings import Caution, Choice, FrozenSettings, Told

from .record import Saved

WARNING_PREFIX = "WARNING: "  # of the names of warnings


def of_version_1(saved: Mapping[str, Saved]) -> dict[str, Saved]:
    """The classes of now, made of what version 1 has of them."""
    converters: dict[str, tuple[type, Callable[..., Any]]] = {
        "Alignment": (Drift, Drift),
        "Corrected": (Corrected, _corrected),
        "Dual": (AnalysedLowLoss, _low_loss),
        "FrozenSettings": (FrozenSettings, _settings),
        "Prepared": (Prepared, _prepared),
    }
    former = {name: Saved(kind, vars, convert) for name, (kind, convert) in converters.items()}
    return {**saved, **former}


def _settings(settings: Mapping[str, Choice]) -> FrozenSettings:
    return FrozenSettings(
        {
            name: Caution(*choice) if name.startswith(WARNING_PREFIX) else choice
            for name, choice in settings.items()
        }
    )


def _low_loss(low_loss: Any, **others: Any) -> AnalysedLowLoss:
    return AnalysedLowLoss(analysis=low_loss, **others)


def _corrected(spectra: Any, values: Any, background: Any, fit: Any) -> Corrected:
    return Corrected(spectra, values, {} if fit is None else {"background": fit})


def _prepared(
    settings: Mapping[str, Choice], dual: Any, alignment: Any, window: Any, **others: Any
) -> Prepared:
    value = settings["background"].value
    is_tail = isinstance(value, str)
    ranges = () if value is None or is_tail else value
    if ranges and not isinstance(ranges[0], tuple):
        ranges = (ranges,)
    background = BackgroundFinding(
        ranges, others["background_type"], window.reason, is_zero_loss_tail=is_tail
    )
    return Prepared(
        **others,
        window=window,
        background=background,
        low_loss=dual,
        drift=alignment,
        findings=(Told(_settings(settings)),),
    )
