"""What the components are made of: atomic percent, how sure, and what else would fit as well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.settings import Choice, FrozenSettings, Settings, caution, in_words

from . import summary_text
from .naming import called
from .other_answers import ALONE, OtherAnswers

if TYPE_CHECKING:
    import pandas as pd

LEAST_RANGE_TOLD = 2.0  # at. %, from the least to the greatest that fit as well


@dataclass(frozen=True, eq=False)
class Composition:
    """Atomic percent of each element in each component, by exspy's quantification.

    Parameters
    ----------
    components, elements : tuple of str
    percent : array, shape (components, elements)
        Atomic percent. One that is not there may come out below zero, within its error; NaN for a
        component that holds clearly less than none of an element, which is no phase.
    error : array, shape (components, elements)
        Standard deviation: of the noise, of components mixed up with each other, of the background.
    low, high : array, shape (components, elements)
        What would fit the counts as well (`Unmixing.ambiguity`), without the error.
    settings : mapping of str to (value, reason)
        How it was found, and what to know of it.
    mass_thickness : array, shape (components,), optional
        In kg/m2, mean of the pixels; with zeta factors.
    """

    components: tuple[str, ...]
    elements: tuple[str, ...]
    percent: Floats
    error: Floats
    low: Floats
    high: Floats
    settings: Mapping[str, Choice] = field(repr=False)
    mass_thickness: Floats | None = None

    @property
    def title(self) -> str:
        """One line."""
        n = len(self.components)
        return f"Composition of {n} component{'s' * (n != 1)}, at. %"

    @property
    def is_ambiguous(self) -> Any:
        """Where a range is worth telling, bool array, shape (components, elements)."""
        return self.high - self.low >= np.maximum(LEAST_RANGE_TOLD, 2 * self.error)

    def rows(self) -> list[tuple[str, ...]]:
        """Head; then a row for each component, as printed: value, error, range if it is wide."""
        rows: list[tuple[str, ...]] = [("component", *self.elements)]
        for i, name in enumerate(self.components):
            rows.append((name, *(self._cell(i, e) for e in range(len(self.elements)))))
        return rows

    def _cell(self, i: int, e: int) -> str:
        if not np.isfinite(self.percent[i, e]):
            return "-"
        # No minus before a zero.
        cell = f"{round(self.percent[i, e], 1) + 0.0:.1f} ± {self.error[i, e]:.1f}"
        if not self.is_ambiguous[i, e]:
            return cell
        return f"{cell} ({round(self.low[i, e]) + 0:.0f} to {self.high[i, e]:.0f})"

    def to_pandas(self) -> pd.DataFrame:
        """A table of pandas: a row for each component and element.

        Returns
        -------
        DataFrame
            Columns ``at. %``, ``error``, ``low``, ``high``, by component and element.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise ImportError(
                "pandas is not installed: pip install pandas; percent, error, low and high are "
                "the same numbers as arrays."
            ) from None
        index = pandas.MultiIndex.from_product(
            [self.components, self.elements], names=["component", "element"]
        )
        columns = {"at. %": self.percent, "error": self.error, "low": self.low, "high": self.high}
        return pandas.DataFrame({k: v.ravel() for k, v in columns.items()}, index=index)

    def __repr__(self) -> str:
        return summary_text.text(self.title, self.settings, self.rows())

    def _repr_html_(self) -> str:
        return summary_text.html(self.title, self.settings, tuple(self.rows()))


