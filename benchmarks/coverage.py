"""Stated errors against actual ones, on all kinds of data: `python benchmarks/coverage.py`.

The default answer of every kind of scene of `kinds.py`, nothing told: whether the truth lies within
two of the standard deviations of spectra and maps, whether what is far from it is warned of, and
whether any component has an impossible share. The table is written to docs/benchmarks/coverage.md;
a seed takes less than a minute on one core.
"""

from __future__ import annotations

import argparse
import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402
from common.bands import Stated, stated  # noqa: E402
from common.kinds_of_scene import KINDS, Scene  # noqa: E402
from common.tables import markdown, publish, quiet  # noqa: E402

FAR = 20.0  # degrees from the truth, which must be warned of
LEAST_SHARE, GREATEST_SHARE = -0.05, 1.05  # of a component in all counts
HEADER = (
    *("kind", "number right", "largest angle", "warned"),
    *("spectra: in 2 s.d., %", "error / s.d.", "or in what fits as well, %", "maps: in 2 s.d., %"),
    "shares, %",
)


def default_answer(scene: Scene) -> Stated:
    """What the default makes of a scene, and states of it."""
    import hyperspy_unmix

    result = hyperspy_unmix.unmix(scene.signal(), background=None, noise=scene.noise)
    maps = scene.maps.reshape(-1, len(scene.spectra))
    return stated(result, scene.spectra, maps, scene.axis)


def row(name: str, found: list[Stated]) -> list[str]:
    """A line of the table: means over the seeds."""
    n = len(found)

    def percent(*values: float) -> str:
        return f"{100 * np.mean(values):.1f}"

    return [
        name,
        f"{sum(one.is_number_right for one in found)} of {n}",
        f"{max(one.angle for one in found):.1f}",
        f"{sum(bool(one.warnings) for one in found)} of {n}",
        percent(*(one.spectra for one in found)),
        f"{np.median([one.widths for one in found]):.2f}",
        percent(*(one.ambiguous for one in found)),
        percent(*(one.maps for one in found)),
        f"{100 * min(one.least for one in found):.0f} to "
        f"{100 * max(one.greatest for one in found):.0f}",
    ]


def verdicts(found: dict[str, list[Stated]]) -> str:
    """Sentences on what must not be."""
    silent = [
        f"{name} ({one.angle:.0f} degrees)"
        for name, several in found.items()
        for one in several
        if one.angle > FAR and not one.warnings
    ]
    absurd = [
        f"{name} ({100 * one.least:.0f} to {100 * one.greatest:.0f} %)"
        for name, several in found.items()
        for one in several
        if one.least < LEAST_SHARE or one.greatest > GREATEST_SHARE
    ]
    return (
        f"Farther than {FAR:.0f} degrees from the truth without a warning: "
        f"{', '.join(silent) or 'none'}. Shares outside {100 * LEAST_SHARE:.0f} to "
        f"{100 * GREATEST_SHARE:.0f} %: {', '.join(absurd) or 'none'}."
    )


def table(found: dict[str, list[Stated]]) -> str:
    """A line a kind, and that of all answers with the right number of components."""
    lines = [row(name, several) for name, several in found.items()]
    right = [one for several in found.values() for one in several if one.is_number_right]
    lines.append(row("all with the right number", right))
    return markdown(HEADER, lines)


def main() -> None:
    """Score the default on every kind, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    options = parser.parse_args()
    quiet()
    found: dict[str, list[Stated]] = {}
    for make in KINDS:
        name = make.__name__.replace("_", " ")
        seeds = range(options.first_seed, options.first_seed + options.seeds)
        found[name] = [default_answer(make(np.random.default_rng(seed))) for seed in seeds]
        print(*row(name, found[name]), sep=" | ", flush=True)
    publish(
        "coverage",
        "Stated errors and actual ones",
        f"Default answers, {options.seeds} seeds. Within two standard deviations lie 95.4 % where "
        "errors are those that are stated; channels of one spectrum are wrong together where "
        "components are mixed up, so that single scenes have all or nothing. Error / s.d.: root "
        "mean squares, median. Components are matched to the phases by the least total angle; "
        "where too few were found, to those that they are the nearest to.",
        table(found),
        verdicts(found),
    )


if __name__ == "__main__":
    main()
