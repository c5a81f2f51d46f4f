"""What spectra might be instead: equally good fits without negative spectra or maps."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from hyperspy_unmix.numerics.certainty.ambiguity import LARGEST_SHARE_TRIED, LEAST_INTEGRAL
from hyperspy_unmix.numerics.types import Floats

from .naming import called
from .other_answers import ALONE, OtherAnswers

if TYPE_CHECKING:
    from hyperspy.signal import BaseSignal

LEAST_RANGE_TOLD = 0.1  # of a share, from its lowest to its highest
MOST_PAIRS_TOLD = 3  # in the sentence
LEAST_SHARE_TOLD = 0.005  # that is not written as none


@dataclass(frozen=True, eq=False)
class SpectralAmbiguity:
    """What the spectra might be instead, with spectra and maps non-negative within the noise.

    Parameters
    ----------
    names : tuple of str
        Of the components.
    shares : array, shape (components, components, 2)
        Spectrum i may be ``S_i + t S_j`` for t between ``shares[i, j]``: counts of j for each count
        of i, less than none where i may be shown with too much of j.
    lower, upper : BaseSignal
        (Component | energy), the band in which each spectrum, its integral kept, can be.
    others : OtherAnswers
        What advice may point to.
    """

    names: tuple[str, ...]
    shares: Floats
    lower: BaseSignal = field(repr=False)
    upper: BaseSignal = field(repr=False)
    others: OtherAnswers = field(default=ALONE, repr=False)

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Pairs (i, j) whose range is worth telling, the widest first."""
        width = self.shares[..., 1] - self.shares[..., 0]
        order = np.argsort(-width, axis=None, kind="stable")
        pairs = [(int(k) // len(width), int(k) % len(width)) for k in order]
        return [pair for pair in pairs if width[pair] >= LEAST_RANGE_TOLD]

    @property
    def open_pairs(self) -> list[tuple[int, int]]:
        """Pairs (i, j) of which nothing says how much of j is in i: next to all, or any amount."""
        lowest, highest = self.shares[..., 0], self.shares[..., 1]
        is_open = (lowest <= LEAST_INTEGRAL - 1) | (highest >= LARGEST_SHARE_TRIED * (1 - 1e-6))
        return [pair for pair in self.pairs if is_open[pair]]

    @property
    def short(self) -> str:
        """The same in one line."""
        if not self.open_pairs:
            return ""
        i, j = (called(self.names[k], k) for k in self.open_pairs[0])
        known = self.others.known()
        return f"Nothing limits how much of {j} lies in {i}: give a spectrum you know, {known}"

    @property
    def hint(self) -> str:
        """What to do where a range has no end; empty where all have one."""
        pairs = self.open_pairs
        if not pairs:
            return ""
        i, j = pairs[0]
        if self.shares[i, j, 0] <= LEAST_INTEGRAL - 1:
            found = f"next to all counts of {self.names[i]} may be those of {self.names[j]}"
        else:
            found = f"{self.names[i]} may hold any amount of {self.names[j]}"
        return (
            f"{found}: spectra and maps without negative values do not tell. {self.others.both}, "
            "look at the bands in u.ambiguity, and give a spectrum or pixels that you know: "
            f"{self.others.known()}"
        )

    @property
    def sentence(self) -> str:
        """One plain sentence."""
        pairs = self.pairs
        if len(self.names) == 1:
            return "one component has no other to hold a share of"
        if not pairs:
            return (
                f"with {100 * LEAST_RANGE_TOLD:.0f} % more or less of another spectrum in one, "
                "spectra or maps would be clearly negative"
            )
        ranges = "; ".join(self._range_in_words(i, j) for i, j in pairs[:MOST_PAIRS_TOLD])
        n_more = len(pairs) - MOST_PAIRS_TOLD
        more = f"; {n_more} more pairs" if n_more > 0 else ""
        return f"equally good fits: {ranges}{more}; see u.ambiguity"

    def _range_in_words(self, i: int, j: int) -> str:
        who, of = (called(self.names[k], k) for k in (i, j))
        return f"{who} could contain {_in_words(*self.shares[i, j])} of {of}"

    def __repr__(self) -> str:
        lines = [f"  {self._range_in_words(i, j)}" for i, j in self.pairs]
        if not lines:
            lines = [f"  {self.sentence}"]
        head = f"Rotational ambiguity of {len(self.names)} components, in shares of each"
        return "\n".join([head, *lines])


def _in_words(low: float, high: float) -> str:
    """A range of shares in percent, with a word where its limit is that of what was tried."""
    less, more = (f"{100 * abs(share):.0f} %" for share in (low, high))
    tried = LARGEST_SHARE_TRIED * (1 - 1e-6)
    less += " or more" if -low >= tried else ""
    more += " or more" if high >= tried else ""
    if high < LEAST_SHARE_TOLD:
        return f"up to {less} less"
    if -low < LEAST_SHARE_TOLD:
        return f"up to {more} more"
    return f"from {less} less to {more} more"
