"""
A boundary inclined through the foil
====================================

Magnetite and manganosite meet at a plane that runs at 30 degrees to the beam through a 50 nm foil.
Near the boundary every pixel is a mixture of the two, and both have an O-K edge.
"""

# %%
# A phantom is a spectrum image (plural scattering, background, Poisson counts), its low loss and
# the truth. With your own files, the first two come from ``hs.load``.

import matplotlib.pyplot as plt
import numpy as np

import hyperspy_unmix
from hyperspy_unmix import data

s, ll, truth = data.inclined_boundary()
u = hyperspy_unmix.unmix(s, low_loss=ll)
print(u)

# %%
# The summary says what was found, what was chosen and why. Everything in one figure: each spectrum
# with its error band, and its map.

fig = u.plot_overview()

# %%
# Against the truth
# -----------------
#
# ``match`` compares spectra by their angle (0 degrees: the same shape, 90 degrees: nothing in
# common) and names the components. References would usually be measured spectra; here they are the
# true ones.

match = u.match(dict(zip(truth.names, truth.spectra, strict=True)))
print(match)
u = match.renamed

# %%
# A profile across the boundary, through the middle of the foil. The wedge makes the boundary wider
# where the foil is thicker, so only eight rows are averaged. The band moves as a whole: it is how
# much of one phase may have been counted with the other.

rows = slice(20, 28)
x = u.maps.axes_manager["x"].axis
fig, ax = plt.subplots(figsize=(8, 3.8), layout="constrained")
for i, name in enumerate(u.names):
    found = u.maps.inav[i].data[rows].mean(0)
    error = u.maps_uncertainty.inav[i].data[rows].mean(0)
    true = truth.maps.inav[truth.names.index(name)].data[rows].mean(0)
    ax.fill_between(x, found - 2 * error, found + 2 * error, color=f"C{i}", alpha=0.3, lw=0)
    ax.plot(x, found, "o", ms=4, color=f"C{i}", label=f"{name}, found (band: ±2 s.d.)")
    ax.plot(x, true, "k--", lw=1, label="truth" if i == u.n_components - 1 else None)
ax.set(xlabel="x (nm)", ylabel="Single-scattering counts")
_ = ax.legend()

# %%
# The angle
# ---------
#
# A plane that is inclined by θ through a foil of thickness T is T tan θ wide in projection. Each
# pixel is fitted with its own thickness, so the wedge needs no care. The mean free path turns t/λ
# into nanometres; the phantom has 74 nm in one phase and 78 nm in the other.

tilt = hyperspy_unmix.boundary_inclination(u, "MnO", probe=1.0, mean_free_path=76)
print(tilt)
print(f"truth: {truth.parameters['inclination']:.0f} degrees")
ax = tilt.plot()

# %%
# The width is known well. Nearly all of the error is that of the mean free path, which is taken as
# known to 20 %: ``mean_free_path_error=`` if you know it better. More in
# :doc:`/guide/inclination`.
#
# A grain boundary
# ----------------
#
# Two grains of strontium titanate, and between them a layer 1.5 nm thick with manganese in it. The
# layer is thinner than its own projection, so no pixel holds it alone.

s, ll, truth = data.inclined_boundary("grain")
g = hyperspy_unmix.unmix(s, low_loss=ll)
match = g.match(dict(zip(truth.names, truth.spectra, strict=True)))
g = match.renamed
print(match)
print(g.ambiguity)

# %%
# The layer's spectrum could hold more of the grain's, or less, and the counts would be described
# as well. The orange band shows how far that goes. What is known from counts alone is that the
# layer has the Mn-L edge; how much Ti and O belong to it rests on the assumption that the spectra
# are independent.

layer = g.names.index("boundary phase")
energy = g.spectra.axes_manager.signal_axes[0].axis
known = np.interp(energy, truth.spectra.axes_manager[-1].axis, truth.spectra.inav[1].data)
fig, ax = plt.subplots(figsize=(8, 3.8), layout="constrained")
band = [bound.inav[layer].data for bound in (g.ambiguity.lower, g.ambiguity.upper)]
ax.fill_between(energy, *band, color="C1", alpha=0.3, lw=0, label="equally good fits")
ax.plot(energy, g.spectra.inav[layer].data, lw=1, label="layer, found")
ax.plot(energy, known, "k--", lw=1, label="truth")
ax.set(xlabel="Energy loss (eV)", ylabel="Intensity (1/eV)", xlim=(440, 700))
_ = ax.legend()

# %%
# The angle does not depend on that: a share of the grain's spectrum is a constant in the map per
# thickness, and the fit leaves the constant free.

tilt = hyperspy_unmix.boundary_inclination(g, layer, kind="layer", probe=0.5, mean_free_path=77)
print(tilt)
print(f"truth: {truth.parameters['inclination']:.0f} degrees")
