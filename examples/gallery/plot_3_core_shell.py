"""
A core that is never seen without its shell
===========================================

Magnetite cores in manganosite shells on a silica film: in no pixel is a core without its shell, or
anything without the film. How much can be known of the core, and when should it not be believed?
"""

# %%

import matplotlib.pyplot as plt
import numpy as np

import hyperspy_unmix
from hyperspy_unmix import data

s, ll, truth = data.core_shell()
true = dict(zip(truth.names, truth.spectra, strict=True))
match = hyperspy_unmix.unmix(s, low_loss=ll).match(true)
u = match.renamed
print(match)

# %%
# The maps, against the truth: a shell is brightest in a ring, where the beam runs along it.

fig, axes = plt.subplots(2, 3, figsize=(9, 5.4), layout="compressed", sharex=True, sharey=True)
x, y = (u.maps.axes_manager[axis].axis for axis in "xy")
for i, name in enumerate(truth.names):
    known = truth.maps.data[i] / 1e3
    found = u.maps.data[u.names.index(name)] / 1e3
    for ax, values, words in zip(axes[:, i], (found, known), ("found", "truth"), strict=True):
        image = ax.pcolormesh(x, y, values, vmin=0, vmax=known.max())
        ax.set(title=f"{name}, {words}", aspect="equal", ylim=(y[-1], y[0]))
        fig.colorbar(image, ax=ax, label="10³ counts")
fig.supxlabel("x (nm)", fontsize="medium")
_ = fig.supylabel("y (nm)", fontsize="medium")

# %%
# What else would fit
# -------------------
#
# The ambiguity says what else would describe the counts as well, with nothing negative beyond
# noise. It is the orange band of these figures.

print(u.ambiguity)


def show(ax, result, name, window):
    """A spectrum with both of its bands, and the truth."""
    i = result.names.index(name)
    found = result.spectra.inav[i].isig[slice(*window)]
    energy = found.axes_manager.signal_axes[0].axis
    bounds = (result.ambiguity.lower, result.ambiguity.upper, result.spectra_uncertainty)
    lower, upper, sd = (each.inav[i].isig[slice(*window)].data for each in bounds)
    ax.fill_between(energy, lower, upper, color="C1", alpha=0.3, lw=0, label="equally good fits")
    band = (found.data - 2 * sd, found.data + 2 * sd)
    ax.fill_between(energy, *band, color="C0", alpha=0.3, lw=0, label="±2 s.d.")
    ax.plot(energy, found.data, lw=1, label="found")
    ax.plot(energy, true[name].isig[slice(*window)].data, "k--", lw=1, label="truth")
    ax.set(title=name, xlim=window)
    ax.legend(fontsize="small")


fig, axes = plt.subplots(2, 1, figsize=(8, 5.6), layout="constrained", sharex=True)
for ax, name in zip(axes, ("Fe3O4", "MnO"), strict=True):
    show(ax, u, name, (500.0, 800.0))
    ax.set_ylabel("Intensity (1/eV)")
_ = axes[1].set_xlabel("Energy loss (eV)")

# %%
# The truth is near what was found, and far from the limits of what fits as well. That is the
# merit of the assumption that spectra are independent, not of the counts. It was not made for the
# film, which is alone in many pixels:

print(u.settings["assume"].reason)

# %%
#
# An assumption that does not hold
# --------------------------------
#
# ``assume="pure"`` says that every phase is alone in some pixels. Here it is not true.

pure = u.alternatives["pure"]
for words, each in (("found", match), ("pure", pure.match(true))):
    for i, j in enumerate(each.pairs):
        index = each.renamed.stability[i]
        print(f"{words}: {truth.names[j]} {each.angles[i, j]:.1f} degrees, stability {index:.2f}")

more = hyperspy_unmix.unmix(s, 4, low_loss=ll)
print("four components: stability", *(f"{index:.2f}" for index in more.stability))

# %%
# Core and shell come out with the film in them, and with a high stability: a wrong assumption gives
# the same wrong answer every time. What stability is good for is the last line: of a component too
# many it says so (below 0.5). See :doc:`/guide/certainty`.
#
# EDS: an element that both have
# ------------------------------
#
# Cores of FePt in shells of magnetite. Iron is in both, so their spectra are not independent.

s, _, truth = data.eds_core_shell()
true = dict(zip(truth.names, truth.spectra, strict=True))
u = hyperspy_unmix.unmix(s).match(true).renamed

fig, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for ax, window, line in zip(axes, ((6.0, 7.4), (9.0, 10.0)), ("Fe-K", "Pt-Lα"), strict=True):
    show(ax, u, "FePt", window)
    ax.set(xlabel="X-ray energy (keV)", ylabel="Intensity (1/keV)", title=f"FePt: {line}")


def iron_and_platinum(of):
    """Counts of Fe-Kα and Pt-Lα, less those of the continuum beside them."""
    lines, beside = ((6.25, 6.55), (9.29, 9.59)), ((5.8, 6.1), (8.6, 8.9))
    sums = [[of.isig[a:b].data.sum() for a, b in windows] for windows in (lines, beside)]
    return np.subtract(*sums)


core, shell = u.names.index("FePt"), u.names.index("Fe3O4")
found, other = (iron_and_platinum(u.spectra.inav[i]) for i in (core, shell))
low, high = (found + t * other for t in u.ambiguity.shares[core, shell])
known = iron_and_platinum(true["FePt"])
for words, (iron, platinum) in (("found", found), ("least", low), ("most", high), ("truth", known)):
    print(f"Fe-Ka over Pt-La of the core, {words}: {iron / platinum:.2f}")

# %%
# "Least" and "most" are the core with as much less or more of the shell in it as fits as well. The
# core's iron is not a result of this map, whatever its spectrum looks like. Where the Pt is, is.
