"""How far the background may be wrong in spectra and maps, and what to do where it is much."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hyperspy_unmix.analysis.compressed import Compressed
from hyperspy_unmix.analysis.separated import Separated
from hyperspy_unmix.numerics.certainty.background_spread import BackgroundSpread
from hyperspy_unmix.numerics.corrections.background import Background
from hyperspy_unmix.numerics.corrections.extrapolation_error import extrapolation_error
from hyperspy_unmix.numerics.separation.sign_and_scale import Normalised
from hyperspy_unmix.preparation.automatic_window import NextWindow, next_window
from hyperspy_unmix.settings import UNDECIDED, Settings, caution, in_words, part_of_one

MOST_OF_COUNTS = 1 / 3  # of a component, that the background's error may be: one standard deviation


@dataclass(frozen=True)
class ExtrapolationFinding:
    """Components whose counts the background may change much.

    Parameters
    ----------
    names : tuple of str
        Of the components; none where the errors are small.
    shares : tuple of float
        Standard deviation of their counts for the background alone, over the counts.
    window : tuple of (float, float)
        First and last energy in which it is fitted.
    end : float
        Last energy to which it is continued.
    unit : str
        Of the energies.
    later : NextWindow, optional
        Another window, before a later edge.
    """

    names: tuple[str, ...]
    shares: tuple[float, ...]
    window: tuple[float, float]
    end: float
    unit: str
    later: NextWindow | None

    def choices(self) -> Settings:
        """In plain words."""
        if not self.names:
            return {}
        several = "s" * (len(self.names) > 1)
        shares = in_words([f"{100 * share:.0f} %" for share in self.shares])
        start, stop = self.window
        advice = (
            "a wider one without edges in it, or one nearer to the edge that you need: "
            "background=(start, end)"
        )
        try_window = "see what another window gives, background=(start, end)"
        if self.later is not None:
            later = self.later
            try_window = f"see what background=({later.start:.5g}, {later.end:.5g}) gives"
            advice = (
                f"background=({later.start:.5g}, {later.end:.5g}), before "
                f"{later.edge}: what is analysed then begins there, and without the edges below it"
            )
        hint = (
            f"the background is fitted from {start:.5g} to {stop:.5g} {self.unit} and continued to "
            f"{self.end:.5g}. No background follows its law so far that the counts of component"
            f"{several} {in_words(self.names)} are known to better than {shares} (one standard "
            f"deviation; it is part of their errors). See what another window makes of it: {advice}"
        )
        short = (
            f"The background makes the counts of component{several} {in_words(self.names)} "
            f"uncertain by {shares}: {try_window}."
        )
        weight = UNDECIDED + part_of_one(max(self.shares), 1.0)
        return caution("background error", hint, short, weight)


def background_spread(
    pca: Compressed, separated: Separated, arrays: Normalised
) -> BackgroundSpread | None:
    """Errors that are those of the background; None where none was fitted."""
    fit, image = pca.background_fit, pca.prepared.image
    background = pca.prepared.corrections.find(Background)
    if fit is None or background is None:
        return None
    error = extrapolation_error(background, fit)
    return BackgroundSpread(
        arrays.spectra * image.widths_in_values,
        arrays.maps,
        error.height,
        error.shared,
        error.of_noise,
        separated.noise_of_spectra[arrays.origin],
        pca.raw.whitening.channel_sd,
        arrays.unit_integral,
    )


def find_extrapolation(
    pca: Compressed, names: tuple[str, ...], spread: BackgroundSpread | None
) -> ExtrapolationFinding | None:
    """What a reader should know of it; None where no background was fitted."""
    if spread is None:
        return None
    image, window = pca.prepared.image, pca.prepared.window
    shares = spread.relative
    much = np.flatnonzero(shares > MOST_OF_COUNTS).tolist()
    channels = window.channels
    return ExtrapolationFinding(
        tuple(names[i] for i in much),
        tuple(float(shares[i]) for i in much),
        (float(image.energies[channels[0]]), float(image.energies[channels[-1]])),
        float(image.energies[-1]),
        str(image.axis.units),
        next_window(image, window) if much else None,
    )
