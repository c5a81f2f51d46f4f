"""
5. The real thing: thickness and noise
======================================

Counts add up only to first approximation. An electron that has ionised an atom may excite a plasmon
as well, and the thicker the foil the more of them do: a thick piece has another *spectrum*, not
only a larger one. This page takes one grain boundary from counts to an angle, stage by stage.
"""

# %%
# Two oxides in one foil
# ----------------------
# A phase boundary runs through a foil that is wedge-shaped, inclined by an angle we want to know.
# Near it, every pixel is a mixture through the thickness. It is a built-in phantom; with your own
# files ``s`` and ``ll`` come from ``hs.load``.

import matplotlib.pyplot as plt
import numpy as np

import hyperspy_unmix
from hyperspy_unmix import data

s, ll, truth = data.inclined_boundary()
energy = s.axes_manager.signal_axes[0].axis

figure, (left, right) = plt.subplots(
    1, 2, figsize=(9, 3.4), layout="constrained", width_ratios=[1, 2]
)
image = left.imshow(truth.thickness.data)
left.set(title="t/λ of the foil", xlabel="x (pixels)", ylabel="y (pixels)")
figure.colorbar(image, ax=left)
for x, name in ((2, "left side"), (24, "at the boundary"), (45, "right side")):
    right.plot(energy, s.data[24, x], lw=0.6, label=name)
right.set(xlabel="Energy loss (eV)", ylabel="Counts", title="Three pixels")
right.legend()

# %%
# What plural scattering does to the number of components
# -------------------------------------------------------
# Two phases, and a background: three directions, one would think. The scree of the counts as
# recorded says otherwise. A spectrum at t/λ = 0.9 is the one at 0.4 folded with more plasmons, and
# no multiple of it.

for label, options in (
    ("counts as recorded", {"background": None}),
    ("background out", {}),
    ("background and plural scattering out", {"low_loss": ll}),
):
    p = hyperspy_unmix.pca(s, **options)
    print(f"{label:37s} {p.n_components} components")
print("phases in the foil:                  ", len(truth.names))

# %%
# The low loss of the same scan tells how many plasmons each pixel made; the Fourier ratio takes
# them out, pixel by pixel, in the small matrices that are left after the PCA. What noise does in
# all this is kept track of, so that the noise edge still is a ruler.

p = hyperspy_unmix.pca(s, low_loss=ll)
single = hyperspy_unmix.preprocess(s, low_loss=ll)

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
for ax, values, title in (
    (left, s.data, "As recorded"),
    (right, single.data, "Background and plural scattering out"),
):
    at = energy if values.shape[-1] == len(energy) else single.axes_manager.signal_axes[0].axis
    inside = (at > 520) & (at < 620)
    for rows, name in ((slice(0, 12), "top of the map"), (slice(36, 48), "bottom of the map")):
        mean = values[rows, :8].mean((0, 1))[inside]
        start = mean[:8].mean()
        ax.plot(at[inside], (mean - start) / np.max(mean - start), lw=1, label=name)
    ax.set(title=title, xlabel="Energy loss (eV)", ylabel="Intensity (maximum 1)")
    ax.legend()

# %%
# Left: the same phase at two thicknesses, with different tails behind its edge. Right: one
# spectrum. Now the maps and spectra add up, and independent component analysis may do its work.

u = p.ica()
print(u)

# %%
# All that was chosen is in the summary, with its reason. The result beside its error bands (blue)
# and what else would fit as well (orange):

u.plot_overview()

# %%
# How far is it from the truth?
# -----------------------------

found = u.match({name: truth.spectra.inav[i] for i, name in enumerate(truth.names)})
print(found)

# %%
# Both spectra are within a degree of the truth, and neither was measured by itself anywhere near
# the boundary. Is the boundary inclined? The map of a phase rises over the width that the inclined
# plane has in projection; width over thickness is the tangent of the angle.

true_angle = truth.parameters["inclination"]
tilt = hyperspy_unmix.boundary_inclination(u, 0, probe=1.0, mean_free_path=76)  # both in nm
print(tilt)
print(f"truth: {true_angle:.1f} degrees")
tilt.plot()

# %%
# From here on: :doc:`more examples </gallery/index>`, :doc:`how to choose parameters
# </guide/parameters>` and :doc:`how to read the result </guide/reading_the_result>`.

plt.show()
