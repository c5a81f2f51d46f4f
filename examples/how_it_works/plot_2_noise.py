"""
2. Noise, and how many components
=================================

Counts are random: a channel that should hold 100 holds 100 give or take 10. This page shows what
that does to the directions of the last page, how the number of components is read all the same, and
how much of an O-K edge can be had back from a single pixel.
"""

# %%
# A particle on a film
# --------------------
# A built-in phantom: the same scene as on the last page, with 48 x 48 pixels and 1024 channels, an
# iron oxide sphere on a film of silica, Poisson noise. Its truth is known, which no microscope
# offers.

import matplotlib.pyplot as plt
import numpy as np

import hyperspy_unmix
from hyperspy_unmix import data

s, ll, truth = data.sphere_on_substrate()
without_noise = data.sphere_on_substrate(noise=False).signal
energy = s.axes_manager.signal_axes[0].axis
print(s)

# %%
# Not all channels are equally noisy
# ----------------------------------
# The number of electrons in a channel scatters by its own square root. In front of the edges there
# are many, behind them few, so the noise is largest where the background is. Plain principal
# component analysis looks for large spread, and large noise is large spread. Divide rows and
# columns by how noisy they are, and noise spreads alike in all directions.

mean = s.data.reshape(-1, s.data.shape[-1]).mean(0)
scatter = (s.data - without_noise.data).reshape(-1, s.data.shape[-1]).std(0)

figure, ax = plt.subplots(figsize=(7, 3), layout="constrained")
ax.plot(energy, scatter, lw=0.8, label="scatter about the truth")
ax.plot(energy, np.sqrt(mean), lw=1.2, label="square root of the mean counts")
ax.set(xlabel="Energy loss (eV)", ylabel="Counts", title="Noise of a channel", ylim=(0, None))
ax.legend()

# %%
# The noise edge
# --------------
# Noise alone has directions too: with *n* pixels and *m* channels of unit noise the largest spread
# is, for chance alone, at :math:`(\sqrt{n} + \sqrt{m})^2`, and hardly ever beyond. (Marchenko and
# Pastur; the fluctuation about it is known as well, Tracy and Widom.) So the scree has a ruler:
# what is above the noise edge is there, and what is below cannot be told from chance. No elbow has
# to be guessed.

p = hyperspy_unmix.pca(s, background=None)
print(p.scree_values[:6].round(2))
p.plot_scree()

# %%
# More than two stand above the edge, although there are two materials: the background and plural
# scattering are in these counts as well. :doc:`Page 5 <plot_5_thickness>` takes them out.
#
# Denoising
# ---------
# Drop all directions below the edge and put the rest together again: noise that lay in those
# directions, which is nearly all of it, is gone. Here is the O-K edge in one pixel at the rim of
# the sphere.

denoised = hyperspy_unmix.denoise(s)

window = (energy > 520) & (energy < 580)
iy, ix = 24, 12
figure, ax = plt.subplots(figsize=(7, 3.4), layout="constrained")
ax.plot(energy[window], s.data[iy, ix, window], ".", color="silver", label="one pixel as recorded")
ax.plot(energy[window], denoised.data[iy, ix, window], label="the same pixel, denoised")
ax.plot(energy[window], without_noise.data[iy, ix, window], "k--", lw=1, label="truth")
ax.set(xlabel="Energy loss (eV)", ylabel="Counts", title="O-K edge")
ax.legend()


def rms(signal):
    """Root mean square of the distance to the truth, in units of the counts' own noise."""
    return np.sqrt(np.mean((signal.data - without_noise.data) ** 2 / without_noise.data))


print(f"error as recorded {rms(s):.2f}, denoised {rms(denoised):.2f} (noise of the counts = 1)")

# %%
# What remains is the noise that happens to lie in the directions that were kept. With *k* of them
# it is about :math:`\sqrt{k/m + k/n}` of the noise there was: the fewer directions, and the larger
# the map, the better.

k, (n, m) = p.above_noise_edge, (s.data[..., 0].size, s.data.shape[-1])
print(f"expected {np.sqrt(k / m + k / n):.2f}")

# %%
# Denoising has a price. A phase that is in three pixels and stays below the edge is gone as well,
# and the noise of neighbouring pixels is no longer independent: do not fit a denoised spectrum as
# if it were one with little noise. ``unmix()`` needs no denoised input. It works with the
# directions themselves.

plt.show()
