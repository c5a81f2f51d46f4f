"""The components put together as the counts were recorded: model, background, fit, and back.

What lies between counts and components is in one place, ``prepared.corrections``: `restore` gives
the model, `removal_from_counts` the preprocessed counts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from hyperspy_unmix.analysis.compressed import Compressed
from hyperspy_unmix.numerics.fitting.goodness import Goodness, chi_square_of_sample, goodness
from hyperspy_unmix.numerics.reading.block import Block
from hyperspy_unmix.numerics.separation.sign_and_scale import Normalised
from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.preparation.spectrum_image import channel_filler, to_channels

from .as_signals import as_image, image_of, low_rank_image, moved_back
from .naming import called

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal


def model(
    pca: Compressed, arrays: Normalised, space: Literal["measured", "single_scattering"]
) -> Any:
    """Values of the model, over the scan and the analysed range; see `Components.model`."""
    image = pca.prepared.image
    if space == "measured":
        scores, components = measured_model(pca, arrays)
        return low_rank_image(image, scores, components, recorded=True)
    return low_rank_image(image, arrays.maps, arrays.spectra * image.widths_in_values)


def residual(pca: Compressed, arrays: Normalised) -> Any:
    """The counts as recorded less the model; NaN in channels that are dead or hot."""
    image, (scores, components) = pca.prepared.image, measured_model(pca, arrays)
    return image.counts - low_rank_image(
        image, scores, components, recorded=True, interpolated=False
    )


def measured_model(pca: Compressed, arrays: Normalised) -> tuple[Floats, Floats]:
    """Scores and components of the counts as recorded, but for shifts of whole channels."""
    spectra = arrays.spectra * pca.prepared.image.widths_in_values
    return pca.prepared.corrections.restore(arrays.maps, spectra, pca.corrected.fits)


def added(pca: Compressed) -> tuple[Floats, Floats]:
    """Scores and components of the background and its like, as recorded; there may be none."""
    return pca.prepared.corrections.added(pca.prepared.image.blocks.shape, pca.corrected.fits)


def goodness_of_fit(pca: Compressed, arrays: Normalised) -> Goodness:
    """Reduced chi-square of every pixel, and the mean residual; a pass over the counts."""
    prepared, n_fitted = pca.prepared, _number_fitted(pca, arrays)
    scores, components = measured_model(pca, arrays)
    return goodness(
        prepared.image.blocks,
        scores,
        components,
        prepared.noise,
        pca.raw.whitening.channel_sd,
        n_fitted,
    )


def sampled_chi_square(pca: Compressed, arrays: Normalised) -> Floats | None:
    """Reduced chi-square of the pixels that the first pass kept; the data are not read.

    None where the variance of these pixels is known to the data alone.
    """
    prepared, summary = pca.prepared, pca.prepared.image.summary
    if summary.sampled is None or prepared.noise.kind == "given":
        return None
    scores, components = measured_model(pca, arrays)
    return chi_square_of_sample(
        summary.sample,
        scores[summary.sampled],
        components,
        prepared.noise,
        pca.raw.whitening.channel_sd,
        _number_fitted(pca, arrays),
    )


def _number_fitted(pca: Compressed, arrays: Normalised) -> int:
    """Numbers fitted to each pixel."""
    fit = pca.background_fit
    return len(arrays.spectra) + (0 if fit is None else fit.coefficients)


def background(pca: Compressed) -> BaseSignal | None:
    """What was subtracted before the deconvolution; see `Components.background`."""
    scores, components = added(pca)
    if not len(components):
        return None
    image = pca.prepared.image
    data = low_rank_image(image, scores, components, recorded=True)
    return as_image(image, data, "background")


def preprocessed(pca: Compressed) -> BaseSignal:
    """The counts without what was taken out of them; see `PCA.preprocessed`."""
    image = pca.prepared.image
    per_pixel, remove = pca.prepared.corrections.removal_from_counts(pca.corrected.fits)
    fill = channel_filler(image)

    def on_block(block: Block) -> Floats:
        return fill(remove(block.spectra, block.per_pixel).astype(np.float32))

    return image_of(image, on_block, "preprocessed", "preprocessing", *per_pixel)


def parts_of_fit(
    pca: Compressed, arrays: Normalised, names: tuple[str, ...]
) -> tuple[BaseSignal, dict[str, Callable[..., Floats]]]:
    """The counts over the analysed range, and what describes them.

    The second: functions of a pixel's place (array order) that return a spectrum each, by name:
    the model, every component as recorded, the background, and the residual.
    """
    prepared, image = pca.prepared, pca.prepared.image
    data = image.counts
    counts = as_image(image, data, "fit")
    counts.metadata.Signal.quantity = prepared.unit.capitalize()
    weights, shapes = prepared.corrections.recorded_shapes(
        arrays.spectra * image.widths_in_values, image.blocks.shape[0]
    )
    rows = np.cumsum(image.blocks.pixels) - 1
    shifts = image.blocks.shifts

    def at(
        place: tuple[int, ...], function: Callable[[int], Floats], *, interpolated: bool = True
    ) -> Floats:
        """Function of a row, on the channels on which the pixel at this place was recorded."""
        pixel = int(np.ravel_multi_index(place, image.navigation_shape))
        if image.copies[pixel]:
            assert image.copy_of is not None
            pixel = int(image.copy_of[pixel])
        if not image.blocks.pixels[pixel]:
            return np.full(image.last - image.first, np.nan)
        values = function(int(rows[pixel]))[None]
        spectra = to_channels(image, values, interpolated=interpolated)
        if shifts is not None:
            spectra = moved_back(spectra, shifts[[pixel], None])
        spectrum: Floats = spectra[0]
        return spectrum

    def component(i: int) -> Callable[..., Floats]:
        scores = arrays.maps[:, i, None] * weights
        return lambda place: at(place, lambda row: scores[row] @ shapes[i])

    parts = {called(name, i): component(i) for i, name in enumerate(names)}
    scores, components = added(pca)
    if len(components):
        parts["background"] = lambda place: at(place, lambda row: scores[row] @ components)
    summed = list(parts.values())

    def model_at(place: tuple[int, ...]) -> Floats:
        return np.asarray(np.sum([part(place) for part in summed], 0))

    def residual_at(place: tuple[int, ...]) -> Floats:
        # Dead and hot channels are in no residual.
        nothing = at(place, lambda row: np.zeros(image.blocks.shape[1]), interpolated=False)
        return np.asarray(data[place]) - model_at(place) + nothing

    return counts, {"model": model_at, **parts, "residual": residual_at}
