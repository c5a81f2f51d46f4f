"""Built-in phantoms: seeded spectrum images, physically honest, with exact truth.

Each function returns a `Phantom`, which unpacks into ``signal, low_loss, truth``. All physical
parameters stand in ``parameters.toml``.
"""

from ._eds_scenes import eds_core_shell, eds_phases
from ._eels_foils import inclined_boundary, three_oxides, wedge_layers
from ._eels_particles import core_shell, precipitates, sphere_on_substrate
from ._eels_wedge import wedge
from ._signals import Phantom, Truth

__all__ = [
    "Phantom",
    "Truth",
    "core_shell",
    "eds_core_shell",
    "eds_phases",
    "inclined_boundary",
    "precipitates",
    "sphere_on_substrate",
    "three_oxides",
    "wedge",
    "wedge_layers",
]
