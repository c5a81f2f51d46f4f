"""EELS spectrum images."""

from exspy.signals import EELSSpectrum, LazyEELSSpectrum

from ._mixin import UnmixMixin

__all__ = ["EELSUnmixSpectrum", "LazyEELSUnmixSpectrum"]


class EELSUnmixSpectrum(UnmixMixin, EELSSpectrum):
    """An :class:`~exspy.signals.EELSSpectrum` that can be unmixed."""

    _signal_type = "EELS_unmix"
    _base_signal_type = "EELS"


class LazyEELSUnmixSpectrum(EELSUnmixSpectrum, LazyEELSSpectrum):
    """The lazy counterpart of :class:`EELSUnmixSpectrum`."""