@dataclass(frozen=True)
class CompositionFinding:
    """How a composition was found, and what a reader must know of it.

    Parameters
    ----------
    method : str
        ``"edges"``, ``"CL"`` or ``"zeta"``.
    detail : str
        The cross sections, or the lines.
    names : tuple of str
        Of the components.
    unstable : tuple of str
        Those that do not come back.
    less_than_none : tuple of (int, str, float, float)
        Components that hold clearly less than none of an element, its at. % and their error.
    without : tuple of str
        Components that hold none of these elements.
    ambiguous : tuple of (int, str, float, float, tuple of int)
        Component, element, its least and greatest at. %, and components that share it.
    not_counted : tuple of str
        Elements without a factor.
    scattering_left : bool
        Whether plural scattering is in the spectra.
    others : OtherAnswers
        What advice may point to.
    """

    method: str
    detail: str
    names: tuple[str, ...]
    unstable: tuple[str, ...] = ()
    less_than_none: tuple[tuple[int, str, float, float], ...] = ()
    without: tuple[str, ...] = ()
    ambiguous: tuple[tuple[int, str, float, float, tuple[int, ...]], ...] = ()
    not_counted: tuple[str, ...] = ()
    scattering_left: bool = False
    others: OtherAnswers = ALONE

    def choices(self) -> Settings:
        """In plain words."""
        said: Settings = {"method": Choice(self.method, self._how())}
        said["errors"] = Choice(
            "one standard deviation",
            "of noise, of components mixed up with each other and of the background; in brackets "
            "what would fit the counts as well, where that is more. Not in them: "
            + ("cross sections" if self.method == "edges" else "the factors, absorption"),
        )
        if self.not_counted:
            reason = "have no factor: the others are taken for all there is"
            said["not counted"] = Choice(", ".join(self.not_counted), reason)
        if self.scattering_left:
            hint = (
                "plural scattering is in these spectra and raises later edges: give the low loss, "
                "unmix(..., low_loss=ll); where it was given and not used, u.findings say why and "
                "what to mend"
            )
            said |= caution("plural scattering", hint)
        if self.without:
            reason = "none of these elements: a support, a detector's peak, or what is not named"
            said["no atoms"] = Choice(in_words(list(self.without)), reason)
        if self.unstable:
            hint = (
                f"{in_words(list(self.unstable))} did not come back from other noise: do not "
                "quantify what is not reproducible; compare with one component less"
            )
            said |= caution("stability", hint)
        if self.less_than_none:
            hint = (
                f"{self._negative()}. {self.others.both}, look at u.ambiguity, or give a spectrum "
                f"or pixels that you know: {self.others.known()}"
            )
            said |= caution("no composition", hint)
        if self.ambiguous:
            hint = (
                f"{self._shared()}. The counts do not tell: give a spectrum or pixels that you "
                f"know, {self.others.known()}, or publish the range"
            )
            said |= caution("shared elements", hint)
        return said

    def _how(self) -> str:
        if self.method == "edges":
            return f"a model of edges with exspy's {self.detail} cross sections"
        name = "zeta factors" if self.method == "zeta" else "Cliff-Lorimer factors"
        return f"{name} of {self.detail}, counts from exspy's model of the lines"

    def _negative(self) -> str:
        parts = [
            f"{called(self.names[i], i)} with {value:.0f} ± {error:.0f} at. % {element}"
            for i, element, value, error in self.less_than_none
        ]
        or_else = ""
        if self.method == "edges":
            or_else = ", or the cross sections do not describe these edges (white lines, for one)"
        return (
            f"{in_words(parts)}: too much of another component was taken off it, and it is a "
            f"difference of spectra and no phase{or_else}"
        )

    def _shared(self) -> str:
        parts = [
            f"{element} in {called(self.names[i], i)} may be anything from {low:.0f} to {high:.0f} "
            f"at. %, with more or less of {in_words([called(self.names[j], j) for j in others])}, "
            "of which that is shared"
            for i, element, low, high, others in self.ambiguous[:3]
        ]
        more = len(self.ambiguous) - 3
        rest = f"; {more} more, in brackets" if more > 0 else ""
        return "; ".join(parts) + rest


def composition_of(
    finding: CompositionFinding,
    elements: tuple[str, ...],
    shares: tuple[Floats, Floats, Floats, Floats],
    mass_thickness: Floats | None,
) -> Composition:
    """The table, of shares, their standard deviations, and their least and greatest."""
    percent, error, low, high = (100 * values for values in shares)
    return Composition(
        tuple(called(name, i) for i, name in enumerate(finding.names)),
        elements,
        percent,
        error,
        low,
        high,
        FrozenSettings(finding.choices()),
        mass_thickness,
    )
