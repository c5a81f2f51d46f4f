"""Channels that are NaN in many spectra, as a shift of spectra leaves them at the ends."""

from __future__ import annotations

from dataclasses import dataclass

from hyperspy_unmix.numerics.types import Index
from hyperspy_unmix.settings import Choice, Settings


@dataclass(frozen=True)
class NanChannelsFinding:
    """How many channels were left out since they are NaN: at either end, and between."""

    low: int = 0
    high: int = 0
    between: int = 0

    @classmethod
    def within(
        cls, first: int, last: int, channels: Index, nan: Index
    ) -> tuple[int, int, NanChannelsFinding]:
        """The analysed range without those at its ends, and what is said.

        ``channels`` are those that count, ``nan`` those left out.
        """
        low, high = int((nan < channels[0]).sum()), int((nan > channels[-1]).sum())
        found = cls(low, high, len(nan) - low - high)
        return (
            int(channels[0]) if low else first,
            int(channels[-1]) + 1 if high else last,
            found,
        )

    def choices(self) -> Settings:
        """In plain words."""
        where = ((self.low, "at the low end"), (self.high, "at the high end"))
        ends = " and ".join(f"{number} {place}" for number, place in where if number)
        said = []
        if ends:
            said.append(f"{ends}, that are NaN in some spectra, as a shift leaves them")
        if self.between:
            said.append(f"{self.between} between that are NaN in most spectra")
        if not said:
            return {}
        number = self.low + self.high + self.between
        reason = f"channels left out: {'; '.join(said)}. So more is kept than without the pixels"
        return {"NaN channels": Choice(number, reason)}
