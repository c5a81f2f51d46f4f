"""What came of a suite: one run without our classes, one with them, and how they differ."""

from collections import Counter
from dataclasses import dataclass, field

__all__ = ["Comparison", "Run", "describe"]


@dataclass
class Run:
    """The outcome and the kind of failure of each test, and how often our classes were made."""

    outcomes: dict[str, tuple[str, str]] = field(default_factory=dict)
    excluded: dict[str, str] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    made: Counter[str] = field(default_factory=Counter)
    used_in: set[str] = field(default_factory=set)

    def counts(self) -> Counter[str]:
        """Tests by outcome."""
        return Counter(outcome for outcome, _ in self.outcomes.values())


@dataclass
class Comparison:
    """One suite, run without and with our classes."""

    name: str
    without: Run
    with_ours: Run

    def differing(self) -> list[str]:
        """Tests with another outcome, or in one run only."""
        one, other = self.without.outcomes, self.with_ours.outcomes
        return sorted(
            test for test in one.keys() | other.keys() if one.get(test) != other.get(test)
        )

    def problems(self) -> list[str]:
        """All that makes the comparison fail, in words."""
        one, other = self.without.outcomes, self.with_ours.outcomes
        found = [
            f"{test}: {describe(one, test)} without, {describe(other, test)} with"
            for test in self.differing()
        ]
        if self.without.excluded != self.with_ours.excluded:
            found.append("other tests were left out with our classes than without")
        if not one:
            found.append("no test was run")
        if self.without.made:
            found.append("our classes were in place where they should not be")
        if not self.with_ours.made:
            found.append("none of our classes was ever made")
        return found + [
            f"{test} needs a download and is not in the list"
            for test, (_, reason) in one.items()
            if "ConnectionError" in reason
        ]


def describe(outcomes: dict[str, tuple[str, str]], test: str) -> str:
    """``passed``, ``failed (ValueError)`` or ``not run``."""
    outcome, reason = outcomes.get(test, ("not run", ""))
    return f"{outcome} ({reason})" if reason else outcome
