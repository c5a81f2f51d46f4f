"""EDS spectrum images from the transmission and the scanning electron microscope."""

from typing import Any

from exspy.signals import (
    EDSSEMSpectrum,
    EDSSpectrum,
    EDSTEMSpectrum,
    LazyEDSSEMSpectrum,
    LazyEDSTEMSpectrum,
)

from ._help import without_options_of_eels
from ._mixin import UnmixMixin

__all__ = [
    "EDSSEMUnmixSpectrum",
    "EDSTEMUnmixSpectrum",
    "LazyEDSSEMUnmixSpectrum",
    "LazyEDSTEMUnmixSpectrum",
]


class _EDSUnmixMixin(UnmixMixin):
    """exspy compares with, and writes, the literals ``EDS_TEM`` and ``EDS_SEM``."""

    preprocess = without_options_of_eels(UnmixMixin.preprocess)
    pca = without_options_of_eels(UnmixMixin.pca)
    estimate_number_of_components = without_options_of_eels(
        UnmixMixin.estimate_number_of_components
    )
    unmix = without_options_of_eels(UnmixMixin.unmix)

    def _set_default_param(self) -> None:
        super()._set_default_param()
        self.metadata.Signal.signal_type = self._signal_type

    def _get_line_energy(self, *args: Any, **kwargs: Any) -> Any:
        with self._as_base_type():
            return super()._get_line_energy(*args, **kwargs)

    def get_take_off_angle(self) -> float:
        with self._as_base_type():
            angle: float = super().get_take_off_angle()
            return angle

    get_take_off_angle.__doc__ = EDSSpectrum.get_take_off_angle.__doc__


class EDSTEMUnmixSpectrum(_EDSUnmixMixin, EDSTEMSpectrum):
    """An :class:`~exspy.signals.EDSTEMSpectrum` that can be unmixed."""

    _signal_type = "EDS_TEM_unmix"
    _base_signal_type = "EDS_TEM"


class LazyEDSTEMUnmixSpectrum(EDSTEMUnmixSpectrum, LazyEDSTEMSpectrum):
    """The lazy counterpart of :class:`EDSTEMUnmixSpectrum`."""


class EDSSEMUnmixSpectrum(_EDSUnmixMixin, EDSSEMSpectrum):
    """An :class:`~exspy.signals.EDSSEMSpectrum` that can be unmixed."""

    _signal_type = "EDS_SEM_unmix"
    _base_signal_type = "EDS_SEM"


class LazyEDSSEMUnmixSpectrum(EDSSEMUnmixSpectrum, LazyEDSSEMSpectrum):
    """The lazy counterpart of :class:`EDSSEMUnmixSpectrum`."""
