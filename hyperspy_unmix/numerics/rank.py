"""How many components: against the noise edge, and again once the physics has been taken out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .edge import leading_count, noise_edge
from .noise import Floats

LARGEST_AUTOMATIC = 10
FLOOR_VALUES = 5


def estimable(values: Floats, n: int, m: int) -> int:
    """Number of leading components expected to correlate with the truth by more than one half.

    A component just above the noise edge is there, but its map and spectrum are nearly random. The
    expected cosines of both with the truth follow from the singular value alone; their product is
    the correlation of the component (spectrum times map) with the true one.

    Parameters
    ----------
    values : array
        Squared singular values in units of the noise edge, falling.
    n, m : int
        Numbers of pixels and channels.

    References
    ----------
    F. Benaych-Georges, R. R. Nadakuditi, J. Multivar. Anal. 111 (2012) 120,
    https://doi.org/10.1016/j.jmva.2012.04.019
    """
    above = values[: leading_count(values > 1)]
    spectrum, scores = visible(above, n, m)
    return leading_count(np.sqrt(spectrum * scores) > 0.5)


def visible(values: Floats, n: int, m: int) -> tuple[Floats, Floats]:
    """Expected squared correlation with the truth of each component's spectrum and of its map.

    Parameters
    ----------
    values : array
        Squared singular values in units of the noise edge.
    n, m : int
        Numbers of pixels and channels.

    Returns
    -------
    spectrum, scores : array
        Zero below the edge.

    References
    ----------
    See `estimable`.
    """
    aspect = m / n
    a = values * noise_edge(n, m) / n - 1 - aspect
    strength = (a + np.sqrt(np.maximum(a**2 - 4 * aspect, 0))) / 2
    found = (values > 1) & (strength**2 > aspect)
    strength = np.where(found, strength, 1.0)
    common = np.where(found, 1 - aspect / strength**2, 0.0)
    return common / (1 + aspect / strength), common / (1 + 1 / strength)


def bend(values: Floats) -> int:
    """Last component before the bend of the log scree, from the first to the noise floor.

    The component farthest below the straight line between the ends is the first of the floor, the
    one before it is the last of the structure.
    """
    n_above = leading_count(values > 1)
    if n_above < 3:
        return n_above
    curve = np.log(np.maximum(values[: n_above + 1], 1e-12))
    line = np.linspace(curve[0], curve[-1], len(curve))
    return max(int(np.argmax(line - curve)), 1)


def elbow(values: Floats, most: int = 20) -> int:
    """Last component before the noise floor, from the shape of the scree alone.

    The largest values of noise fall off like a power 2/3 of their number, whatever its level and
    however it is correlated. The drop that this gives is measured on the values next to the
    structure, the structure being what is before the last drop of twice that size; the two are
    found by iteration.

    Parameters
    ----------
    values : array
        Squared singular values, falling, in any unit.
    most : int
        Where the floor is first looked for; structure is at most that.

    References
    ----------
    A. Onatski, Rev. Econ. Stat. 92 (2010) 1004, https://doi.org/10.1162/REST_a_00043
    """
    most = min(most, len(values) - FLOOR_VALUES)
    if most < 1:
        return int(values[0] > 0)
    drops = values[:most] - values[1 : most + 1]
    found, tried = most, -1
    for _ in range(10):
        number = np.arange(found, found + FLOOR_VALUES)
        slope = np.polyfit(number ** (2 / 3), values[number], 1)[0]
        large = np.flatnonzero(drops > 2 * abs(slope))
        found, tried = (int(large[-1]) + 1 if len(large) else 0), found
        if found == tried:
            break
    return found


@dataclass(frozen=True)
class Count:
    """Components that are there, those to unmix, those clear of the noise, and the reason."""

    consensus: int
    number: int
    clear: int
    reason: str


def choose_rank(
    values: Floats, n: int, m: int, agreed: int, stage: str = "above the noise", ending: str = ""
) -> Count:
    """Number of components to unmix.

    Parameters
    ----------
    values : array
        Squared singular values in units of the noise edge, falling.
    n, m : int
        Numbers of pixels and channels.
    agreed : int
        Components that the different counts agree on.
    stage, ending : str
        For the reason.
    """
    some = f"{agreed} component{'s' * (agreed != 1)} {stage}"
    if agreed == 0:
        return Count(0, 0, 0, f"no structure {stage}{ending}")
    clear = min(estimable(values, n, m), agreed)
    if agreed > LARGEST_AUTOMATIC:
        bent = min(bend(values), LARGEST_AUTOMATIC)
        return Count(
            agreed,
            bent,
            min(clear, bent),
            f"{some}, too many to be phases (artefacts of detector, drift or scattering?); {bent} "
            f"are above the bend of the scree: look at it, or give a number{ending}",
        )
    if clear < agreed:
        faint = agreed - clear
        some += f", {faint} of them only just: the map{'s' * (faint != 1)} will be mostly noise"
    return Count(agreed, agreed, clear, some + ending)
