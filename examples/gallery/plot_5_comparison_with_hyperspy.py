"""
Beside HyperSpy's own decomposition
===================================

The same counts by HyperSpy's decomposition and blind source separation, as they are often called
and as a careful user would prepare them, and by ``unmix()``. The specimen: layers of MgO, NiO and
Fe3O4, all with an O-K edge, in a wedge from 0.3 to 1.1 mean free paths.
"""

# %%

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import linear_sum_assignment

import hyperspy_unmix
from hyperspy_unmix import data

s, ll, truth = data.wedge_layers()
n = 3  # this and the pre-edge window HyperSpy is told
power_law = {"signal_range": (405.0, 522.0), "zero_fill": False}

# %%
# As it is often called
# ---------------------
#
# Integers are refused, hence the floats. Once the background is out there are negative values,
# which the normalisation for Poisson noise refuses: it is left off. A full SVD and a seed give the
# same answer every time.


def separate(signal, **options):
    """HyperSpy's SVD and ICA above 510 eV."""
    signal = signal.isig[510.0:].deepcopy()
    signal.decomposition(output_dimension=n, svd_solver="full", print_info=False)
    signal.blind_source_separation(n, random_state=0, print_info=False, **options)
    return signal.get_bss_factors()


plain = s * 1.0
quick = separate(plain.remove_background(**power_law))

# %%
# With care
# ---------
#
# The counts are denoised while they still are Poisson counts: PCA with HyperSpy's normalisation,
# two components more than phases. Then the background, then exspy's Fourier ratio with each
# pixel's low loss. (exspy extrapolates both by power laws, which is better here than not to. Where
# it cannot, it raises a TypeError; ``extrapolate_coreloss=False`` is the way out.)

plain.decomposition(True, output_dimension=n + 2, svd_solver="full", print_info=False)
denoised = plain.get_decomposition_model(n + 2).remove_background(**power_law)
careful = separate(denoised.isig[405.0:].fourier_ratio_deconvolution(ll * 1.0))

# %%
# ``unmix``
# ---------
#
# It gets the two signals and finds number and window itself. And, to see which part matters,
# background and plural scattering are taken out here, with HyperSpy's ICA of what is left.

u = hyperspy_unmix.unmix(s, low_loss=ll)
print(u.n_components, "components; background", u.settings["background"].value)
prepared = hyperspy_unmix.preprocess(s, low_loss=ll)

results = {
    "HyperSpy, background removed": quick,
    "HyperSpy, with care": careful,
    "prepared here, HyperSpy's ICA": separate(prepared),
    "  of second derivatives": separate(prepared, diff_order=2),
    "  and by FastICA here": hyperspy_unmix.unmix(
        s, low_loss=ll, assume="overlap", algorithm="fastica"
    ).spectra,
    'unmix(assume="overlap")': u.alternatives["overlap"].spectra,
    "unmix()": u.spectra,
}

# %%
# Spectral angles
# ---------------
#
# HyperSpy was told number and window, with care also the low loss. Each phase gets the component
# nearest to it. HyperSpy's components have no sign: they get the one that fits.

axis = truth.spectra.isig[510.0:].axes_manager.signal_axes[0].axis
true = truth.spectra.isig[510.0:].data
true = true / np.linalg.norm(true, axis=1, keepdims=True)
spectra = {}
print("degrees from the truth".ljust(30), *(name.rjust(6) for name in truth.names))
for name, result in results.items():
    found = result.isig[510.0:].data
    found = found / np.linalg.norm(found, axis=1, keepdims=True)
    order = linear_sum_assignment(-np.abs(true @ found.T))[1]
    cosines = np.sum(true * found[order], axis=1)
    spectra[name] = found[order] * np.sign(cosines)[:, None]
    angles = np.degrees(np.arccos(np.abs(cosines)))
    print(name.ljust(30), *(f"{angle:6.1f}" for angle in angles))

shown = ("HyperSpy, background removed", "HyperSpy, with care", "unmix()")
fig, axes = plt.subplots(3, 3, figsize=(9, 7), layout="constrained", sharex=True, sharey="row")
for column, name in zip(axes.T, shown, strict=True):
    column[0].set_title(name, fontsize="medium")
    for ax, found, known, phase in zip(column, spectra[name], true, truth.names, strict=True):
        ax.plot(axis, found, lw=1, label=phase)
        ax.plot(axis, known, "k--", lw=0.8, label="truth")
        ax.legend(fontsize="small")
fig.supxlabel("Energy loss (eV)", fontsize="medium")
_ = fig.supylabel("Intensity (of norm 1)", fontsize="medium")

# %%
# Where the difference comes from
# -------------------------------
#
# - Background alone: in a wedge no pixel is a mixture of three spectra, as each has its own plural
#   scattering. It is in the tails of all three. Deconvolution matters more than all the rest.
# - With care: two of three phases are within 2 degrees. The third is no better with the background
#   and the deconvolution of this package, so it is the separation. HyperSpy's ICA makes the first
#   derivatives of the spectra uncorrelated, this package looks at the second ones, which are less
#   alike:

for order in (1, 2):
    pairs = np.corrcoef(np.diff(true, order, axis=1))[np.triu_indices(n, 1)]
    print(f"derivative {order}: correlations of the true spectra", *(f"{r:+.2f}" for r in pairs))

# %%
# - FastICA makes its components uncorrelated, which spectra never quite are. Picard, the default
#   here, does not have to.
# - ``unmix()`` sees that pixels gather at three compositions: each layer is alone somewhere. The
#   spectra are those of these pixels, and independence is not needed. Of other specimens it is not
#   true, and the summary says what decided:

print(u.settings["assume"].reason)

# %%
# One phantom is an anecdote: three seeds of ten of them, with more ways to unmix, are in
# :doc:`/benchmarks/separation`. With two phases the careful way is nearly as good.
