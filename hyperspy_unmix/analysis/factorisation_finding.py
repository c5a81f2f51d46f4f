"""What came of a non-negative factorisation: as facts, and in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hyperspy_unmix.numerics.separation.factorisation import MOST_ROUNDS, Factorising
from hyperspy_unmix.settings import Choice, Settings, caution

Start = Literal["pure", "overlap"]
FACTORISATION_NAMES = {"nmf": "NMF, Kullback-Leibler", "mcr-als": "MCR-ALS"}
START_NAMES: dict[Start, str] = {
    "pure": "the purest pixels",
    "overlap": "the independent components of the ICA",
}
MEASURES = {
    "nmf": "the Poisson likelihood of the counts",
    "mcr-als": "least squares weighted by the noise",
}
LEAST_TURN = 3.0  # degrees between the ends of two starts, from which it is warned of


@dataclass(frozen=True)
class FactorisationFinding:
    """How the factorisation went.

    Parameters
    ----------
    algorithm : {"nmf", "mcr-als"}
    start : {"pure", "overlap"}
        From where the answer was reached.
    is_start_asked : bool
        Whether the user said so.
    converged : bool
    rounds : int
    sums, pixels : int
        Sums of like pixels that were factorised, and the pixels in them.
    misfit : float
        What non-negative spectra and maps leave of the sums, see `Factorisation`.
    other_misfit : float, optional
        From the other start, where that was tried and came to an end.
    turn : float, optional
        Degrees between the two answers, of the spectrum that differs most.
    """

    algorithm: Factorising
    start: Start
    is_start_asked: bool
    converged: bool
    rounds: int
    sums: int
    pixels: int
    misfit: float
    other_misfit: float | None = None
    turn: float | None = None

    @property
    def asked(self) -> Factorising:
        """What was asked for, as of an `IcaFinding`."""
        return self.algorithm

    @property
    def material(self) -> str:
        """What was factorised, and by which measure."""
        return (
            f"non-negative spectra and maps by {MEASURES[self.algorithm]}, of {self.sums} sums of "
            f"{self.pixels} pixels that differ by noise only, in compressed form"
        )

    @property
    def _other(self) -> Start:
        return "overlap" if self.start == "pure" else "pure"

    def choices(self) -> Settings:
        """In plain words."""
        end = f"settled after {self.rounds} rounds" if self.converged else "did NOT settle"
        choices: Settings = {
            "algorithm": Choice(FACTORISATION_NAMES[self.algorithm], f"{self.material}; {end}")
        }
        reason = "asked for with assume" if self.is_start_asked else "assume says where it starts"
        if self.other_misfit is not None and self.turn is not None:
            reason += (
                f"; from {START_NAMES[self._other]} it ends {self.turn:.2g} degrees away, with a "
                f"misfit of {self.other_misfit:.4g} instead of {self.misfit:.4g}"
            )
        choices["start"] = Choice(START_NAMES[self.start], reason)
        if self.turn is not None and self.turn > LEAST_TURN:
            hint = (
                f"from another start {FACTORISATION_NAMES[self.algorithm]} ends with a spectrum "
                f"{self.turn:.0f} degrees away: being non-negative does not decide between the two "
                f'here. Compare with assume="{self._other}", and look at u.ambiguity; without '
                "algorithm= it is decided by evidence"
            )
            choices |= caution("start", hint)
        if not self.converged:
            hint = (
                f"{FACTORISATION_NAMES[self.algorithm]} did not settle in {MOST_ROUNDS} rounds: "
                "spectra and maps that fit as well lie close together. Compare with one component "
                'fewer, or with the other start (assume="pure" or "overlap")'
            )
            choices |= caution("not converged", hint)
        return choices
