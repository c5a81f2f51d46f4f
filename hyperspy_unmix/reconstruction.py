"""Model, residual and background: the components put together as the counts were recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import numpy as np

from .arrangement import called
from .inputs import check_choice
from .numerics.goodness import Goodness, goodness
from .numerics.noise import Floats
from .numerics.scattering import scatter
from .wrapping import as_image, low_rank_image, moved_back, to_channels

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

    from .preparation import Prepared
    from .unmixing import Unmixing


def model(result: Unmixing, space: Literal["measured", "single_scattering"]) -> BaseSignal:
    """See `Unmixing.model`."""
    check_choice("space", space, ("measured", "single_scattering"))
    image, measured = result.pca.prepared.image, space == "measured"
    scores, components = result.arrays.maps, result.arrays.spectra * image.channel_widths
    if measured:
        scores, components = measured_model(result)
    data = low_rank_image(image, scores, components, recorded=measured)
    return as_image(image, data, f"model ({space.replace('_', ' ')})")


def measured_model(result: Unmixing) -> tuple[Floats, Floats]:
    """Scores and components of the counts as recorded, but for shifts of whole channels."""
    prepared, subtracted = result.pca.prepared, result.pca.corrected.background
    scores = result.arrays.maps
    components = result.arrays.spectra * prepared.image.channel_widths
    if prepared.kernel is not None:
        scores, components = scatter(scores, components, prepared.kernel)
    if subtracted is not None:
        scores = np.concatenate([scores, subtracted[0]], 1)
        components = np.concatenate([components, subtracted[1]])
    return _moved_back(prepared, scores, components)


def goodness_of_fit(result: Unmixing) -> Goodness:
    """Reduced chi-square of every pixel, and the mean residual; a pass over the counts."""
    prepared, background = result.pca.prepared, result.pca.corrected.fit
    fitted = result.n_components + (0 if background is None else background.coefficients)
    channel_sd = result.pca.raw.whitening.channel_sd
    return goodness(
        prepared.image.blocks, *measured_model(result), prepared.noise, channel_sd, fitted
    )


def residual(result: Unmixing) -> BaseSignal:
    """See `Unmixing.residual`."""
    image, found = result.pca.prepared.image, model(result, "measured")
    found.data = image.counts - found.data
    general = found.metadata.General
    general.title = general.title.replace("model (measured)", "residual")
    return found


def background(result: Unmixing) -> BaseSignal | None:
    """See `Unmixing.background`."""
    subtracted, image = result.pca.corrected.background, result.pca.prepared.image
    if subtracted is None:
        return None
    data = low_rank_image(image, *_moved_back(result.pca.prepared, *subtracted), recorded=True)
    return as_image(image, data, "background")


def parts_of_fit(result: Unmixing) -> tuple[BaseSignal, dict[str, Callable[..., Floats]]]:
    """The counts over the analysed range, and what describes them.

    The second: functions of a pixel's place (array order) that return a spectrum each, by name:
    the model, every component as recorded, the background, and the residual.
    """
    prepared, subtracted = result.pca.prepared, result.pca.corrected.background
    image = prepared.image
    data = image.counts
    counts = as_image(image, data, "fit")
    counts.metadata.Signal.quantity = "Counts"
    weights, shapes = recorded_shapes(prepared, result.arrays.spectra * image.channel_widths)
    rows = np.cumsum(image.blocks.pixels) - 1
    kept, scan = image.blocks.pixels, image.navigation_shape
    shifts = image.blocks.shifts

    def at(place: tuple[int, ...], function: Callable[[int], Floats]) -> Floats:
        pixel = int(np.ravel_multi_index(place, scan))
        if not kept[pixel]:
            return np.full(image.last - image.first, np.nan)
        found = to_channels(image, function(int(rows[pixel]))[None])
        return found[0] if shifts is None else moved_back(found, shifts[[pixel], None])[0]

    def component(i: int) -> Callable[..., Floats]:
        own = result.arrays.maps[:, i, None] * weights
        return lambda place: at(place, lambda row: own[row] @ shapes[i])

    parts = {called(name, i): component(i) for i, name in enumerate(result.names)}
    if subtracted is not None:
        scores, components = _moved_back(prepared, *subtracted)
        parts["background"] = lambda place: at(place, lambda row: scores[row] @ components)
    added = list(parts.values())
    model = {"model": lambda place: np.sum([part(place) for part in added], 0)}
    residual = {"residual": lambda place: np.asarray(data[place]) - model["model"](place)}
    return counts, model | parts | residual


def recorded_shapes(prepared: Prepared, spectra: Floats) -> tuple[Floats, Floats]:
    """Spectra (components, channels) as each pixel records them.

    Returns
    -------
    weights : array, shape (pixels, shapes)
    shapes : array, shape (components, shapes, channels)
        A pixel records component i as ``weights @ shapes[i]``.
    """
    alone = weights = np.ones((prepared.image.blocks.shape[0], 1))
    shapes = []
    for spectrum in spectra:
        weights, found = alone, spectrum[None]
        if prepared.kernel is not None:
            weights, found = scatter(weights, found, prepared.kernel)
        weights, found = _moved_back(prepared, weights, found)
        shapes.append(found)
    return weights, np.stack(shapes)


def _moved_back(prepared: Prepared, scores: Floats, components: Floats) -> tuple[Floats, Floats]:
    """Spectra moved back by fractions of a channel to where they were recorded."""
    remainder = prepared.physics.remainder
    if remainder is None:
        return scores, components
    return remainder.move(scores, components, back=True)[:2]
