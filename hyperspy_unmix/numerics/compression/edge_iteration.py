"""Eigenvalues above the noise edge and the first of noise, by products with a few vectors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hyperspy_unmix.numerics.linear_algebra import LanczosSpace, lanczos_spaces
from hyperspy_unmix.numerics.types import Floats

VECTORS = 16  # in a block: with fewer more products are needed, and with more each takes longer
LEAST_STEPS, MOST_STEPS = 8, 24
MOST_ABOVE_EDGE = 3 * VECTORS  # components, of which all eigenvalues are cheaper
VALUES_SHOWN = 30  # at least, by a scree plot
VALUES_BELOW_EDGE = 16  # at least, by which the elbow knows the noise
MOST_GROWTH = 3.0  # of the strongest value of noise from now on, over that of the last step
VALUE_TOLERANCE = 1e-4  # of a value, by which it may be too small
NOISE_TOLERANCE = 3e-3  # by what share values of noise may still change in a step
SINE_TOLERANCE = 0.02  # of the angle between the weakest direction and the true one


@dataclass(frozen=True)
class AboveEdge:
    """A space that holds what is above the noise edge: ``number`` eigenvalues."""

    space: LanczosSpace
    number: int


def iterate_to_edge(
    product: Callable[[Floats], Floats],
    m: int,
    edge: float,
    known: Floats | None = None,
    *,
    noise_tolerance: float = NOISE_TOLERANCE,
) -> AboveEdge | None:
    """Block Lanczos iteration until what is above the noise edge has converged.

    A value is too small by at most its squared residual over its distance to the next one, and the
    sine of the angle between its direction and the true one at most residual over distance.

    Parameters
    ----------
    product : callable
        Gives a symmetric matrix (m, m) times a block of vectors (m, any).
    m : int
    edge : float
        Largest eigenvalue that noise reaches.
    known : array, shape (less than `VECTORS`, m), optional
        Directions near the strongest, independent of each other.
    noise_tolerance : float
        By what share values of noise may still change in a step.

    Returns
    -------
    AboveEdge or None
        None where it does not converge, as of very many components.

    References
    ----------
    G. H. Golub, C. F. Van Loan, Matrix Computations, 4th ed. (2013), sections 8.1.3 and 10.3.6
    """
    known = np.zeros((0, m)) if known is None else known
    # The same vectors every time.
    drawn = np.random.default_rng(0).standard_normal((m, VECTORS - len(known)))
    former: Floats = np.zeros(0)
    spaces = lanczos_spaces(product, np.column_stack([known.T, drawn]), MOST_STEPS)
    for step, space in enumerate(spaces, 1):
        if step < LEAST_STEPS - 1:
            continue
        # Every other step is looked at, and the one before it.
        values = space.values(space.size)
        number = int(np.sum(values > edge))
        if number > MOST_ABOVE_EDGE:
            return None
        is_looked_at = not (step - LEAST_STEPS) % 2
        if is_looked_at and _have_converged(space, values, former, edge, noise_tolerance):
            return AboveEdge(space, number)
        former = values
    return None


def _have_converged(
    space: LanczosSpace, values: Floats, former: Floats, edge: float, noise_tolerance: float
) -> bool:
    """Whether what is above the noise edge is known, and where the noise begins."""
    number = int(np.sum(values > edge))
    noise = slice(number, number + VALUES_BELOW_EDGE)
    growth = values[noise] - former[noise]
    # The next value would have to grow by much more than it did, to be above the edge too.
    if growth[0] * MOST_GROWTH > edge - values[number]:
        return False
    if np.any(growth > noise_tolerance * values[noise]):
        return False
    residuals = space.residuals(number)
    distances = np.maximum(-np.diff(values[: number + 1]), 1e-300)
    # Directions of equal strength are mixed, and known together; the last is beside noise.
    errors = np.minimum(residuals, residuals**2 / distances)
    is_last_known = not number or residuals[-1] <= SINE_TOLERANCE * distances[-1]
    return bool(is_last_known and np.all(errors <= VALUE_TOLERANCE * values[:number]))
