"""What mixtures among the pixels of a corner add to the errors of the components."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hyperspy_unmix.numerics.certainty.corner_edges import corner_errors
from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.separation.pure_pixels import PurePixels

from .found_by import BesideAlone, BesideKnown, FoundBy
from .non_negative import Factorised


def with_mixtures_at_corners(found_by: FoundBy, leading: LowRank) -> FoundBy:
    """The same, the covariance of corners with what mixtures among their pixels may do."""
    if isinstance(found_by, PurePixels):
        return _with_errors_of_edges(found_by, leading)
    if isinstance(found_by, BesideAlone):
        return replace(found_by, pure=_with_errors_of_edges(found_by.pure, leading))
    if isinstance(found_by, BesideKnown) and found_by.before is not None:
        before = with_mixtures_at_corners(found_by.before, leading)
        assert not isinstance(before, Factorised)
        assert not isinstance(before, BesideKnown)
        return replace(found_by, before=before)
    return found_by


def _with_errors_of_edges(pure: PurePixels, leading: LowRank) -> PurePixels:
    """Variances that are no smaller than what the edges between the corners leave open."""
    n = len(pure.unmixing)
    if n == 1:
        return pure
    # Shares are of the corners as they are scaled, errors of integral one.
    integral = pure.unmixing @ leading.components.sum(1)
    errors = corner_errors(leading, pure.unmixing) * integral[:, None] / integral
    covariance = pure.covariance.copy()
    i, j = np.nonzero(~np.eye(n, dtype=bool))
    covariance[i, j, i, j] = np.maximum(covariance[i, j, i, j], errors[i, j] ** 2)
    return replace(pure, covariance=covariance)
