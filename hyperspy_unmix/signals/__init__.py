"""The signal classes that HyperSpy picks for the signal types ending in ``unmix``.

Each is the class its users know with the methods of
:class:`~hyperspy_unmix.signals.UnmixMixin` added, and has a lazy counterpart.

=================  ======================  ==============================
signal_type        class                   base class
=================  ======================  ==============================
``unmix``          UnmixSignal1D           hyperspy.api.signals.Signal1D
``EELS_unmix``     EELSUnmixSpectrum       exspy.signals.EELSSpectrum
``EDS_TEM_unmix``  EDSTEMUnmixSpectrum     exspy.signals.EDSTEMSpectrum
``EDS_SEM_unmix``  EDSSEMUnmixSpectrum     exspy.signals.EDSSEMSpectrum
=================  ======================  ==============================
"""

from importlib import import_module
from typing import Any

_HOME = {
    "EDSSEMUnmixSpectrum": "eds",
    "EDSTEMUnmixSpectrum": "eds",
    "EELSUnmixSpectrum": "eels",
    "LazyEDSSEMUnmixSpectrum": "eds",
    "LazyEDSTEMUnmixSpectrum": "eds",
    "LazyEELSUnmixSpectrum": "eels",
    "LazyUnmixSignal1D": "generic",
    "UnmixMixin": "_mixin",
    "UnmixSignal1D": "generic",
}
__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    """Import on first use: a generic signal need not wait for exspy."""
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
