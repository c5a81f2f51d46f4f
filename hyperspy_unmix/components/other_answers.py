"""How a reader gets other answers for the same counts, in words that hold for the result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Separation = Literal["alone", "together", "elsewhere"]


@dataclass(frozen=True)
class OtherAnswers:
    """What advice may point to.

    Parameters
    ----------
    separation : {"alone", "together", "elsewhere"}
        Whether the spectra were found in this signal by itself, in several signals or detectors
        together, or in another signal and applied to this one. Only of the first there are
        ``alternatives``, and only one signal takes ``known``.
    """

    separation: Separation = "alone"

    def under(self, assumption: str) -> str:
        """Advice to look at the answer of one assumption."""
        if self.separation == "alone":
            return f'Look at u.alternatives["{assumption}"].plot_overview(), u this result'
        return f'Compare with assume="{assumption}"{self._where}'

    def short_under(self, assumption: str) -> str:
        """The same in few words, after a colon."""
        if self.separation == "alone":
            return "see u.alternatives"
        return f'compare with assume="{assumption}"{self._where}'

    @property
    def both(self) -> str:
        """Advice to compare the answers of the two assumptions."""
        if self.separation == "alone":
            return "Compare the two results in u.alternatives"
        return f'Compare assume="overlap" with assume="pure"{self._where}'

    def known(self, what: str = "...") -> str:
        """How a spectrum or pixels that are known are given."""
        if self.separation == "alone":
            return f"unmix(..., known={what})"
        if self.separation == "together":
            return f"unmix one signal by itself, known={what}"
        return f"known={what}{self._where}"

    @property
    def _where(self) -> str:
        if self.separation == "together":
            return " in the same call"
        return " where the spectra were unmixed"


ALONE = OtherAnswers()
