"""What HyperSpy's metadata say of a signal: its type, its detector, its units."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

EELS_DETECTOR = "Acquisition_instrument.TEM.Detector.EELS"  # in the metadata
EV = {"meV": 1e-3, "eV": 1.0, "keV": 1e3}  # of a unit
SUFFIX = "unmix"
COUNTED_SIGNAL_TYPES = ("EELS", "EDS_TEM", "EDS_SEM")  # recorded as counts; no baseline unknown


def base_type(signal: BaseSignal) -> str:
    """Signal type that the field knows: ``EELS`` for ``EELS_unmix``, ``""`` for ``unmix``."""
    signal_type = str(signal.metadata.get_item("Signal.signal_type", default=""))
    return signal_type.removesuffix(SUFFIX).removesuffix("_")
