"""Spectrum images of any kind."""

from hyperspy.signals import LazySignal1D, Signal1D

from ._help import without_options_of_eels
from ._mixin import UnmixMixin

__all__ = ["LazyUnmixSignal1D", "UnmixSignal1D"]


class UnmixSignal1D(UnmixMixin, Signal1D):
    """A :class:`~hyperspy.api.signals.Signal1D` that can be unmixed."""

    _signal_type = "unmix"
    _base_signal_type = ""

    preprocess = without_options_of_eels(UnmixMixin.preprocess)
    pca = without_options_of_eels(UnmixMixin.pca)
    estimate_number_of_components = without_options_of_eels(
        UnmixMixin.estimate_number_of_components
    )
    unmix = without_options_of_eels(UnmixMixin.unmix)


class LazyUnmixSignal1D(UnmixSignal1D, LazySignal1D):
    """The lazy counterpart of :class:`UnmixSignal1D`."""
