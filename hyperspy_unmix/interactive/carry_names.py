"""Names and signs of components, kept while the number of components or the background changes."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from hyperspy_unmix.components.references import SPECTRUM_LIMIT
from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.results.unmixing import Unmixing

LEAST_COSINE = np.cos(np.radians(SPECTRUM_LIMIT))  # of spectra of the same component


def kept_names(before: Unmixing | None, after: Unmixing) -> Unmixing:
    """``after`` with the names and signs that the same components had ``before``.

    Components are the same where their spectra are within 20 degrees of each other.
    """
    if before is None:
        return after
    cosine = _on_common_channels(before, after) @ _on_common_channels(after, before).T
    pairs = zip(*linear_sum_assignment(-np.abs(cosine)), strict=True)
    same = {int(j): int(i) for i, j in pairs if abs(cosine[i, j]) > LEAST_COSINE}
    names = list(after.names)
    for j, i in same.items():
        # What is known has its own name.
        if before.names[i] != str(i) and after.names[j] == str(j):
            names[j] = before.names[i]
    for j, i in same.items():
        if cosine[i, j] < 0:
            after = after.reverse(j)
    are_new_names = tuple(names) != after.names and len(set(names)) == len(names)
    return after.rename(names) if are_new_names else after


def _on_common_channels(result: Unmixing, other: Unmixing) -> Floats:
    """Unit spectra on the channels that both have."""
    channels = result.prepared.image.blocks.channels
    is_common = np.isin(channels, other.prepared.image.blocks.channels)
    spectra = result.arrays.spectra[:, is_common]
    return np.asarray(spectra / np.maximum(np.linalg.norm(spectra, axis=1, keepdims=True), 1e-300))
