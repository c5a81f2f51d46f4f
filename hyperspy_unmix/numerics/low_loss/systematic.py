"""Errors of t/lambda that are no counting noise, and what can be known of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from hyperspy_unmix.numerics.types import Floats

from .per_pixel import ReadingPlan
from .zero_loss import ZeroLossPeak

FINE_STRUCTURE = 1 / 137.036
ELECTRON_REST_ENERGY = 511.0  # keV
USUAL_BEAM_ENERGY = 200.0  # keV, where none is known
SPILL_ERROR = 0.3  # of the inelastic electrons below the threshold, as a power law has them
SIGMAS_OF_LEVEL = 3.0  # of what lies before the peak, or follows the counts, to be there
LEAST_PIXELS = 16  # that tell whether counts are lost where the peak is high
LEAST_CHANNELS = 4  # before the peak, that tell the detector's level
FAR_BEFORE_PEAK = 5.0  # FWHM, where only the detector's own level is left


@dataclass(frozen=True)
class SystematicErrors:
    """Standard deviations of t/lambda by reason, each of shape (pixels,).

    They are common to neighbouring pixels: averaging does not make them less.

    Parameters
    ----------
    tail : array
        The zero-loss peak's tail on the side of the losses; where it was not measured in vacuum,
        all that may be one.
    below : array
        Inelastic electrons below the threshold.
    beyond : array
        Those beyond the end of the axis.
    linearity : array
        Counts that the detector seems to lose where the peak is high; zero where the counts do not
        tell.
    """

    tail: Floats
    below: Floats
    beyond: Floats
    linearity: Floats

    @property
    def total(self) -> Floats:
        """All of them."""
        squares = self.tail**2 + self.below**2 + self.beyond**2 + self.linearity**2
        return np.asarray(np.sqrt(squares))


def systematic_errors(
    below: Floats,
    above: Floats,
    zero_loss: Floats,
    beyond: Floats,
    tail_error: float,
    share: float,
) -> SystematicErrors:
    """Errors of the log-ratio beside counting noise.

    Parameters
    ----------
    below, above : array, shape (pixels,)
        Counts below and above the threshold.
    zero_loss : array, shape (pixels,)
        Zero-loss counts.
    beyond : array, shape (pixels,)
        Inelastic electrons that seem to be beyond the end of the axis.
    tail_error : float
        Of the peak's tail, in units of its counts below the threshold.
    share : float
        Of the peak that is below the threshold.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        spilled = np.maximum(below / (share * zero_loss) - 1, 0)
        past_end = np.log1p(np.maximum(beyond, 0) / (below + above))
    lost = _lost_counts(below + above, zero_loss)
    tail = np.full(len(below), tail_error * share)
    return SystematicErrors(tail, SPILL_ERROR * spilled, past_end, lost)


def tail_unknown(energies: Floats, mean: Floats, plan: ReadingPlan) -> float:
    """How much of the spectrum above the threshold may be the peak's, in units of its counts.

    What the peak's other side does not explain at the threshold, falling on as steeply as the peak
    does there; and a level before the peak, as a dark current leaves, where the mirror image of the
    peak has no channels left.
    """
    peak, split = plan.peak, len(plan.peak.shape)
    counts = float(mean[:split].sum())
    width = float(np.median(np.diff(energies)))
    n = max(round(peak.fwhm / (2 * width)), 1)
    first, last = float(mean[split - 1 - n]), float(mean[split - 1])
    excess = max(last - float(peak.tail[0]) * counts, 0.0)
    unexplained = 0.0
    if first > last > 0 and excess > 0:
        # A tail of the source begins at the peak, so that its height at the threshold says how it
        # falls; in a valley that is flat already the spectrum does not.
        from_top = (peak.threshold - peak.centre) / width / np.log(max(mean.max() / excess, math.e))
        decay = min(n / np.log(first / last), from_top)
        unexplained = excess / np.expm1(1 / decay)
    not_mirrored = int(np.sum(energies > 2 * peak.centre - energies[0]))
    constant = abs(_level_before(energies, mean, peak)) * not_mirrored
    return float(np.hypot(unexplained, constant) / max(counts, 1e-300))


def _level_before(energies: Floats, mean: Floats, peak: ZeroLossPeak) -> float:
    """Counts a channel where the axis begins, if that is far before the peak and not just noise."""
    far = mean[energies < peak.centre - FAR_BEFORE_PEAK * peak.fwhm]
    # The peak's own tail falls towards the start of the axis, a dark current does not.
    far = far[: max(len(far) // 3, LEAST_CHANNELS)]
    if len(far) < LEAST_CHANNELS:
        return 0.0
    level, noise = float(far.mean()), float(np.std(far)) / np.sqrt(len(far))
    return level if abs(level) > SIGMAS_OF_LEVEL * noise else 0.0


def _lost_counts(total: Floats, zero_loss: Floats) -> Floats:
    """Share of the zero-loss counts that a detector seems to lose where they are many.

    Electrons that arrive too close together count once, so that fewer are counted where more are
    in one peak: all counts then rise with the thickness, which scattering beyond the aperture only
    makes them fall. Where the beam became stronger just there, it looks alike.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        elastic = np.asarray(zero_loss / total)
    known = np.isfinite(elastic) & (total > 0)
    nothing = np.zeros(len(total))
    if known.sum() < LEAST_PIXELS:
        return nothing
    squared, counted = elastic[known] ** 2, total[known] / total[known].mean()
    about = squared - squared.mean()
    spread = float(about @ about)
    if not spread > 0:
        return nothing
    slope = float(about @ counted) / spread
    left = counted - counted.mean() - slope * about
    error = np.sqrt(float(left @ left) / max(known.sum() - 2, 1) / spread)
    if not -slope > SIGMAS_OF_LEVEL * error:
        return nothing
    return np.asarray(np.where(known, -slope * elastic, 0.0))


def surface_probability(beam_energy: float | None) -> float:
    """Electrons that excite a surface plasmon at either face of a clean foil, as a share.

    ``pi e^2 / (h-bar v)`` of a free-electron metal at normal incidence, both faces, in the
    convention in which ``e^2 / (h-bar c)`` is the fine-structure constant; it does not depend on
    the thickness.

    Parameters
    ----------
    beam_energy : float, optional
        In keV; None for 200.

    References
    ----------
    M. Sunjic, A. A. Lucas, Phys. Rev. B 3 (1971) 719, https://doi.org/10.1103/PhysRevB.3.719
    R. H. Ritchie, Phys. Rev. 106 (1957) 874, https://doi.org/10.1103/PhysRev.106.874
    """
    energy = USUAL_BEAM_ENERGY if beam_energy is None else beam_energy
    velocity = np.sqrt(1 - (ELECTRON_REST_ENERGY / (ELECTRON_REST_ENERGY + energy)) ** 2)
    return float(np.pi * FINE_STRUCTURE / velocity)
