"""
1. A spectrum image is a matrix
===============================

A sphere lies on a film. We scan it with 4 x 4 pixels and record 7 energy channels in each: small
enough to write down every number, and all that matters happens here already.
"""

# %%
# What the specimen is made of
# ----------------------------
# The film has an edge at channel 2, the sphere one at channel 4. The film gets thicker to the
# right; the sphere is as thick as a sphere is, and is not there in the corners.

import matplotlib.pyplot as plt
import numpy as np

film = np.array([4.0, 3.0, 7.0, 5.0, 4.0, 3.0, 2.0])
sphere = np.array([2.0, 2.0, 1.0, 1.0, 6.0, 4.0, 3.0])

y, x = np.mgrid[0:4, 0:4]
film_thickness = 1 + 0.2 * x
sphere_thickness = 2 * np.sqrt(np.maximum(3 - (x - 1.5) ** 2 - (y - 1.5) ** 2, 0))

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(9, 2.8), layout="constrained")
left.step(range(7), film, where="mid", label="film")
left.step(range(7), sphere, where="mid", label="sphere")
left.set(xlabel="Channel", ylabel="Counts per thickness", title="Spectra", ylim=(0, 9))
left.legend(ncols=2, loc="upper center")
for ax, values, title in (
    (middle, film_thickness, "Thickness of the film"),
    (right, sphere_thickness, "Thickness of the sphere"),
):
    image = ax.imshow(values, vmin=0)
    ax.set(title=title, xlabel="x", ylabel="y")
    figure.colorbar(image, ax=ax)

# %%
# What is recorded
# ----------------
# The beam goes through both. A pixel counts film spectrum times film thickness plus sphere spectrum
# times sphere thickness. Written for all pixels at once, one pixel a row, that is a product of two
# thin matrices:
#
# .. math:: X = A\,S
#
# *A* has 16 rows (pixels) and 2 columns, the maps; *S* has 2 rows and 7 columns, the spectra.
# Unfolding the picture into rows loses nothing: neighbours do not matter to what follows, only
# which channels rise and fall together.

maps = np.column_stack([film_thickness.ravel(), sphere_thickness.ravel()])
spectra = np.stack([film, sphere])
counts = maps @ spectra
print("counts:", counts.shape, " maps:", maps.shape, " spectra:", spectra.shape)

figure, axes = plt.subplots(1, 3, figsize=(8, 4), layout="constrained", width_ratios=[7, 3, 8])
for ax, matrix, title, across, down in (
    (axes[0], counts, "Counts X", "Channel", "Pixel"),
    (axes[1], maps, "Maps A", "Film, sphere", ""),
    (axes[2], spectra, "Spectra S", "Channel", "Film, sphere"),
):
    ax.imshow(matrix, vmin=0, aspect="equal")
    ax.set(title=title, xlabel=across, ylabel=down, xticks=range(matrix.shape[1]))
    ax.set_yticks(range(0, len(matrix), 3 if len(matrix) > 2 else 1))
axes[1].annotate("=", (-1.2, 0.5), xycoords="axes fraction", fontsize=18, ha="center", va="center")
axes[2].annotate("×", (-0.32, 0.5), xycoords="axes fraction", fontsize=18, ha="center", va="center")

# %%
# Which channels rise and fall together
# -------------------------------------
# Multiply the matrix with itself and each pair of channels gets a number: large where both are
# large in the same pixels. This 7 x 7 table is all that principal component analysis looks at.
# (With the mean subtracted first it is called covariance. We keep the mean: it is made of the same
# two spectra, and maps that are thicknesses have a zero that means something.)

together = counts.T @ counts / len(counts)

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
image = left.imshow(together, vmin=0)
left.set(title="Channel times channel, mean over pixels", xlabel="Channel", ylabel="Channel")
figure.colorbar(image, ax=left)

right.scatter(counts[:, 2], counts[:, 4], color="black", zorder=3, label="pixels")
for vector, name in ((film, "film"), (sphere, "sphere")):
    reach = 0.95 * counts[:, [2, 4]].max() / max(vector[2], vector[4])
    right.plot([0, reach * vector[2]], [0, reach * vector[4]], label=f"pure {name}")
right.set(
    xlabel="Counts in channel 2",
    ylabel="Counts in channel 4",
    title="Two channels, sixteen pixels",
    xlim=(0, None),
    ylim=(0, None),
)
right.legend()

# %%
# The directions of largest spread
# --------------------------------
# On the right above, each pixel is a dot; all dots lie between the directions of the pure spectra,
# since no thickness is negative. Principal component analysis asks for the direction in which the
# dots reach farthest from zero, then for the farthest one at right angles to it, and so on. They
# are the eigenvectors of the table, and how far the dots reach is the eigenvalue.

reach, directions = np.linalg.eigh(together)
reach, directions = reach[::-1], directions[:, ::-1]
print("eigenvalues:", np.round(np.abs(reach), 10))

# %%
# Two are not zero, five are: **there are two things in this specimen**. Nobody told the computer;
# it can be read off sixteen spectra although not one pixel is the sphere alone. (Five zeros, that
# is, without noise. The next page puts the noise in.)

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
bars = left.bar(range(1, 8), np.abs(reach))
left.bar_label(bars, [f"{abs(value):.0f}" for value in reach])
left.set(xlabel="Direction", ylabel="Spread (eigenvalue)", title="Scree", ylim=(0, 800))
for i in range(2):
    sign = np.sign(directions[:, i].sum())
    right.step(range(7), sign * directions[:, i], where="mid", label=f"direction {i + 1}")
right.axhline(0, color="grey", lw=0.5)
right.set(xlabel="Channel", ylabel="Intensity", title="The first two directions")
right.legend()

# %%
# Look at the two directions: they are not film and sphere. The first is a mean of both, the second
# is their difference, partly negative, which no spectrum is. They span the right plane but are not
# the right axes in it. That is the subject of :doc:`page 3 <plot_3_rotations>`.

plt.show()
