"""
One phase in a wedge
====================

A wedge of magnetite, from 0.2 to 1.2 mean free paths thick. There is one phase in it, so there
should be one component. Counts as they are recorded have more.
"""

# %%

import matplotlib.pyplot as plt
import numpy as np

import hyperspy_unmix
from hyperspy_unmix import data

s, ll, truth = data.wedge()

# %%
# How many components?
# --------------------
#
# Where the foil is thick, plural scattering fills in the region behind each edge and turns the
# background. Spectra of thin and thick pixels are then no multiples of each other.

part = s.isig[480.0:]
energy = part.axes_manager.signal_axes[0].axis
fig, ax = plt.subplots(figsize=(8, 3.5), layout="constrained")
for row in (4, -5):
    mean, t = part.data[row].mean(0), truth.thickness.data[row].mean()
    ax.plot(energy, mean / mean[energy < 500].mean(), lw=1, label=f"t/λ = {t:.2f}")
ax.set(xlabel="Energy loss (eV)", ylabel="Counts over those at 480 to 500 eV")
_ = ax.legend()

# %%

for words, options in (
    ("as recorded", {"background": None}),
    ("without background", {}),
    ("without background and plural scattering", {"low_loss": ll}),
):
    count = hyperspy_unmix.estimate_number_of_components(s, **options)
    print(f"{words}: {count.automatic} ({count.reason})")

# %%
# The same in a scree plot: circles are the counts as recorded, crosses what is left of each
# component once background and plural scattering are out, over noise and model error.

u = hyperspy_unmix.unmix(s, low_loss=ll)
ax = u.plot_scree()

# %%
# Without the low loss
# --------------------
#
# What is found then is thickness, dressed as phases: the edges, the edges once more some 20 eV
# later and broader, for electrons that lost energy to a plasmon too, and what two plasmons make of
# them. They are stable, as they would come back in another measurement: stability says nothing on
# whether a component is a phase.

raw = hyperspy_unmix.unmix(s)
print(f"stability: {np.array2string(raw.stability, precision=2)}")

fig, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
rows = raw.maps.axes_manager["y"].axis
for i in range(raw.n_components):
    found = raw.spectra.inav[i]
    axes[0].plot(found.axes_manager.signal_axes[0].axis, found.data, lw=1, label=f"component {i}")
    axes[1].plot(rows, raw.maps.inav[i].data.mean(1), lw=1, label=f"component {i}")
axes[0].set(xlabel="Energy loss (eV)", ylabel="Intensity (1/eV)", title="Spectra")
axes[1].set(xlabel="y (nm), thin to thick", ylabel="Counts, mean of a row", title="Maps")
for ax in axes:
    ax.legend(fontsize="small")
_ = fig.suptitle("No low loss given: components that are not there")

# %%
# With the low loss
# -----------------
#
# One component, and its spectrum is that of single scattering.

print(u)
print(u.match({"Fe3O4": truth.spectra.inav[0]}))
fig = u.plot_overview()

# %%
# The map in counts has its maximum near t/λ = 1: thin pixels have few atoms, from thick ones few
# electrons come back that were scattered only once.
#
# The thickness
# -------------
#
# The low loss gives t/λ on the way, by the log-ratio, with its error.

found, known = u.thickness.data, truth.thickness.data
off = found - known
print(
    f"t/lambda {found.min():.3f} to {found.max():.3f}, truth {known.min():.3f} to {known.max():.3f}"
)
print(f"found - truth: mean {off.mean():+.5f}, r.m.s. {np.sqrt(np.mean(off**2)):.5f}")

sd = np.sqrt(u.thickness.get_noise_variance().data)
fig, axes = plt.subplots(2, 1, figsize=(8, 5), layout="constrained", sharex=True)
axes[0].plot(rows, found.mean(1), "o", ms=4, label="found")
axes[0].plot(rows, known.mean(1), "k--", lw=1, label="truth")
axes[0].set(ylabel="t/λ, mean of a row")
axes[0].legend()
axes[1].plot(rows, 1e3 * off, ".", color="C0", ms=3, alpha=0.4)
axes[1].fill_between(
    rows, -2e3 * sd.mean(1), 2e3 * sd.mean(1), color="0.8", lw=0, label="±2 s.d. stated"
)
axes[1].set(xlabel="y (nm), thin to thick", ylabel="Found - truth (10⁻³)")
_ = axes[1].legend(loc="upper left")

# %%
# In the first and the last row the phantom's probe ends with the scan, which makes its truth
# flatter there, by 0.001. The map found goes on with the slope.
