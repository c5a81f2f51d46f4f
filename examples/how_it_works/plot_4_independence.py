"""
4. The cocktail party, and what ICA adds
========================================

Two people talk, two microphones record. Each microphone hears both, one louder than the other. Can
the voices be had back without knowing anything about voices or the room? They can, because two
people do not choose their words to suit each other: what they say is *independent*.
"""

# %%
# Two voices, two microphones
# ---------------------------
# The voices here are tones that come and go in their own rhythm.

import matplotlib.pyplot as plt
import numpy as np
from picard import picard

from hyperspy_unmix import data

rng = np.random.default_rng(0)
time = np.linspace(0, 4, 4000)


def voice(pitch):
    """Syllables of random loudness, most of them silent."""
    loudness = np.repeat(rng.exponential(1, 40) * (rng.random(40) < 0.5), 100)
    return loudness * np.sin(2 * np.pi * pitch * time)


voices = np.stack([voice(21), voice(34)])
room = np.array([[1.0, 0.6], [0.7, 1.0]])
microphones = room @ voices

# %%
# Principal component analysis makes the two recordings uncorrelated (whitening). That is not yet
# independent: any rotation of uncorrelated signals is uncorrelated too. ICA turns on until the
# signals are as unlike a bell curve as they can be. The reason: a sum of independent things is
# always closer to a bell curve than the things themselves.

centred = microphones - microphones.mean(1, keepdims=True)
left, sizes, uncorrelated = np.linalg.svd(centred, full_matrices=False)
uncorrelated *= np.sqrt(len(time))
_, _, independent = picard(microphones, ortho=False, extended=False, random_state=0)

figure, axes = plt.subplots(2, 4, figsize=(9, 5), layout="constrained", height_ratios=[1, 1.3])
stages = (
    ("voices", voices),
    ("microphones", microphones),
    ("uncorrelated (PCA)", uncorrelated),
    ("independent (ICA)", independent),
)
for (top, bottom), (name, pair) in zip(axes.T, stages, strict=True):
    for i, signal in enumerate(pair / pair.std(1, keepdims=True)):
        top.plot(time, signal - 12 * i, lw=0.4)
        bottom.set(xlim=(-4, 4), ylim=(-4, 4), aspect="equal")
    first, second = pair / pair.std(1, keepdims=True)
    bottom.plot(first, second, ".", ms=1.5, color="black", alpha=0.3)
    top.set(title=name, xlabel="Time (s)", yticks=[])
    bottom.set(xlabel="first", ylabel="second")

likeness = np.abs(np.corrcoef(independent, voices)[:2, 2:]).max(1)
print("correlation of what ICA found with the voices:", likeness.round(3))

# %%
# Below, each moment is a dot. Where one person is silent, dots lie on a line: the cross of the
# voices, bent by the room, made round but left turned by PCA, upright again after ICA. Order, sign
# and loudness of the voices cannot be known: loud voice and quiet microphone give the same
# recording.
#
# Spectra instead of voices
# -------------------------
# Pixels are microphones, phases are voices, and energy takes the place of time. So the spectra must
# be independent *along the energy axis*: where one rises, the other may do anything. Here are the
# spectra of vanadium oxide and chromium oxide, without background:

s, ll, truth = data.three_oxides(shape=(8, 8))
energy = truth.spectra.axes_manager.signal_axes[0].axis
pair = truth.spectra.data[[0, 1]]
names = [truth.names[0], truth.names[1]]

figure, axes = plt.subplots(2, 2, figsize=(9, 6), layout="constrained", width_ratios=[1.7, 1])
for (wide, square), values, title in (
    (axes[0], pair, "Spectra"),
    (axes[1], np.diff(pair, axis=1), "Their derivative"),
):
    values = values / values.std(1, keepdims=True)
    at = energy[: values.shape[1]]
    for name, signal in zip(names, values, strict=True):
        wide.plot(at, signal, lw=0.8, label=name)
    correlation = np.corrcoef(values)[0, 1]
    wide.set(title=title, xlabel="Energy loss (eV)", ylabel="In units of its spread")
    wide.legend()
    square.plot(*values, ".", ms=2, color="black")
    square.set(
        xlabel=names[0], ylabel=names[1], title=f"a dot a channel: correlation {correlation:.2f}"
    )

# %%
# The spectra themselves are anything but independent: behind every edge both have a long tail, and
# where one is high so is the other. That is shared by all edges and says nothing about the phase.
# **Their derivative is where edges are sharp lines** in different places, and its dots form the
# cross that ICA looks for. The O-K edge, which both oxides have, does not spoil it as long as its
# fine structure differs or other edges outweigh it.
#
# What does not work is ICA of the maps. Where there is more of one phase there is less of the
# other: shares of a whole are never independent.
#
# What it does for the spectra
# ----------------------------
# Mix the two with random thicknesses, and unmix with and without the derivative:

thicknesses = rng.dirichlet([1, 1], 200)
mixed = thicknesses @ pair
_, _, plane = np.linalg.svd(mixed, full_matrices=False)
plane = plane[:2]


def unmixed(looked_at):
    """Spectra in the plane, made independent in what is looked at."""
    whitening, rotation, _ = picard(looked_at, ortho=False, extended=False, random_state=0)
    return np.linalg.pinv(np.linalg.inv(rotation @ whitening)) @ plane


def angles(found):
    """Degrees between each true spectrum and the nearest one found."""
    unit = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in (pair, found)]
    return np.degrees(np.arccos(np.minimum(np.abs(unit[0] @ unit[1].T), 1))).min(1)


for name, looked_at in (
    ("PCA", None),
    ("ICA of the spectra", plane),
    ("ICA of their derivative", np.diff(plane, axis=1)),
    ("ICA of their second derivative", np.diff(plane, n=2, axis=1)),
):
    found = plane if looked_at is None else unmixed(looked_at)
    first, second = angles(found)
    print(f"{name:32s} {names[0]} {first:5.1f} degrees off, {names[1]} {second:5.1f} degrees off")

# %%
# ``unmix()`` takes the second derivative, smoothed just so much that noise does not dominate it,
# and lets the result be correlated by chance (Picard), since two real spectra always are, a little.
# Then it moves spectra and maps as little as possible to where neither is negative beyond its
# noise.

plt.show()
