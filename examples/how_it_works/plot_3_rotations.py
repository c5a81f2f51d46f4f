"""
3. What PCA cannot separate
===========================

Principal component analysis finds the plane in which all spectra lie. It does not find the spectra
in it: its axes are at right angles to each other because the method says so, not because matter
does. This page shows how much freedom that leaves.
"""

# %%
# The sphere on the film again, 4 x 4 pixels and 7 channels, as on :doc:`page 1 <plot_1_matrix>`.

import matplotlib.pyplot as plt
import numpy as np

film = np.array([4.0, 3.0, 7.0, 5.0, 4.0, 3.0, 2.0])
sphere = np.array([2.0, 2.0, 1.0, 1.0, 6.0, 4.0, 3.0])
y, x = np.mgrid[0:4, 0:4]
film_thickness = 1 + 0.2 * x
sphere_thickness = 2 * np.sqrt(np.maximum(3 - (x - 1.5) ** 2 - (y - 1.5) ** 2, 0))
counts = np.outer(film_thickness, film) + np.outer(sphere_thickness, sphere)

left, sizes, directions = np.linalg.svd(counts, full_matrices=False)
scores, directions = left[:, :2] * sizes[:2], directions[:2]
if directions[0].sum() < 0:
    directions[0], scores[:, 0] = -directions[0], -scores[:, 0]

# %%
# Three answers, one fit
# ----------------------
# Take any two spectra in the plane, and there are maps that go with them: turn the axes one way,
# and the maps the other way, and the product stays. Here are three pairs: the principal components,
# the truth, and a third one. All describe the sixteen measured spectra *exactly*.

third = np.stack([film - 0.1 * sphere, sphere + 0.3 * film])
answers = {
    "principal components": directions,
    "truth": np.stack([film, sphere]),
    "another answer": third,
}
figure, axes = plt.subplots(3, 3, figsize=(8.5, 6.6), layout="constrained", width_ratios=[2, 1, 1])
for row, (name, spectra) in zip(axes, answers.items(), strict=True):
    maps = counts @ np.linalg.pinv(spectra)
    worst = np.abs(maps @ spectra - counts).max()
    print(f"{name}: largest misfit {worst:.0e} counts")
    for i, label in enumerate(("first", "second")):
        row[0].step(range(7), spectra[i] / np.abs(spectra[i]).max(), where="mid", label=label)
        image = row[1 + i].imshow((maps[:, i] * np.abs(spectra[i]).max()).reshape(4, 4))
        row[1 + i].set(xticks=[], yticks=[], title=f"{label} map")
        figure.colorbar(image, ax=row[1 + i])
    row[0].axhline(0, color="grey", lw=0.5)
    row[0].set(title=name, xlabel="Channel", ylabel="Intensity (maximum 1)", ylim=(-1.1, 1.8))
    row[0].legend(loc="upper left", ncols=2)

# %%
# What forbids most of them
# -------------------------
# The principal components can be ruled out: half of the second one is negative, and a spectrum is
# not. The third answer cannot. Its spectra and maps are nowhere negative, it fits as well, and it
# is wrong.
#
# In the plane of the two directions each possible spectrum is an angle. Spectra that are nowhere
# negative fill a wedge; the measured ones fill a narrower wedge inside. One true spectrum must lie
# in the gap on the left of the measured ones, the other in the gap on the right. Anywhere in the
# gap is as good as anywhere else (Lawton and Sylvestre, 1971).

angles = np.radians(np.linspace(-90, 90, 7201))
possible = (np.stack([np.cos(angles), np.sin(angles)], 1) @ directions >= 0).all(1)


def angle_of(spectrum):
    """Direction of a spectrum in the plane, in degrees."""
    return np.degrees(np.arctan2(*(directions @ spectrum)[::-1]))


measured = np.degrees(np.arctan2(scores[:, 1], scores[:, 0]))
limits = np.degrees(angles[possible])[[0, -1]]

figure, ax = plt.subplots(figsize=(7.5, 2.6), layout="constrained")
ax.axvspan(limits[0], measured.min(), color="tab:orange", alpha=0.25, label="as good as each other")
ax.axvspan(measured.max(), limits[1], color="tab:orange", alpha=0.25)
ax.plot(measured, np.zeros(16), "k|", ms=14, label="measured spectra")
for name, (first, second) in answers.items():
    if name != "principal components":
        ax.plot(
            [angle_of(first), angle_of(second)],
            [0.5, 0.5] if name == "truth" else [-0.5, -0.5],
            *(["o"] if name == "truth" else ["s"]),
            label=name,
        )
ax.set(
    xlabel="Angle in the plane of the principal components (degrees)",
    yticks=[],
    ylim=(-1, 2.2),
    xlim=(limits[0] - 5, limits[1] + 5),
)
ax.legend(ncols=2, loc="upper center")
print(f"possible spectra from {limits[0]:.0f} to {limits[1]:.0f} degrees")

# %%
# The four corners hold the film alone, and the truth on the left is just there. But the counts do
# not say so: a film whose spectrum is farther left, with a bit of "sphere" in every pixel,
# describes them as well. On the right no pixel holds the sphere alone, so there the truth is away
# from all that was measured.
#
# With real data that is not a detail but the question: **counts do not say where in the gap the
# truth is**. Something must be assumed. Two assumptions have a physical meaning, and ``unmix()``
# looks for what speaks for each of them:
#
# - somewhere every phase is alone (``assume="pure"``), which closes the gaps;
# - the spectra of the phases have nothing to do with each other: :doc:`page 4
#   <plot_4_independence>`.
#
# How wide the gaps are for *your* data is ``u.ambiguity``, and the summary says it in a sentence.

plt.show()
