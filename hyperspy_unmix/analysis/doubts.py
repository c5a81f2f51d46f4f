"""What speaks against the components that were counted, before they are separated."""

from __future__ import annotations

from collections.abc import Mapping

from hyperspy_unmix.settings import Finding

from .absorption_finding import find_absorption
from .counted import Counted
from .faint_components import find_faint
from .tried_sums import PcaOfSums


def find_doubts(
    counted: Counted, tried: Mapping[tuple[int, ...], PcaOfSums]
) -> tuple[Finding, ...]:
    """Absorption counted as a phase, or else components that only sums of pixels show.

    ``tried`` are the sums (by factor) that are known already.
    """
    found = find_absorption(counted) or find_faint(counted, tried)
    return () if found is None else (found,)
