"""How many components: against the noise edge, and again once the physics has been taken out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from hyperspy_unmix.numerics.noise.noise_edge import leading_count, noise_edge
from hyperspy_unmix.numerics.types import Floats

MOST_AUTOMATIC_COMPONENTS = 20  # more are not tried without being asked for
ALL_STABLE_FROM = 10  # components counted, of which no unstable one is taken


def count_estimable(values: Floats, n: int, m: int) -> int:
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
    of_spectra, of_maps = expected_squared_cosines(above, n, m)
    return leading_count(np.sqrt(of_spectra * of_maps) > 0.5)


def expected_squared_cosines(values: Floats, n: int, m: int) -> tuple[Floats, Floats]:
    """Expected squared cosines with the truth of each component's spectrum and of its map.

    Parameters
    ----------
    values : array
        Squared singular values in units of the noise edge.
    n, m : int
        Numbers of pixels and channels.

    Returns
    -------
    of_spectra, of_maps : array
        One for each component; zero below the edge.

    References
    ----------
    F. Benaych-Georges, R. R. Nadakuditi, J. Multivar. Anal. 111 (2012) 120,
    https://doi.org/10.1016/j.jmva.2012.04.019
    """
    # The strength of the component without noise, from the singular value with it.
    aspect = m / n
    a = values * noise_edge(n, m) / n - 1 - aspect
    strength = (a + np.sqrt(np.maximum(a**2 - 4 * aspect, 0))) / 2
    is_above_edge = (values > 1) & (strength**2 > aspect)
    strength = np.where(is_above_edge, strength, 1.0)
    common = np.where(is_above_edge, 1 - aspect / strength**2, 0.0)
    return common / (1 + aspect / strength), common / (1 + 1 / strength)


@dataclass(frozen=True)
class ComponentCount:
    """How many components the counts support.

    Parameters
    ----------
    noise_edge : int
        Components of the counts as recorded above the noise edge.
    elbow : int
        Last component before the noise floor, from the shape of the scree alone.
    split_half : int
        Leading components found in one share of the counts that repeat in the other.
    after_physics : int
        Those above noise and model error once background and plural scattering are out, and that
        repeat in an independent share of the counts put through the same stages.
    drift : int
        Components that a drift of the energy axis makes.
    consensus : int
        Components that are there: the median of `noise_edge`, `elbow` and `split_half`, without
        those that are only drift, background or plural scattering. Zero: no structure above the
        noise.
    automatic : int
        What ``n_components="auto"`` takes: the consensus, or where not enough of so many are
        stable the most of which they are, see `limit_to_stable`.
    clear : int
        Those of the consensus that stand clear of the noise: expected to correlate with the truth
        by more than one half. The others are there, but their maps are mostly noise.
    reason : str
    """

    noise_edge: int
    elbow: int
    split_half: int
    after_physics: int
    drift: int
    consensus: int
    automatic: int
    clear: int
    reason: str

    def chosen(self, asked: int | str) -> tuple[int, str]:
        """Number of components to unmix, and why.

        ``asked`` is a number, ``"auto"`` or the name of one of the counts.
        """
        if isinstance(asked, int):
            return asked, f"asked for; the data say: {self.reason}"
        if asked == "auto":
            number, reason = self.automatic, self.reason
        else:
            number, reason = getattr(self, asked), f"{asked}, asked for; all in all: {self.reason}"
        if number == 0:
            return 1, f"{reason}; the first principal component was taken"
        return number, reason

    @property
    def tolerated(self) -> int:
        """How many of the components need not be stable: none of ten, one of nine, and so on."""
        return max(ALL_STABLE_FROM - self.consensus, 0)

    @property
    def is_beyond_doubt(self) -> bool:
        """Whether so few are counted that their stability does not matter: half may lack it."""
        return self.consensus < 2 * self.tolerated


def choose_rank(
    values: Floats,
    n: int,
    m: int,
    agreed: int,
    stage: str = "above the noise",
    ending: str = "",
    *,
    noise_edge: int | None = None,
    elbow: int | None = None,
    split_half: int | None = None,
    after_physics: int | None = None,
    drift: int = 0,
) -> ComponentCount:
    """Number of components to unmix.

    Parameters
    ----------
    values : array
        Squared singular values in units of the noise edge, falling.
    n, m : int
        Numbers of pixels and channels.
    agreed : int
        Components by the median of the different estimates.
    stage, ending : str
        For the reason.
    noise_edge, elbow, split_half, after_physics : int, optional
        The different estimates; default their median.
    drift : int
        Components left out because a drift makes them.
    """
    clear = min(count_estimable(values, n, m), agreed)
    return ComponentCount(
        noise_edge=agreed if noise_edge is None else noise_edge,
        elbow=agreed if elbow is None else elbow,
        split_half=agreed if split_half is None else split_half,
        after_physics=agreed if after_physics is None else after_physics,
        drift=drift,
        consensus=agreed,
        automatic=agreed,
        clear=clear,
        reason=_reason(agreed, clear, min(agreed, len(values)), stage) + ending,
    )


def limit_to_stable(count: ComponentCount, number_unstable: Callable[[int], int]) -> ComponentCount:
    """The same count, of which as many are taken automatically as are stable when separated.

    A phase comes back from other noise and other parts of the spectrum; what is made of many
    artefacts of detector, drift or scattering, each above the noise, does not. Of ten components
    and more, all must be stable; of nine one need not be, of eight two, and so on: few components
    that are there are better taken and called unstable than left out, which merges phases.
    Of the number taken, one more would not do; all numbers are not tried, which takes long.

    Parameters
    ----------
    count : ComponentCount
    number_unstable : callable
        Of a number of leading components, how many are unstable when these are separated.

    Returns
    -------
    ComponentCount
        Itself, where all are taken.
    """
    if count.is_beyond_doubt:
        return count

    # From all of them down in steps that grow, as far as the middle; then by halves.
    first = min(count.consensus, MOST_AUTOMATIC_COMPONENTS)
    n, too_many, step, tried = 1, first + 1, 0, first  # one is always taken
    failures = 0
    while too_many - n > 1:
        surplus = number_unstable(tried) - count.tolerated
        if surplus > 0:
            # The next that are stable may be few steps away, and fewer still not.
            failures += 1
            too_many, step = tried, max((surplus + 1) // 2, failures // 2)
        else:
            n = tried
        middle = (n + too_many) // 2
        tried = max(too_many - step, middle) if n == 1 else middle
    if n == count.consensus:
        return count
    why = "the most that are without a number given"
    if n < first:
        some = f"more than {count.tolerated}" if count.tolerated else "some"
        why = (
            f"of more, {some} are not reproducible when repeated: artefacts of "
            "detector, drift or scattering, or too much noise"
        )
    advice = f"n_components={count.consensus} takes all"
    return replace(count, automatic=n, reason=f"{count.reason}; {n} taken: {why}; {advice}")


def _reason(agreed: int, clear: int, known: int, stage: str) -> str:
    """Say in words how many components there are, and how many of those ``known`` are faint."""
    if agreed == 0:
        return f"no structure {stage}"
    components = f"{agreed} component{'s' * (agreed != 1)} {stage}"
    if clear >= known:
        return components
    faint = agreed - clear
    which = "the weakest is" if faint == 1 else f"the {faint} weakest are"
    if faint == agreed:
        which = "it is" if faint == 1 else "all are"
    return f"{components}; {which} near the detection limit"
