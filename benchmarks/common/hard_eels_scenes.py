"""Hard scenes of EELS, E1 to E20: what specimens and detectors do, and no assumption foresees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .hard_eels import (
    DISTRIBUTIONS,
    NAMES,
    OXIDES,
    POINT_SPREAD,
    ccd,
    chromium_oxide,
    in_counts,
    iron_oxide,
    record,
    silica,
    time_,
)
from .hard_physics import (
    BACKGROUND,
    EDGE,
    SIDE,
    Floats,
    k_edge,
    l_edge,
    places,
    plasmon,
    power_law,
    shares,
    smooth,
)


def e1(rng):
    """Phase boundary in a wedge (control)."""
    x, y = places()
    share = np.clip((x - 0.35) / 0.3, 0, 1)
    return record(rng, np.stack([1 - share, share], 1) * (0.3 + 0.6 * y)[:, None], OXIDES[:2])


def e2(rng):
    """Three oxides, never pure: each 15 % at least."""
    return record(rng, shares(rng, 3, 0.15) * (0.4 + 0.3 * places()[0])[:, None], OXIDES)


def e3(rng):
    """Solid solution, 20 to 80 %."""
    x, y = places()
    share = 0.2 + 0.6 * x
    return record(rng, np.stack([1 - share, share], 1) * (0.5 + 0.15 * y)[:, None], OXIDES[:2])


def e4(rng):
    """Fe-L shifts by 0 to 1.7 eV, in twelve steps."""
    step = np.minimum((12 / (1 + np.exp(-2 * smooth(rng, 6)))).astype(int), 11)
    thickness = 0.5 * np.eye(12)[step]
    edges = tuple(lambda e, j=j: iron_oxide(e, 1.7 * (j + 0.5) / 12) for j in range(12))
    scene = record(
        rng, thickness, edges, start=480.0, channels=440, elements=("O", "Fe"),
        distributions=(DISTRIBUTIONS[0],) * 12,
    )  # fmt: skip
    second = (np.arange(12) + 0.5) / 12
    scene.maps = scene.maps @ np.stack([1 - second, second], 1)
    scene.spectra = scene.spectra[[0, -1]]
    scene.window, scene.notes["no_oracle"] = (485.0, 525.0), True
    return scene


def e5(rng):
    """Core loss drifts by 3 eV, the zero-loss peak otherwise, with 0.3 eV jitter."""
    thickness, t = shares(rng, 2) * (0.4 + 0.3 * places()[0])[:, None], time_()
    return record(
        rng, thickness, OXIDES[:2], shift=2 * np.sin(3 * t) + 1.5 * t**2,
        low_shift=-1.5 * t + rng.normal(0, 0.3, len(t)),
    )  # fmt: skip


def e6(rng):
    """Beam damage: the iron oxide loses oxygen along the scan."""
    share, damage = shares(rng, 2), 1 - np.exp(-2.5 * time_())
    thickness = np.stack([share[:, 0] * (1 - damage), share[:, 1], share[:, 0] * damage], 1)
    edges = (*OXIDES[:2], lambda e: iron_oxide(e, oxygen=0.55))
    sources = (DISTRIBUTIONS[0], DISTRIBUTIONS[1], DISTRIBUTIONS[0])
    return record(rng, 0.5 * thickness, edges, elements=NAMES[:3], distributions=sources)


def e7(rng):
    """Contamination: C-K grows along the scan."""
    thickness = np.column_stack([0.4 * shares(rng, 2), 0.05 + 0.35 * time_()])
    edges = (*OXIDES[:2], lambda e: k_edge(e, 284, 109, [(1.5, 2, 0.4), (8, 6, 0.5)], 1.4, 0.5))
    sources = (*DISTRIBUTIONS[:2], plasmon(22, 14))
    return record(
        rng, thickness, edges, start=230.0, channels=640, elements=("O", "Fe", "Mn", "C"),
        distributions=sources,
    )  # fmt: skip


def e8(rng):
    """Beam current falls by 35 %, lines and pixels flicker."""
    thickness = shares(rng, 3) * (0.4 + 0.2 * places()[0])[:, None]
    lines = np.repeat(1 + 0.12 * rng.standard_normal(SIDE), SIDE)
    flicker = 1 + 0.04 * rng.standard_normal(SIDE**2)
    return record(rng, thickness, OXIDES, beam=lines * flicker * (1 - 0.35 * time_()))


def e9(rng):
    """Channeling: core losses 0.5 to 2 times, by site, not the low loss."""
    x, y = places()
    thickness = 0.5 * shares(rng, 2)
    first = np.exp(0.35 * np.sin(9 * x + 4 * y) + 0.2 * smooth(rng, 8))
    both = np.stack([first, first * np.exp(0.25 * np.sin(7 * y - 3 * x))], 1)
    return record(rng, thickness * first[:, None], OXIDES[:2], core=thickness * both)


def e10(rng):
    """t/lambda from 0.2 to 2, a surface plasmon, a hole."""
    x, y = places()
    t = np.where((x - 0.3) ** 2 + (y - 0.6) ** 2 < 0.02, 0, 0.2 + 1.8 * x)
    surface = plasmon(13, 6), np.where(t > 0, 0.08, 0.0)
    thickness = shares(rng, 2) * t[:, None]
    return record(rng, thickness, OXIDES[:2], surface=surface, intensity=4e5)


def e11(rng):
    """Low loss displaced by two pixels, steps in thickness."""
    steps = 0.3 + 0.7 * (np.sin(12 * places()[0]) > 0)
    moved = np.roll(np.arange(SIDE**2).reshape(SIDE, SIDE), 2, 1).ravel()
    return record(rng, shares(rng, 2) * steps[:, None], OXIDES[:2], low_from=moved)


def e12(rng):
    """CCD: point spread, gain 1.7, read noise, fixed pattern of 1.5 %."""
    thickness = shares(rng, 3) * (0.4 + 0.3 * places()[0])[:, None]
    return in_counts(record(rng, thickness, OXIDES, detector=ccd, spread=POINT_SPREAD))


def e13(rng):
    """The same CCD with an energy drift of 2.5 eV."""
    thickness, shift = shares(rng, 3) * (0.4 + 0.3 * places()[0])[:, None], time_()
    shift = 2.5 * np.sin(4 * shift)
    return in_counts(
        record(
            rng, thickness, OXIDES, detector=ccd, shift=shift, low_shift=shift, spread=POINT_SPREAD
        )
    )


def e14(rng):
    """Direct detector, coincidence loss of up to 25 %."""

    def counted(mean: Floats, rng: np.random.Generator) -> Any:
        less = mean * (1 - 0.25 * mean / mean.max())
        return rng.binomial(rng.poisson(less / 0.8), 0.8)

    thickness = shares(rng, 3) * (0.3 + 0.6 * places()[0])[:, None]
    return record(rng, thickness, OXIDES, detector=counted)


def e15(rng):
    """Segregant at a grain boundary, 15 % at most."""
    x, y = places()
    share = 0.15 * np.exp(-0.5 * ((x - 0.5) / 0.03) ** 2)
    thickness = np.stack([1 - share, share], 1) * (0.45 + 0.2 * y)[:, None]
    sources = (DISTRIBUTIONS[0],) * 2
    edges = (iron_oxide, chromium_oxide)
    return record(rng, thickness, edges, elements=("O", "Fe", "Cr"), distributions=sources)


def e16(rng):
    """N-K, Ti-L, O-K: the axis begins 11 eV before the first edge."""
    peaks = [(0, 1.6, 0.9), (3, 2, 0.8), (13, 5, 0.4)]

    def titania(e: Floats) -> Floats:
        return k_edge(e, 532, 31, peaks, 1.9, 0.5) + l_edge(e, 456, 75, 5.5, (1.5, 1.3))

    def nitride(e: Floats) -> Floats:
        nitrogen = k_edge(e, 401, 50, [(1, 2, 0.8), (9, 5, 0.5)], 1.8, 0.3)
        return nitrogen + l_edge(e, 456, 100, 5.5, (1.3, 1.3), -0.8)

    scene = record(
        rng, shares(rng, 3) * (0.4 + 0.2 * places()[0])[:, None], (titania, nitride, silica),
        start=390.0, channels=500, elements=("O", "Ti", "N"),
    )  # fmt: skip
    scene.window = (391.0, 397.0)
    return scene


def e17(rng):
    """Background of two laws, other exponents, the tail of C-K in each phase."""

    def law(exponent: float, carbon: float) -> Callable[[Floats], Floats]:
        def values(e: Floats) -> Floats:
            two = 0.6 * power_law(e, exponent) + 0.4 * power_law(e, exponent + 1.1)
            tail = k_edge(e, 284, 109, [(1.5, 2, 0.4)], 1.4, 0.5)
            return 0.8 * two + 2 * carbon * EDGE / BACKGROUND * tail

        return values

    laws = (law(2.6, 0.8), law(3.3, 0.1), law(2.9, 0.4))
    thickness = shares(rng, 3) * (0.4 + 0.2 * places()[0])[:, None]
    return record(rng, thickness, OXIDES, laws=laws)


def e18(rng):
    """150 spikes of 1 to 3 channels, hot and dead channels."""

    def counted(mean: Floats, rng: np.random.Generator) -> Any:
        data = rng.poisson(mean)
        for _ in range(150):
            pixel, channel = rng.integers(data.shape[0]), rng.integers(data.shape[1] - 4)
            data[pixel, channel : channel + rng.integers(1, 4)] += rng.integers(500, 30000)
        data[:, [77, 78, 300]] = data[:, [77, 78, 300]] * 8 // 5
        data[:, 410] = 0
        return data

    thickness = shares(rng, 3) * (0.4 + 0.2 * places()[0])[:, None]
    return record(rng, thickness, OXIDES, detector=counted)


def e19(rng):
    """Interface plasmon at the boundary, in the low loss only."""
    x, _ = places()
    share = np.clip((x - 0.45) / 0.1, 0, 1)
    surface = plasmon(8, 3), 0.12 * np.exp(-0.5 * ((x - 0.5) / 0.04) ** 2)
    thickness = 0.5 * np.stack([1 - share, share], 1)
    return record(rng, thickness, OXIDES[:2], surface=surface)


def e20(rng):
    """Fe core, Fe3O4 shell, SiO2 film."""
    x, y = places()
    square = (x - 0.5) ** 2 + (y - 0.5) ** 2
    core = 2 * np.sqrt(np.maximum(0.06 - square, 0))
    shell = 2 * np.sqrt(np.maximum(0.14 - square, 0)) - core
    edges = (lambda e: l_edge(e, 708, 35, 13, (1.6, 0.7)), iron_oxide, silica)
    thickness = np.stack([core, shell, np.full_like(core, 0.15)], 1)
    scene = record(rng, thickness, edges, start=480.0, channels=440, elements=("O", "Fe"))
    scene.window = (485.0, 525.0)
    return scene


SCENES = (e1, e2, e3, e4, e5, e6, e7, e8, e9, e10, e11, e12, e13, e14, e15, e16, e17, e18, e19, e20)
