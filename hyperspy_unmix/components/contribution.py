"""Some of the components as each pixel records them, and the counts without them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from hyperspy_unmix.analysis.compressed import Compressed
from hyperspy_unmix.numerics.separation.sign_and_scale import Normalised
from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.preparation.spectrum_image import to_channels

from .as_signals import as_image, low_rank_image
from .forward_model import measured_model

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

# Of a channel's mean variance, the least of a pixel: a model of no counts is no certainty.
LEAST_OF_MEAN_VARIANCE = 0.01


def contribution(
    pca: Compressed,
    arrays: Normalised,
    places: list[int],
    space: Literal["measured", "single_scattering"],
) -> Any:
    """Values that these components add to the model; see `Components.model`."""
    image = pca.prepared.image
    spectra, maps = arrays.spectra[places] * image.widths_in_values, arrays.maps[:, places]
    if space == "single_scattering":
        return low_rank_image(image, maps, spectra)
    weights, shapes = pca.prepared.corrections.recorded_shapes(spectra, len(maps))
    scores = (maps[:, :, None] * weights[:, None, :]).reshape(len(maps), -1)
    return low_rank_image(image, scores, shapes.reshape(scores.shape[1], -1), recorded=True)


def without(pca: Compressed, arrays: Normalised, places: list[int], names: str) -> BaseSignal:
    """The counts as recorded less these components; see `Components.subtract`."""
    image = pca.prepared.image
    data = image.counts - contribution(pca, arrays, places, "measured")
    title, own_type = f"without {names}", str(image.frame.metadata.Signal.signal_type)
    signal = as_image(image, data, title, own_type)
    signal.metadata.Signal.quantity = pca.prepared.unit.capitalize()
    variance = _variance(pca, arrays)
    if variance is not None:
        signal.set_noise_variance(as_image(image, variance, f"{title}: variance"))
    return signal


def _variance(pca: Compressed, arrays: Normalised) -> Any:
    """Variance of the counts over the scan and the analysed range, by the noise model.

    None where the noise of neighbouring channels is correlated, which no variance of single
    values states.
    """
    noise, image = pca.prepared.noise, pca.prepared.image
    if noise.correlation:
        return None
    if noise.kind == "given":
        assert image.blocks.variance is not None
        return image.blocks.variance[..., image.first : image.last]
    scores, components = measured_model(pca, arrays)
    mean = scores.mean(0, keepdims=True) @ components
    of_mean = _on_range(pca, np.asarray(noise.variance(mean)))
    model = low_rank_image(image, scores, components, recorded=True)
    if noise.kind in ("scatter", "uniform"):
        return model * np.float32(0) + of_mean
    gain = 1.0 if noise.kind == "poisson" else noise.channel_gain
    read = 0.0 if noise.kind == "poisson" else noise.read_variance
    least = np.maximum(LEAST_OF_MEAN_VARIANCE * of_mean, np.finfo(np.float32).tiny)
    return np.maximum(np.float32(gain) * model + np.float32(read), least.astype(np.float32))


def _on_range(pca: Compressed, values: Floats) -> Floats:
    """One row over the channels that count, on the analysed range."""
    row: Floats = to_channels(pca.prepared.image, values)[0]
    return row.astype(np.float32)
