"""What speaks against the components that were counted, before they are separated."""

from __future__ import annotations

from hyperspy_unmix.settings import Finding

from .absorption_finding import find_absorption
from .counted import Counted
from .faint_components import find_faint


def find_doubts(counted: Counted) -> tuple[Finding, ...]:
    """Absorption counted as a phase, or else components that only sums of pixels show."""
    found = find_absorption(counted) or find_faint(counted)
    return () if found is None else (found,)
