"""A low loss that may make it worse: compared with none, and the better of the two taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hyperspy_unmix.components.forward_model import goodness_of_fit, sampled_chi_square
from hyperspy_unmix.components.uncertainty import MOST_CHI_SQUARE
from hyperspy_unmix.preparation.low_loss_place import LowLossPlace
from hyperspy_unmix.preparation.low_loss_report import MOST_BEYOND, LowLossFinding
from hyperspy_unmix.settings import (
    MISSING,
    Choice,
    FrozenSettings,
    Settings,
    Told,
    caution,
    cautions_in,
    choices_of,
    finding_of,
    held_back,
    warn,
    warn_of,
)

from .unmixing import Unmixing

MOST_NEGATIVE = 0.02  # of all counts, that components may take away before it is looked at
CLEARLY_VISIBLE = 4.0  # times the noise edge
LEAST_GAIN = 0.05  # of the reduced chi-square, that makes one of the two better


@dataclass(frozen=True)
class Fit:
    """How well a result describes the counts as recorded.

    Parameters
    ----------
    chi_square : float
        Reduced, mean of pixels.
    negative : float
        Counts that components take away in all, as a share of those that others add.
    components : int
    """

    chi_square: float
    negative: float
    components: int

    @classmethod
    def of(cls, result: Unmixing) -> Fit:
        """The fit of a result; a pass over the data where the pixels sampled do not tell."""
        chi_square = sampled_chi_square(result.pca, result.arrays)
        if chi_square is None:
            chi_square = goodness_of_fit(result.pca, result.arrays).chi_square
        return cls(float(np.nanmean(chi_square)), negative_share(result), result.n_components)

    def is_no_better_than(self, other: Fit) -> bool:
        """Whether the other fits as well, with as few components and as little taken away."""
        fits = other.chi_square < (1 + LEAST_GAIN) * self.chi_square
        is_clean = other.negative < self.negative + MOST_NEGATIVE
        return fits and is_clean and other.components <= self.components

    def is_worse_than(self, other: Fit) -> bool:
        """Whether the other is clearly better: fits better, with less, or takes no counts away.

        Without plural scattering in the counts there are fewer components, never more.
        """
        if self.is_no_better_than(other) and other.components < self.components:
            return True
        takes_away = self.negative > MOST_NEGATIVE and other.negative < self.negative / 2
        if takes_away and other.chi_square < (1 + LEAST_GAIN) * self.chi_square:
            return True
        fits_better = other.chi_square < (1 - LEAST_GAIN) * self.chi_square
        is_misfit = self.chi_square > MOST_CHI_SQUARE
        return is_misfit and fits_better and other.negative < self.negative + MOST_NEGATIVE

    def words(self) -> str:
        """As it is printed."""
        s = "s" * (self.components != 1)
        words = f"reduced chi-square {self.chi_square:.3g}, {self.components} component{s}"
        if self.negative > MOST_NEGATIVE:
            words += f", of which some take {100 * self.negative:.0f} % of the counts away"
        return words


@dataclass(frozen=True)
class Doubts:
    """What speaks against a low loss.

    Parameters
    ----------
    beyond : float
        Share of the inelastic electrons beyond its end.
    is_off, is_of_another_scan : bool
        See `LowLossPlace`.
    negative : float
        Share of the counts that components take away.
    takes_nothing_out : bool
        Whether the counts hold no more components than are left without plural scattering, though
        the scattering that it tells of would be seen.
    """

    beyond: float = 0.0
    is_off: bool = False
    is_of_another_scan: bool = False
    negative: float = 0.0
    takes_nothing_out: bool = False

    @classmethod
    def of(cls, result: Unmixing) -> Doubts:
        """About the low loss of a result."""
        low_loss = result.prepared.low_loss
        if low_loss is None or not low_loss.deconvolves or low_loss.method != "ratio":
            return cls()
        place = finding_of(result.prepared.findings, LowLossPlace)
        return cls(
            beyond=low_loss.analysis.beyond,
            is_off=place is not None and place.is_off,
            is_of_another_scan=place is not None and place.is_of_another_scan,
            negative=negative_share(result),
            takes_nothing_out=_takes_nothing_out(result),
        )

    def words(self) -> list[str]:
        """Each of them."""
        each = {
            "ends too early": self.beyond > MOST_BEYOND,
            "lies beside the core loss": self.is_off,
            "explains next to nothing of the core loss's counts": self.is_of_another_scan,
            "leads to components that take counts away": self.negative > MOST_NEGATIVE,
            "tells of plural scattering that the core loss does not show, as one of other pixels "
            "does": self.takes_nothing_out,
        }
        return [words for words, is_so in each.items() if is_so]


@dataclass(frozen=True)
class LowLossComparison:
    """The fits with and without a low loss, why it was looked at, and whether it is used."""

    with_it: Fit
    without: Fit
    doubts: Doubts
    is_used: bool

    def choices(self) -> Settings:
        """In plain words."""
        compared = f"with it {self.with_it.words()}; without {self.without.words()}"
        why = f"compared because it {' and '.join(self.doubts.words())}"
        if self.is_used:
            return {"low loss compared": Choice("used", f"{compared} ({why})")}
        hint = (
            f"the low loss makes it no better and is not used: {compared} ({why}). So components "
            "hold plural scattering, and there is neither t/lambda nor densities; "
            "s.pca(low_loss=ll).ica() uses it all the same"
        )
        short = "The low loss makes it no better and is not used: no t/lambda, no densities."
        return caution("low loss not used", hint, short, MISSING)


def negative_share(result: Unmixing) -> float:
    """Counts that components take away in all, as a share of those that others add."""
    widths = result.prepared.image.channel_widths
    counts = result.arrays.maps.sum(0) * (result.arrays.spectra @ widths)
    return float(-counts[counts < 0].sum() / max(float(counts[counts > 0].sum()), 1e-300))


def better_of(
    result: Unmixing, make_without: Callable[[], Unmixing], said: Sequence[str] = ()
) -> Unmixing:
    """The result, or the one without its low loss where that is better.

    The second is only made where something speaks against the low loss: its end, its place, or
    components that take counts away.

    Parameters
    ----------
    result : Unmixing
        With a low loss, if there is one.
    make_without : callable
        The same without it.
    said : sequence of str
        Warnings of the result that were held back. What is returned is warned of, and nothing else.
    """
    doubts = Doubts.of(result)
    if not doubts.words():
        warn(*dict.fromkeys(said))
        return result
    with held_back() as said_without:
        without = make_without()
    with_fit, without_fit = Fit.of(result), Fit.of(without)
    is_worse = with_fit.is_worse_than(without_fit)
    is_useless = doubts.takes_nothing_out and with_fit.is_no_better_than(without_fit)
    finding = LowLossComparison(with_fit, without_fit, doubts, not (is_worse or is_useless))
    if finding.is_used:
        warn(*dict.fromkeys(said))
        warn_of(finding)
        return replace(result, choices=FrozenSettings({**result.choices, **finding.choices()}))
    # What is wrong with the low loss is to be known all the same.
    findings = result.prepared.findings
    about = (f for f in findings if isinstance(f, (LowLossFinding, LowLossPlace)))
    of_low_loss = cautions_in(choices_of(about))
    warn(*dict.fromkeys(said_without))
    warn_of(Told(of_low_loss), finding)
    choices = FrozenSettings({**without.choices, **of_low_loss, **finding.choices()})
    return replace(without, choices=choices)


def _takes_nothing_out(result: Unmixing) -> bool:
    """Whether the plural scattering that the low loss tells of would be seen, and is not."""
    pca = result.pca
    is_fewer = pca.count.consensus < pca.above_noise_edge
    return not is_fewer and pca.summed is None and _visible_scattering(result)


def _visible_scattering(result: Unmixing) -> bool:
    """Whether the scattering of all components together makes a component of its own.

    Above the noise, and beside their mean spectrum as it is scattered on average.
    """
    pca, arrays = result.pca, result.arrays
    image, kernel = pca.prepared.image, pca.prepared.kernel
    if kernel is None or kernel.is_none:
        return False
    spectra = arrays.spectra * image.widths_in_values
    total = np.maximum(arrays.maps, 0)
    mean = (total.sum(0) @ spectra)[None]
    mean = mean / max(float(mean.sum()), 1e-300)
    counts = (total @ spectra.sum(1))[:, None]
    scores, components = kernel.restore(counts, mean)
    raw = pca.recorded
    white = raw.whitening.whiten(components)
    scattered = (scores.mean(0) @ components)[None]
    known = np.linalg.qr(raw.whitening.whiten(scattered).T)[0]
    beside = white - (white @ known) @ known.T
    axes = np.linalg.qr(beside.T)[1]
    weighted = np.sqrt(raw.weights)[:, None] * (scores @ axes.T)
    greatest = float(np.linalg.eigvalsh(weighted.T @ weighted)[-1])
    return greatest > CLEARLY_VISIBLE * pca.edge
