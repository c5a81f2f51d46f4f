"""Spectrum images of any kind."""

from hyperspy.signals import LazySignal1D, Signal1D

from ._mixin import UnmixMixin

__all__ = ["LazyUnmixSignal1D", "UnmixSignal1D"]


class UnmixSignal1D(UnmixMixin, Signal1D):
    """A :class:`~hyperspy.api.signals.Signal1D` that can be unmixed."""

    _signal_type = "unmix"
    _base_signal_type = ""


class LazyUnmixSignal1D(UnmixSignal1D, LazySignal1D):
    """The lazy counterpart of :class:`UnmixSignal1D`."""
