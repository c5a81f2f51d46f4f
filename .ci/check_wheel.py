"""Use the installed package: run outside the checkout, with the wheel's environment."""

import sys
import tempfile
from pathlib import Path

import hyperspy.api as hs
import numpy as np

import hyperspy_unmix

package = Path(hyperspy_unmix.__file__).parent
if not package.is_relative_to(sys.prefix):
    sys.exit(f"hyperspy_unmix was imported from {package}, not from the installed wheel.")
for file in ("hyperspy_extension.yaml", "py.typed", "tests/conftest.py"):
    if not (package / file).is_file():
        sys.exit(f"The wheel lacks {file}.")

hs.preferences.General.show_progressbar = False
rng = np.random.default_rng(0)
energy = np.arange(80.0)
spectra = np.exp(-(((energy - [[25.0], [55.0]]) / 5) ** 2)) + 0.2
fraction = rng.random((12, 10, 1))
s = hs.signals.Signal1D(rng.poisson(60 * (fraction * spectra[0] + (1 - fraction) * spectra[1])))
s.set_signal_type("EELS_unmix")
u = s.unmix(2, background=None)
if u.n_components != 2:
    sys.exit(f"Two components were asked for, and {u.n_components} found.")

with tempfile.TemporaryDirectory() as folder:
    s.save(Path(folder) / "s.hspy")
    if type(hs.load(Path(folder) / "s.hspy")) is not type(s):
        sys.exit("The signal type does not survive saving and loading.")
print(f"hyperspy_unmix {hyperspy_unmix.__version__} works from its wheel.")
