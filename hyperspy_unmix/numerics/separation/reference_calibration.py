"""Energy offset and resolution at which a reference spectrum is one of the data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import minimize, minimize_scalar

from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.types import Floats

from .known_spectra import SIGMAS_OF_MISFIT, project

MOST_OFFSET, OFFSET_STEP = 15.0, 0.5  # channels
MOST_BROADENING, BROADENING_STEP = 6.0, 1.0  # channels, standard deviation
LEAST_OFFSET, LEAST_BROADENING = 0.1, 0.5  # channels, that are worth saying
LEAST_MISFIT = 0.5  # degrees, below which nothing is worth a look
TOLERANCE, MOST_EVALUATIONS = 0.01, 100  # channels; of the search for both
MOST_LEFT = 0.5  # of the squares of a misfit, by what explains it
MOST_LEFT_BY_ONE = 0.25  # of them, by an offset or a broadening alone: both are taken beyond


@dataclass(frozen=True)
class Calibration:
    """What makes a reference fit, in channels.

    Parameters
    ----------
    offset : float
        By which the energies of the reference are too high.
    broadening : float
        Standard deviation of the Gaussian that broadens the reference, or, negative, the data.
    """

    offset: float
    broadening: float


AS_GIVEN = Calibration(0.0, 0.0)


class _Misfit:
    """Share of a reference's squares that the components lack, noise aside."""

    def __init__(self, moved: Callable[[float], Floats], spectra: LowRank) -> None:
        self.moved, self.spectra = moved, spectra
        self._bases: dict[float, Floats] = {}
        self._noise = self._noise_at(AS_GIVEN)

    def is_also_seen_at(self, at: Calibration) -> None:
        """Where less is left, what is left is more clearly noise."""
        self._noise = min(self._noise, self._noise_at(at))

    def _noise_at(self, at: Calibration) -> float:
        """Squares of what is left there and neighbouring channels have not in common."""
        left = self._left(at)[0]
        return max(float(left @ left) - max(float(left[1:] @ left[:-1]), 0.0), 0.0)

    def __call__(self, at: Calibration) -> float:
        left, size = self._left(at)
        # Of the components, where they are broadened, whose noise this averages.
        averaged = np.sqrt(1 + 4 * np.pi * min(at.broadening, 0.0) ** 2)
        return float(left @ left - self._noise / averaged) / max(size, 1e-300)

    def significance(self, at: Calibration) -> float:
        """Significance of what is left there."""
        components = self._components(at.broadening)
        return project(self._shape(at), components).significance

    def _left(self, at: Calibration) -> tuple[Floats, float]:
        """What the components lack of the reference, whitened, and the squares of all of it."""
        white = self.spectra.whitening.whiten(self._shape(at)[None])[0]
        broadening = min(at.broadening, 0.0)
        if broadening not in self._bases:
            components = self._components(broadening).components
            self._bases[broadening] = np.linalg.qr(self.spectra.whitening.whiten(components).T)[0]
        basis = self._bases[broadening]
        return white - basis @ (white @ basis), float(white @ white)

    def _shape(self, at: Calibration) -> Floats:
        shape = self.moved(at.offset)
        if at.broadening <= 0:
            return shape
        return np.asarray(gaussian_filter1d(shape, at.broadening, mode="nearest"))

    def _components(self, broadening: float) -> LowRank:
        if broadening >= 0:
            return self.spectra
        broad = gaussian_filter1d(self.spectra.components, -broadening, mode="nearest")
        return replace(self.spectra, components=broad)


def calibration_that_fits(
    moved: Callable[[float], Floats], spectra: LowRank, visible: Floats | None = None
) -> Calibration | None:
    """Offset and broadening at which the components hold a reference, if it is there that they do.

    Parameters
    ----------
    moved : callable
        Gives the spectrum (channels,) with its features this many channels lower.
    spectra : LowRank
    visible : array, shape (rank,), optional
        As in `project`.

    Returns
    -------
    Calibration, optional
        The one of an offset, of a broadening, or of both, whichever suffices; None where what the
        components lack is no more than noise, and where neither explains half of it.
    """
    given = project(moved(0.0), spectra, visible)
    if given.significance <= SIGMAS_OF_MISFIT or given.angle < LEAST_MISFIT:
        return None
    # Broad components lack less also because their noise, and what it hides, is averaged.
    least_broadening = -MOST_BROADENING if given.angle > given.limit else 0.0
    misfit = _Misfit(moved, spectra)
    offset = _best(lambda x: misfit(Calibration(x, 0.0)), (-MOST_OFFSET, MOST_OFFSET), OFFSET_STEP)
    misfit.is_also_seen_at(Calibration(offset, 0.0))
    before = misfit(AS_GIVEN)
    broadenings = (least_broadening, MOST_BROADENING)
    broadening = _best(lambda x: misfit(Calibration(0.0, x)), broadenings, BROADENING_STEP)
    single = min((Calibration(offset, 0.0), Calibration(0.0, broadening)), key=misfit)
    found = single
    if misfit(single) > MOST_LEFT_BY_ONE * before:
        found = _best_of_both(misfit, offset, broadenings)
    elif misfit.significance(single) > SIGMAS_OF_MISFIT:
        both = _best_of_both(misfit, single.offset, broadenings)
        found = both if misfit(both) < MOST_LEFT * misfit(single) else single
    is_worth = abs(found.offset) >= LEAST_OFFSET or abs(found.broadening) >= LEAST_BROADENING
    is_inside = abs(found.offset) < MOST_OFFSET and abs(found.broadening) < MOST_BROADENING
    explains = misfit(found) < MOST_LEFT * before
    return found if explains and is_worth and is_inside else None


def _best(cost: Callable[[float], float], limits: tuple[float, float], step: float) -> float:
    """Least cost on a grid, and about it."""
    grid = np.arange(limits[0], limits[1] + step / 2, step)
    best = float(grid[int(np.argmin([cost(float(x)) for x in grid]))])
    bounds = (max(best - step, limits[0]), min(best + step, limits[1]))
    options = {"xatol": TOLERANCE}
    return float(minimize_scalar(cost, bounds=bounds, method="bounded", options=options).x)


def _best_of_both(misfit: _Misfit, offset: float, broadenings: tuple[float, float]) -> Calibration:
    """Least misfit with an offset and a broadening, from the best offset."""
    start = _best(lambda x: misfit(Calibration(offset, x)), broadenings, BROADENING_STEP)
    found = minimize(
        lambda x: misfit(Calibration(float(x[0]), float(x[1]))),
        [offset, start],
        method="Nelder-Mead",
        bounds=[(-MOST_OFFSET, MOST_OFFSET), broadenings],
        options={"xatol": TOLERANCE, "fatol": np.inf, "maxfev": MOST_EVALUATIONS},
    )
    return Calibration(float(found.x[0]), float(found.x[1]))
