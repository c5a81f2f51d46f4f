"""`u.quantify()` against the truth, draw after draw: `python benchmarks/composition.py`.

Phantoms of known composition, unmixed by the default but for the number of components. Every draw
has its own noise, and in EDS its own grains. 100 draws take half an hour; `--draws 5` is a look.
The table goes to docs/benchmarks/.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from common.tables import markdown, publish, quiet

from hyperspy_unmix import data, unmix
from hyperspy_unmix.data import Phantom
from hyperspy_unmix.plotting import nearest

WITHIN = 0.03  # of each true share
SIGMAS = 2.0
LEAST_ABSENT = 0.01  # of all atoms, which an element that is not there may have


@dataclass(frozen=True)
class Tally:
    """What one element of one phase came out as: each draw's at. %, and whether it is right."""

    values: list[float]
    near: list[bool]
    in_error: list[bool]
    in_range: list[bool]

    @classmethod
    def empty(cls) -> Tally:
        """Before the first draw."""
        return cls([], [], [], [])

    def add(self, table: Any, i: int, e: int, true: float) -> None:
        """Component ``i``, element ``e`` of a table, and the true at. %."""
        value, error = table.percent[i, e], table.error[i, e]
        allowed = max(WITHIN * true, 100 * LEAST_ABSENT * (true == 0))
        self.values.append(value)
        self.near.append(bool(abs(value - true) <= allowed))
        self.in_error.append(bool(abs(value - true) <= SIGMAS * error))
        low, high = table.low[i, e], table.high[i, e]
        margin = 0.0 if np.isnan(error) else SIGMAS * error
        self.in_range.append(bool(low - margin <= true <= high + margin))

    def row(self) -> list[str]:
        """Mean and scatter, then per cent of the draws."""
        near, error, told = (np.array(x) for x in (self.near, self.in_error, self.in_range))
        shares = [near, near | error, near | error | told]
        return [
            f"{np.nanmean(self.values):.2f} ± {np.nanstd(self.values):.2f}",
            *(f"{100 * share.mean():.0f}" for share in shares),
        ]


def ceramic(seed: int, **options: Any) -> Phantom:
    """Periclase and spinel."""
    return data.inclined_boundary("ceramic", shape=(32, 32), seed=seed, **options)


SCENES: dict[str, tuple[Callable[[int], Phantom], int]] = {
    "EELS, boundary at 30°": (ceramic, 2),
    "EELS, edge-on, 90 nm": (lambda seed: ceramic(seed, inclination=0.0, thickness=90.0), 2),
    "EDS, 3 minerals": (lambda seed: data.eds_phases(phases=3, shape=(32, 32), seed=seed), 3),
    "EDS, 5 minerals": (lambda seed: data.eds_phases(phases=5, shape=(40, 40), seed=seed), 5),
}


def tallies(name: str, draws: int) -> dict[tuple[str, str], Tally]:
    """Of every phase and element."""
    make, n = SCENES[name]
    found: dict[tuple[str, str], Tally] = {}
    for seed in range(draws):
        phantom = make(seed)
        parameters, factors = phantom.truth.parameters, None
        if "k_factors" in parameters:
            elements = phantom.signal.metadata.Sample.elements
            factors = {f"{e}_Ka": parameters["k_factors"][f"{e}_Ka"] for e in elements}
        u = unmix(phantom.signal, n, low_loss=phantom.low_loss)
        energies = u.spectra.axes_manager.signal_axes[0].axis
        partners = nearest(u.spectra.data, phantom.truth.spectra, energies)
        table = u.quantify(factors)
        for i, j in enumerate(partners):
            phase = phantom.truth.names[j]
            true = parameters["composition"][phase]
            for e, element in enumerate(table.elements):
                tally = found.setdefault((phase, element), Tally.empty())
                tally.add(table, i, e, 100 * true.get(element, 0.0))
    return found


def main() -> None:
    """Quantify, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=100)
    draws = parser.parse_args().draws
    quiet()
    rows, totals = [], []
    for name, (make, _) in SCENES.items():
        compositions = make(0).truth.parameters["composition"]
        found = tallies(name, draws)
        for (phase, element), tally in sorted(found.items()):
            true = 100 * compositions[phase].get(element, 0.0)
            rows.append([name, phase, element, f"{true:.2f}", *tally.row()])
        near, error, told = (
            np.concatenate([getattr(tally, part) for tally in found.values()])
            for part in ("near", "in_error", "in_range")
        )
        shares = [near, error, near | error, near | error | told]
        totals.append([name, *(f"{100 * share.mean():.1f}" for share in shares)])
    how = [
        f"within {100 * WITHIN:.0f} %",
        f"or within {SIGMAS:g} s.d.",
        "or within the range told",
    ]
    publish(
        "composition",
        "Composition in one call, and its errors",
        f"{draws} draws of noise (EDS: of grains too), `unmix(s, n, low_loss=ll)` and "
        f"`u.quantify()`. Per cent of the draws in which an element's share is within "
        f"{100 * WITHIN:.0f} % of its true value (one that is not there: below "
        f"{100 * LEAST_ABSENT:.0f} at. %), or within {SIGMAS:g} standard deviations as stated, or "
        "within the range of what fits as well.",
        markdown(["", how[0], f"within {SIGMAS:g} s.d.", *(f"… {h}" for h in how[1:])], totals),
        markdown(["", "component", "element", "true, at. %", "found, at. %", *how], rows),
    )


if __name__ == "__main__":
    main()
