"""HyperSpy's own place for decompositions, filled so that its plots, models and files work."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_unmix.numerics.types import Floats, Mask
from hyperspy_unmix.preparation.spectrum_image import to_pixels

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

    from hyperspy_unmix.components.components import Components

ALGORITHM = "hyperspy_unmix weighted PCA"
_logger = logging.getLogger(__name__)


def can_store(signals: Sequence[Any]) -> bool:
    """Whether all signals have the place; a warning where a HyperSpy signal has none.

    To be asked before anything is computed, so that nothing is lost.
    """
    without = [signal for signal in signals if not _has_place(signal)]
    if any(hasattr(signal, "axes_manager") for signal in without):
        _logger.warning(
            "this version of HyperSpy has no learning_results to fill: the result is returned and "
            "not stored in the signal. result.save(filename) keeps it; with store=False nothing is "
            "said of it"
        )
    return not without


def _has_place(signal: Any) -> bool:
    former = getattr(signal, "learning_results", None)
    return all(hasattr(former, name) for name in ("factors", "bss_factors"))


def store_learning_results(signal: BaseSignal, result: Components) -> None:
    """Fill ``signal.learning_results`` with the PCA and the unmixing of ``result``."""
    former = signal.learning_results
    if former.factors is not None or former.bss_factors is not None:
        is_ours = former.decomposition_algorithm == ALGORITHM
        _logger.log(
            logging.INFO if is_ours else logging.WARNING,
            "learning_results held a decomposition (%s); it is replaced (store=False keeps it)",
            former.decomposition_algorithm,
        )
    image, pca = result.prepared.image, result.pca
    raw = pca.recorded.truncate(max(pca.above_noise_edge, result.n_components))
    variances = pca.scree_values

    # Its class has moved between HyperSpy's versions, and is where the former one is.
    stored = type(former)()
    stored.decomposition_algorithm = ALGORITHM
    stored.factors = _all_channels(result, raw.components).T
    stored.loadings = _flat(result, raw.scores)
    stored.explained_variance = variances
    stored.explained_variance_ratio = variances / pca.scree_total
    stored.number_significant_components = pca.above_noise_edge
    stored.output_dimension = raw.rank
    stored.poissonian_noise_normalized = False
    stored.centre = None
    # With a mean HyperSpy's own model is wrong, and the signal's data are changed.
    stored.mean = None
    stored.bss_algorithm = "hyperspy_unmix"
    stored.bss_factors = _all_channels(result, result.arrays.spectra * image.widths_in_values).T
    stored.bss_loadings = _flat(result, result.arrays.maps)
    stored.unmixing_matrix = result.arrays.unmixing
    stored.on_loadings = False
    stored.unfolded = False
    stored.original_shape = None
    has_values = image.blocks.pixels | image.copies
    stored.navigation_mask = None if has_values.all() else ~has_values
    stored.signal_mask = _excluded_channels(result)
    signal.learning_results = stored


def _excluded_channels(result: Components) -> Mask | None:
    """Channels outside the analysed range or excluded by the user."""
    image = result.prepared.image
    excluded = image.masked_channels.copy()
    excluded[: image.first] = True
    excluded[image.last :] = True
    return excluded if excluded.any() else None


def _all_channels(result: Components, values: Floats) -> Floats:
    """Rows on the whole energy axis, NaN where excluded, as HyperSpy does."""
    image = result.prepared.image
    full = np.zeros((len(values), len(image.masked_channels)))
    excluded = _excluded_channels(result)
    if excluded is not None:
        full[:, excluded] = np.nan
    full[:, image.blocks.channels] = values
    return full


def _flat(result: Components, values: Floats) -> Floats:
    """Values (pixels that count, components) of all pixels, NaN where they do not count."""
    image = result.prepared.image
    return to_pixels(image, values).reshape(-1, values.shape[1])
