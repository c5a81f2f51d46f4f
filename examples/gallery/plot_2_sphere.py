"""
The shape of a sphere on a film
===============================

A magnetite sphere of 40 nm lies on a silica film of 42 nm. No pixel holds magnetite alone, and both
have an O-K edge. How thick is the particle, pixel by pixel, and is it a sphere?
"""

# %%

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import curve_fit

import hyperspy_unmix
from hyperspy_unmix import data

s, ll, truth = data.sphere_on_substrate()
match = hyperspy_unmix.unmix(s, low_loss=ll).match(
    dict(zip(truth.names, truth.spectra, strict=True))
)
u = match.renamed
print(match)
fig = u.plot_overview()

# %%
# From counts to nanometres
# -------------------------
#
# Maps are single-scattering counts. They are not proportional to thickness: where the specimen is
# thicker, more electrons scatter twice, and fewer are left that lost energy once. ``u.densities``
# are the maps over the zero-loss counts and over t/λ. Times t/λ, they tell how much of a phase the
# beam met, but for one number for each phase. These are in the data too: the parts must add up to
# the t/λ that is measured.

sphere = u.names.index("Fe3O4")
amounts = u.densities.data * u.thickness.data
per_amount, *_ = np.linalg.lstsq(amounts.reshape(2, -1).T, u.thickness.data.ravel(), rcond=None)
parts = amounts * per_amount[:, None, None]
print(f"sum of the parts, off by {np.std(parts.sum(0) - u.thickness.data):.4f} t/lambda r.m.s.")

# %%
# The mean free path makes nanometres of it. The phantom has 74 nm in magnetite; in a measurement
# it would be known to some 20 %.

mean_free_path = 74.0
height = parts[sphere] * mean_free_path
true_height = truth.parameters["phase_thickness"][truth.names.index("Fe3O4")]
error = height - true_height
inside = true_height > 1
for words, off in (("on", error[inside]), ("beside", error[~inside])):
    print(f"error {words} the particle: mean {off.mean():+.2f} nm, s.d. {off.std():.2f} nm")

x, y = (u.maps.axes_manager[name].axis for name in "xy")
top, limit = max(height.max(), true_height.max()), np.abs(error).max()
fig, axes = plt.subplots(1, 3, figsize=(9, 2.9), layout="compressed", sharey=True)
for ax, title, values in zip(
    axes, ("found", "truth", "found - truth"), (height, true_height, error), strict=True
):
    look = {"vmin": 0, "vmax": top}
    if values is error:
        look = {"vmin": -limit, "vmax": limit, "cmap": "RdBu_r"}
    fig.colorbar(ax.pcolormesh(x, y, values, **look), ax=ax, label="Magnetite (nm)")
    ax.set(title=title, xlabel="x (nm)", aspect="equal")
_ = axes[0].set(ylabel="y (nm)", ylim=(y[-1], y[0]))

# %%
# Is it a sphere?
# ---------------
#
# An ellipsoid is fitted: its width is measured on the scan, its height along the beam. The height
# is proportional to the mean free path, the width does not depend on it. So if the particle is
# known to be round, their ratio is a measurement of the mean free path.


def ellipsoid(at, width, tall, x0, y0):
    """Thickness of an ellipsoid along the beam."""
    square = 1 - ((at[0] - x0) ** 2 + (at[1] - y0) ** 2) / (width / 2) ** 2
    return tall * np.sqrt(np.clip(square, 0, None))


grid = np.array([values.ravel() for values in np.meshgrid(x, y)])
(width, tall, x0, y0), _ = curve_fit(ellipsoid, grid, height.ravel(), [30, 30, x.mean(), y.mean()])
print(f"width {width:.1f} nm, height {tall:.1f} nm, truth {truth.parameters['diameter']:.1f} nm")
print(f"mean free path, if it is round: {mean_free_path * width / tall:.1f} nm")

row = int(np.argmin(np.abs(y - y0)))
counts = u.maps.inav[sphere].data[row]
fig, ax = plt.subplots(figsize=(8, 3.8), layout="constrained")
ax.plot(x, true_height[row], "k--", lw=1, label="truth")
ax.plot(x, height[row], "o", ms=4, label="found")
ax.plot(x, counts / counts.max() * height[row].max(), "C3", lw=1, label="counts, same maximum")
ax.set(xlabel="x (nm)", ylabel="Magnetite (nm)", title="Through the centre of the particle")
_ = ax.legend()

# %%
# The red line is the map in counts, too flat, since the specimen scatters most in the middle.
#
# How sure is it?
# ---------------
#
# The uncertainty of the map in counts is large, and looks nothing like the errors above. Nearly
# all of it is one number: how many of the counts under O-K are the sphere's, and how many the
# film's. That is open as long as the film is under the sphere everywhere. It multiplies the whole
# map, so it changes spectrum and counts, but not the shape, and it drops out where t/λ sets the
# scale. What is left is noise.

peak = np.unravel_index(height.argmax(), height.shape)
sd = u.maps_uncertainty.inav[sphere].data[peak] / u.maps.inav[sphere].data[peak]
print(f"1 s.d. of the counts at the thickest pixel: {100 * sd:.0f} %")

# %%
# Does the model describe the counts? The components are scattered again, put on their background
# and compared with the counts as recorded. A phase that was missed would be a place in the map.

fig = u.plot_residual()
print(f"reduced chi-square: {np.mean(u.reduced_chi_square.data):.3f} (noise alone: 1)")
