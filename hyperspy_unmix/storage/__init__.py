"""Results as files: HyperSpy's own format, from which they come back whole; .msa and .tif."""

from .export import export, export_phases
from .saving import save

__all__ = ["export", "export_phases", "save"]
