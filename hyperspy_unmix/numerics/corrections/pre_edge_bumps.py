"""Bumps before an edge, which are none: a ghost of the zero-loss peak, afterglow of the camera.

What tells a bump from an edge is what lies behind it. Behind a bump the spectrum is back at the
power law that it came from; behind an edge it stays above.
"""

from __future__ import annotations

import numpy as np

from hyperspy_unmix.numerics.types import Floats

from .power_law import power_law, relative_forecast_error, relative_noise

LEAST_HEIGHT = 0.03  # of the law: what stays above it by more is an edge
MOST_LEFT_BEHIND = 0.5  # of a bump's height, within two errors: more may be an edge of its own
LEAST_RISE_BEHIND = 1.5  # times a bump: less than that, and the bump itself may be the edge
FARTHEST = 0.15  # of the energy, from a window: what lies beyond is not beside it
BUMPS_IN_WINDOW = 16  # so much narrower than a window is what is looked for in it
LEAST_SIGMAS = 5.0
LEAST_COMPARED = 4  # channels of a region
Span = tuple[int, int]


def is_bump_between(
    energies: Floats, mean: Floats, before: Span, behind: Span, smoothed: int
) -> bool:
    """Whether what rises between two falling regions comes down again, with more to rise behind.

    Parameters
    ----------
    energies, mean : array, shape (channels,)
    before, behind : (start, stop)
        Two falling regions in this order.
    smoothed : int
        Channels of which heights are averages.
    """
    # Where they overlap, the one before may be the flank of a bump, if it is the shorter.
    overlap = before[1] - behind[0]
    before = before[0], min(before[1], behind[0])
    if before[1] - before[0] < LEAST_COMPARED:
        return False
    # The longer region is known well enough to tell what the other should be.
    is_later_longer = behind[1] - behind[0] >= before[1] - before[0]
    if overlap > before[1] - before[0] or (overlap > 0 and not is_later_longer):
        return False
    longer, shorter = (behind, before) if is_later_longer else (before, behind)
    known, other = slice(*longer), slice(*shorter)
    law = power_law(energies[known], mean[known])
    ratio = mean[other] / law(energies[other])
    above = (1 - ratio.mean()) if is_later_longer else (ratio.mean() - 1)
    at = float(energies[other].mean())
    error = np.hypot(
        relative_noise(ratio) / np.sqrt(len(ratio)),
        relative_forecast_error(energies[known], mean[known], law, at),
    )
    excess = mean - law(energies)
    rising = slice(before[0], behind[0])
    height = _greatest(excess[rising], smoothed)
    share = height / float(law(energies[rising]).mean())
    noise = relative_noise(mean[known] / law(energies[known])) / np.sqrt(smoothed)
    if share < max(LEAST_HEIGHT, LEAST_SIGMAS * np.hypot(error, noise)):
        return False
    if above > max(LEAST_HEIGHT, 3 * error) or above + 2 * error > MOST_LEFT_BEHIND * share:
        return False
    if not is_later_longer and not _foretell_the_same(energies, mean, before, behind):
        return False
    return _greatest(excess[behind[1] :], smoothed) > LEAST_RISE_BEHIND * height


def _foretell_the_same(energies: Floats, mean: Floats, before: Span, behind: Span) -> bool:
    """Whether both regions' laws agree beyond the later: the flank of a bump falls too steeply."""
    at = float(energies[behind[1] - 1]) * (1 + FARTHEST / 3)
    values, errors = [], []
    for span in (before, behind):
        inside = slice(*span)
        law = power_law(energies[inside], mean[inside])
        values.append(float(law(np.array([at]))[0]))
        errors.append(relative_forecast_error(energies[inside], mean[inside], law, at))
    return abs(values[1] / values[0] - 1) < LEAST_HEIGHT + 3 * float(np.hypot(errors[0], errors[1]))


def holds_bump(ratio: Floats, noise: float) -> bool:
    """Whether a spectrum over its own law, less 1, holds a bump far above its noise.

    Parameters
    ----------
    ratio : array
    noise : float
        Standard deviation of one of its values.
    """
    # What is high at an end only is a law that bends.
    ratio = ratio[len(ratio) // 8 : len(ratio) - len(ratio) // 8]
    for width in (BUMPS_IN_WINDOW, 4 * BUMPS_IN_WINDOW):
        channels = max(2, len(ratio) // width)
        if _greatest(ratio, channels) > max(LEAST_HEIGHT, LEAST_SIGMAS * noise / channels**0.5):
            return True
    return False


def start_behind_bump(energies: Floats, mean: Floats, window: Span, least: int) -> int:
    """Where a window behind a bump begins, so that it leaves out the bump's flank.

    The law of its far two thirds says what the flank stands on.

    Parameters
    ----------
    energies, mean : array, shape (channels,)
    window : (start, stop)
    least : int
        Channels that the window keeps.
    """
    start, stop = window
    while stop - start > least:
        far = slice(start + (stop - start) // 3, stop)
        law = power_law(energies[far], mean[far])
        noise = relative_noise(mean[far] / law(energies[far]))
        first = slice(start, start + max(2, (stop - start) // BUMPS_IN_WINDOW))
        at = float(energies[first].mean())
        error = np.hypot(
            noise / np.sqrt(first.stop - start),
            relative_forecast_error(energies[far], mean[far], law, at),
        )
        if np.mean(mean[first] / law(energies[first])) - 1 < 2 * error:
            break
        start += 1
    return start


def bump_before(energies: Floats, mean: Floats, window: Span, smoothed: int) -> float | None:
    """Energy of the highest bump just before a window, or None.

    Parameters
    ----------
    energies, mean : array, shape (channels,)
    window : (start, stop)
    smoothed : int
        Channels of which heights are averages.
    """
    start, stop = window
    first = int(np.searchsorted(energies, (1 - FARTHEST) * energies[start]))
    if start - first < 2 * smoothed + 1:
        return None
    law = power_law(energies[start:stop], mean[start:stop])
    ratio = _running_mean(mean[first:start] / law(energies[first:start]) - 1, smoothed)
    top = int(np.argmax(ratio))
    at = float(energies[first + top : first + top + smoothed].mean())
    error = relative_forecast_error(energies[start:stop], mean[start:stop], law, at)
    noise = relative_noise(mean[start:stop] / law(energies[start:stop])) / np.sqrt(smoothed)
    if top == 0 or ratio[top] < max(LEAST_HEIGHT, LEAST_SIGMAS * np.hypot(error, noise)):
        return None
    # On its far side a bump is back at the law; before an edge there is less.
    far = float(ratio[:top].min())
    return at if abs(far) < MOST_LEFT_BEHIND * ratio[top] + 2 * error else None


def _running_mean(values: Floats, channels: int) -> Floats:
    return np.convolve(values, np.full(channels, 1 / channels), mode="valid")


def _greatest(values: Floats, channels: int) -> float:
    """Greatest mean of so many neighbouring values."""
    return float(_running_mean(values, min(channels, len(values))).max()) if len(values) else 0.0
