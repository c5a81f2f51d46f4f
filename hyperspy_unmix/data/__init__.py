"""Built-in phantoms: seeded spectrum images, physically honest, with exact truth.

Each function returns a `Phantom`, which unpacks into ``signal, low_loss, truth``. All physical
parameters stand in ``parameters.toml``.
"""

from hyperspy_unmix.data._scenes import eds_core_shell, inclined_boundary, sphere_on_substrate
from hyperspy_unmix.data._signals import Phantom, Truth

__all__ = ["Phantom", "Truth", "eds_core_shell", "inclined_boundary", "sphere_on_substrate"]
