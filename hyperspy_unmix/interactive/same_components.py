"""Names and signs of components, kept while the number of components or the background changes."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from hyperspy_unmix.components.references import LIMIT
from hyperspy_unmix.results.unmixing import Unmixing

SAME = np.cos(np.radians(LIMIT))  # of the angle between spectra that are called the same


def kept_names(before: Unmixing | None, after: Unmixing) -> Unmixing:
    """``after`` with the names and signs that the same components had ``before``.

    Components are the same where their spectra are within 20 degrees of each other.
    """
    if before is None:
        return after
    spectra = [_on_common_channels(one, other) for one, other in ((before, after), (after, before))]
    cosine = spectra[0] @ spectra[1].T
    pairs = zip(*linear_sum_assignment(-np.abs(cosine)), strict=True)
    same = {int(j): int(i) for i, j in pairs if abs(cosine[i, j]) > SAME}
    names = list(after.names)
    for j, i in same.items():
        if before.names[i] != str(i):
            names[j] = before.names[i]
    for j, i in same.items():
        if cosine[i, j] < 0:
            after = after.reverse(j)
    new = tuple(names) != after.names and len(set(names)) == len(names)
    return after.rename(names) if new else after


def _on_common_channels(result: Unmixing, other: Unmixing) -> np.ndarray:
    """Unit spectra on the channels that both have."""
    own, others = (r.prepared.image.blocks.channels for r in (result, other))
    spectra = result.arrays.spectra[:, np.isin(own, others)]
    return spectra / np.maximum(np.linalg.norm(spectra, axis=1, keepdims=True), 1e-300)
