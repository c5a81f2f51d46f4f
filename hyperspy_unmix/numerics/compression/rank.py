"""How many components: against the noise edge, and again once the physics has been taken out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hyperspy_unmix.numerics.noise.noise_edge import leading_count, noise_edge
from hyperspy_unmix.numerics.types import Floats

LARGEST_AUTOMATIC = 10


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
        What ``n_components="auto"`` takes: the consensus, or where that is more than ten (hardly
        phases) the components above the bend of the scree.
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
        Components that the different counts agree on.
    stage, ending : str
        For the reason.
    noise_edge, elbow, split_half, after_physics : int, optional
        The different counts; default what they agree on.
    drift : int
        Components left out because a drift makes them.
    """
    of_counts = {
        "noise_edge": noise_edge,
        "elbow": elbow,
        "split_half": split_half,
        "after_physics": after_physics,
    }
    counts = {name: agreed if count is None else count for name, count in of_counts.items()}

    def count(automatic: int, clear: int, reason: str) -> ComponentCount:
        return ComponentCount(
            **counts,
            drift=drift,
            consensus=agreed,
            automatic=automatic,
            clear=clear,
            reason=reason,
        )

    some = f"{agreed} component{'s' * (agreed != 1)} {stage}"
    if agreed == 0:
        return count(0, 0, f"no structure {stage}{ending}")
    clear = min(estimable(values, n, m), agreed)
    if agreed > LARGEST_AUTOMATIC:
        bent = min(bend(values), LARGEST_AUTOMATIC)
        reason = (
            f"{some}, too many to be phases (artefacts of detector, drift or scattering?); {bent} "
            f"are above the bend of the scree: look at it, or give a number{ending}"
        )
        return count(bent, min(clear, bent), reason)
    if clear < agreed:
        faint = agreed - clear
        some += f", {faint} of them only just: the map{'s' * (faint != 1)} will be mostly noise"
    return count(agreed, clear, some + ending)
