"""What the model leaves of the counts beyond noise, from the compressed counts alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from hyperspy_unmix.analysis.compressed import Compressed
from hyperspy_unmix.numerics.certainty.left_over import LeftOver, left_over
from hyperspy_unmix.numerics.separation.sign_and_scale import Normalised
from hyperspy_unmix.settings import MISSING, Choice, Settings, caution, part_of_one

from .forward_model import measured_model

# Of the noise edge: where the answer is right 0.9 to 1.1 are left.
LARGEST_OF_NOISE = 1.2
SMOOTHING_CHANNELS = 2.0  # of the spectrum that is left, to say where it is


@dataclass(frozen=True)
class ResidualFinding:
    """What is left in the residual.

    Parameters
    ----------
    greatest : float
        The largest squared singular value of the whitened residual, over the noise edge.
    number : int
        Of those that are clearly above it.
    n_components : int
        Of the model.
    energy : float
        Where its spectrum stands out of the noise most, in ``unit``.
    unit : str
    share_of_pixels : float
        The fewest pixels that hold half of its squares.
    """

    greatest: float
    number: int
    n_components: int
    energy: float
    unit: str
    share_of_pixels: float

    def choices(self) -> Settings:
        """In plain words."""
        settings: Settings = {
            "residual": Choice(
                self.greatest,
                "largest structure left in the residual: 1 is the most that noise alone leaves",
            )
        }
        if not self.number:
            return settings
        is_one = self.number == 1
        spectra, the_first = ("spectrum", "") if is_one else ("spectra", "the first ")
        place = f"{self.energy:.4g} {self.unit}".rstrip()
        reason = (
            f"{self.number} {spectra} beside those of the components stand{'s' * is_one} out of "
            f"the noise of the residual ({self.greatest:.3g} × what noise leaves), "
            f"{the_first}most at {place}, and half of it in {100 * self.share_of_pixels:.2g} % of "
            "the pixels. plot_residual() shows it: if it is a phase, it is missing from the "
            f"result: compare with unmix(..., n_components={self.n_components + self.number})"
        )
        short = (
            f"{self.number} {spectra} beside the components stand{'s' * is_one} out of the noise, "
            f"{the_first}most at {place}: see plot_residual()."
        )
        weight = MISSING + part_of_one(self.greatest, 2.0)
        return settings | caution("residual", reason, short, weight)


def left_in_residual(pca: Compressed, arrays: Normalised) -> LeftOver:
    """What the model leaves of the counts as recorded; no pass over them."""
    scores, components = measured_model(pca, arrays)
    recorded, values, sums = pca.recorded, pca.scree_values, pca.summed
    if sums is not None and sums.channels > 1:
        # Those that were not counted are larger in single channels than their noise edge.
        recorded = recorded.truncate(max(pca.count.consensus, len(arrays.spectra)))
        is_seen = True
    else:
        # Components that were counted in sums of pixels were judged there.
        is_seen = sums is None
    beyond = float(values[recorded.rank]) if is_seen and len(values) > recorded.rank else 0.0
    return left_over(recorded, scores, components, pca.edge, beyond)


def find_residual(pca: Compressed, n_components: int, left: LeftOver) -> ResidualFinding:
    """What a reader should know of it."""
    image, units = pca.prepared.image, pca.prepared.image.axis.units
    # Noise makes single channels high.
    white = left.spectrum / pca.recorded.whitening.channel_sd
    strength = np.abs(gaussian_filter1d(white, SMOOTHING_CHANNELS))
    return ResidualFinding(
        greatest=left.greatest,
        number=int(np.sum(left.values > LARGEST_OF_NOISE)),
        n_components=n_components,
        energy=float(image.energies[np.argmax(strength)]),
        unit=units if isinstance(units, str) else "",
        share_of_pixels=left.share_of_pixels,
    )
