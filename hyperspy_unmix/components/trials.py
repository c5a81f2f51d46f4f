"""What other options gave, where a result leaves something to be wished: facts."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Score:
    """How good a result is by its own evidence: less of each is better.

    Whole numbers, so that "no worse" is exact, and advice cannot lead in a circle.

    Parameters
    ----------
    differences : int
        Components that take counts away.
    unstable : int
    missing : int
        Spectra that stand out of the noise of the residual.
    misfit : int
        Steps of 5 % of the reduced chi-square beyond what noise leaves.
    negativity : int
        Doublings of the worst spectrum's or map's negativity beyond what noise explains.
    mixtures : int
        Components that are taken where they are alone, and are so in hardly a pixel.
    """

    differences: int
    unstable: int
    missing: int
    misfit: int
    negativity: int
    mixtures: int = 0

    @property
    def is_best(self) -> bool:
        """Whether nothing could be better."""
        return not any(getattr(self, field.name) for field in fields(self))

    def is_better_than(self, other: Score) -> bool:
        """Whether nothing is worse, and something better."""
        pairs = [(getattr(self, f.name), getattr(other, f.name)) for f in fields(self)]
        return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)

    def gains_over(self, other: Score) -> list[str]:
        """What is better, in words."""
        pairs = {
            "components that take counts away": (self.differences, other.differences),
            "not reproducible": (self.unstable, other.unstable),
            "spectra left in the residual": (self.missing, other.missing),
            "mixtures": (self.mixtures, other.mixtures),
        }
        words = [f"{name}: {a} instead of {b}" for name, (a, b) in pairs.items() if a < b]
        words += ["a better fit"] * (self.misfit < other.misfit)
        return words + ["less negative"] * (self.negativity < other.negativity)


@dataclass(frozen=True)
class Trials:
    """What came of other options.

    Parameters
    ----------
    n_components : int, optional
        The number that is better; None where no other is.
    assume : str, optional
        The assumption that is better.
    found, here : Score, optional
        Of the better result, and of this one.
    elsewhere : tuple of (int, str, float)
        Unstable components that are stable under another assumption: the number as they were
        separated, that assumption, their stability there.
    """

    n_components: int | None = None
    assume: str | None = None
    found: Score | None = None
    here: Score | None = None
    elsewhere: tuple[tuple[int, str, float], ...] = ()

    @property
    def options(self) -> dict[str, int | str]:
        """What to say to `hyperspy_unmix.unmix`; nothing where nothing is better."""
        options = {"n_components": self.n_components, "assume": self.assume}
        return {name: value for name, value in options.items() if value is not None}
