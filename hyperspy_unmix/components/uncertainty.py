"""Error bands of spectra and maps, and what is to be said about single components.

`Separated` knows the errors of the components in the order and with the signs in which they were
separated; here they get the order and the signs that they have now.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from hyperspy_unmix.analysis.compressed import Compressed
from hyperspy_unmix.analysis.separated import LEAST_STABLE, Separated
from hyperspy_unmix.numerics.certainty.background_spread import BackgroundSpread
from hyperspy_unmix.numerics.certainty.map_noise import COUNTS_ADDED, map_variance
from hyperspy_unmix.numerics.separation.sign_and_scale import Normalised
from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.preparation.spectrum_image import Image
from hyperspy_unmix.settings import MISSING, UNDECIDED, Caution, Choice, Settings, caution

from .ambiguity import SpectralAmbiguity
from .as_signals import as_spectra
from .naming import called
from .other_answers import OtherAnswers

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

MOST_CHI_SQUARE = 1.1  # reduced, mean of pixels, up to which only noise is left


def spectra_variance(
    separated: Separated, arrays: Normalised, image: Image, spread: BackgroundSpread | None
) -> Floats:
    """Variance of the spectra, shape (components, channels)."""
    variance = separated.spectra_variance[arrays.origin]
    if arrays.background_variance is not None:
        return _on_channels(separated, image, variance + arrays.background_variance)
    of_background = background_variance(separated, arrays, image, spread)
    return _on_channels(separated, image, variance) + of_background


def noise_variance(separated: Separated, arrays: Normalised, image: Image) -> Floats:
    """What the noise of the counts alone gives the spectra, shape (components, channels)."""
    sd = separated.spectra.whitening.channel_sd / separated.widths
    variance = separated.noise_of_spectra[arrays.origin][:, None] * sd**2
    return _on_channels(separated, image, variance)


def background_variance(
    separated: Separated, arrays: Normalised, image: Image, spread: BackgroundSpread | None
) -> Floats:
    """What the background adds to the variance of the spectra, shape (components, channels)."""
    if arrays.background_variance is not None:
        return arrays.background_variance
    if spread is None:
        return np.zeros_like(arrays.spectra)
    # What was given stands as it is.
    is_held = np.isin(arrays.origin, separated.held)[:, None]
    return np.asarray(spread.spectra_variance() / image.widths_in_values**2 * ~is_held)


def counts_variance(
    separated: Separated, arrays: Normalised, image: Image, spread: BackgroundSpread | None
) -> Floats:
    """Variance of the spectra in counts, shape (components, channels)."""
    sums, widths = arrays.maps.sum(0), image.widths_in_values
    variance = separated.totals_variance(_as_separated(separated, arrays, sums))[arrays.origin]
    if arrays.background_variance is not None:
        variance = variance + sums[:, None] ** 2 * arrays.background_variance
        return _on_channels(separated, image, variance) * widths**2
    variance = _on_channels(separated, image, variance) * widths**2
    return variance if spread is None else variance + sums[:, None] ** 2 * spread.totals_variance()


def background_modes(arrays: Normalised, spread: BackgroundSpread | None) -> Floats:
    """Independent errors of the spectra in counts that are the background's, of one s.d. each.

    Shape (components, modes, channels); of spectra that were given, one of all channels at once.
    """
    if arrays.background_variance is not None:
        return np.asarray(
            (arrays.maps.sum(0)[:, None] * np.sqrt(arrays.background_variance))[:, None]
        )
    if spread is None:
        return np.zeros((len(arrays.spectra), 0, arrays.spectra.shape[1]))
    return spread.modes


def changes_now(separated: Separated, arrays: Normalised) -> Floats:
    """`Separated.changes` in the order and with the signs that the components have now."""
    places, sign = arrays.origin, _signs(separated, arrays)
    of_pair = np.outer(sign, sign)
    changes = separated.changes[np.ix_(places, places, places, places)]
    return np.asarray(of_pair[:, :, None, None] * changes * of_pair)


def maps_variance(
    pca: Compressed, separated: Separated, arrays: Normalised, spread: BackgroundSpread | None
) -> Floats:
    """Variance of the maps, shape (pixels, components): noise, the mixing, the background."""
    noise = maps_noise(pca, separated, arrays)
    places_now = np.argsort(arrays.origin)
    maps = _as_separated(separated, arrays, arrays.maps)
    variance = separated.maps_variance(maps, noise[:, places_now])[:, arrays.origin]
    return variance if spread is None else variance + spread.maps_variance()


def maps_noise(
    pca: Compressed, separated: Separated, arrays: Normalised, counts_added: float = COUNTS_ADDED
) -> Floats:
    """Variance that the noise of each pixel gives to the maps, shape (pixels, components).

    For ``counts_added`` see `map_variance`.
    """
    if arrays.map_noise is not None:
        return arrays.map_noise
    if separated.noise_of_maps is not None:
        return separated.noise_of_maps[:, arrays.origin]
    kernel, noise = pca.prepared.kernel, pca.prepared.noise
    weights = None if kernel is None or kernel.is_none else kernel.inverse[0]
    structure = max(pca.above_noise_edge, 1)
    return map_variance(pca.recorded, noise, arrays.maps, weights, structure, counts_added)


def unstable(stability: Floats, names: tuple[str, ...]) -> list[str]:
    """Names of the components whose stability is below what is called stable."""
    return [names[i] for i in np.flatnonzero(stability < LEAST_STABLE)]


def may_lie_under(separated: Separated, arrays: Normalised) -> dict[int, list[int]]:
    """Components too smooth to tell whether they lie under others, and those others; by numbers."""
    origin = arrays.origin
    may_be = separated.may_lie_under[np.ix_(origin, origin)]
    return {int(j): np.flatnonzero(may_be[:, j]).tolist() for j in np.flatnonzero(may_be.any(0))}


def choices(
    unstable_names: list[str], ambiguity: SpectralAmbiguity, films: Mapping[int, list[int]]
) -> Settings:
    """What a reader of the summary should know about how sure the components are.

    ``films`` are from `may_lie_under`.
    """
    settings: Settings = {}
    others = ambiguity.others
    if unstable_names:
        settings["UNSTABLE"] = Choice(
            unstable_names,
            "not reproduced when repeated with new noise, starting points and chance mixing: "
            "stability below "
            f"{LEAST_STABLE:g}",
        )
    value = "look at it" if ambiguity.pairs else "small"
    settings["ambiguity"] = Choice(value, ambiguity.sentence)
    for film, over in films.items():
        name = ambiguity.names[film]
        of_others = ", ".join(ambiguity.names[i] for i in over)
        spectrum = f'{{"film": u.spectra.inav[{film}]}}'
        hint = (
            f"too smooth a spectrum to tell whether it lies under {of_others} too, as a film or a "
            f"background does; it is shown as if it did not. If it does: "
            f"{others.known(spectrum)}, u this result"
        )
        who = called(name, film)
        short = (
            f"{who[:1].upper()}{who[1:]} may lie under {of_others} too, as a film does: try "
            f"{others.known(spectrum)}."
        )
        settings |= caution(f"component {name}", hint, short, UNDECIDED)
    if ambiguity.hint and not films:
        settings |= caution("ambiguity", ambiguity.hint, ambiguity.short, UNDECIDED + 0.2)
    return settings


def goodness_choices(chi_square: Floats | None) -> Settings:
    """How well the model describes the counts, of a sample of pixels; see `sampled_chi_square`."""
    if chi_square is None or not np.isfinite(chi_square).any():
        return {}
    mean, greatest = float(np.nanmean(chi_square)), float(np.nanmax(chi_square))
    reason = (
        f"mean of {len(chi_square)} pixel{'s' * (len(chi_square) != 1)}, at most {greatest:.3g}; "
        "1 is noise alone"
    )
    if mean <= MOST_CHI_SQUARE:
        return {"reduced chi-square": Choice(mean, reason)}
    reason += (
        "; more than noise is left: look at plot_residual(), and compare with one component more"
    )
    short = f"More than noise is left (reduced chi-square {mean:.3g}): see plot_residual()."
    return {"reduced chi-square": Caution(mean, reason, short, MISSING)}


def spectral_ambiguity(
    separated: Separated,
    arrays: Normalised,
    image: Image,
    names: tuple[str, ...],
    others: OtherAnswers,
) -> SpectralAmbiguity:
    """How far each spectrum may hold more or less of the others; see `Components.ambiguity`."""
    ranges, origin, sign = separated.ambiguity, arrays.origin, _signs(separated, arrays)
    # A share is counted the other way where one of the two components was reversed.
    in_order = np.ix_(origin, origin)
    low, high = ranges.lowest[in_order], ranges.highest[in_order]
    is_reversed = np.outer(sign, sign) < 0
    shares = np.stack([np.where(is_reversed, -high, low), np.where(is_reversed, -low, high)], -1)
    # The lower bound of a reversed spectrum is the upper one of what it was.
    first = sign[:, None] * _on_channels(separated, image, ranges.lower[origin])
    second = sign[:, None] * _on_channels(separated, image, ranges.upper[origin])
    bounds = np.stack([first, second])

    def as_bound(values: Floats, which: str) -> BaseSignal:
        title = f"component spectra, {which} bound"
        return as_spectra(image, values, title, "Intensity", is_binned=False)

    lower, upper = as_bound(bounds.min(0), "lower"), as_bound(bounds.max(0), "upper")
    return SpectralAmbiguity(names, shares, lower, upper, others)


def _on_channels(separated: Separated, image: Image, values: Floats) -> Floats:
    """Rows over the channels where components were found, on those of the result's signal."""
    known_energies, energies = separated.energies, image.energies
    if np.array_equal(known_energies, energies):
        return values
    order = np.argsort(known_energies)
    return np.stack([np.interp(energies, known_energies[order], row[order]) for row in values])


def _signs(separated: Separated, arrays: Normalised) -> Floats:
    """Minus one for each component that was reversed."""
    unmixing = separated.arrays.unmixing[arrays.origin]
    return np.asarray(np.sign(np.sum(arrays.unmixing * unmixing, 1)))


def _as_separated(separated: Separated, arrays: Normalised, values: Floats) -> Floats:
    """Values (..., components) in the order and with the signs that the components had at first."""
    signed = values * _signs(separated, arrays)
    return np.asarray(signed[..., np.argsort(arrays.origin)])
