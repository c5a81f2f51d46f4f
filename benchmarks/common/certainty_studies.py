"""The studies of `certainty.py`, one function each."""

from __future__ import annotations

import time
from concurrent.futures import Executor
from typing import Any

import numpy as np
from hyperspy.api import signals
from scipy.optimize import linear_sum_assignment

import hyperspy_unmix
from hyperspy_unmix import data
from hyperspy_unmix.analysis.separated import LEAST_STABLE
from hyperspy_unmix.data import Phantom

from . import accuracy, oracles, speed_scenes
from . import separation_scenes as separation
from .scenes import random_scene
from .tables import ROOT, markdown, quiet

REAL = 20.0  # degrees from a true spectrum, within which a component is real
RANDOM_SCENES = 60


def _truth(result: Any, phantom: Phantom) -> tuple[np.ndarray, np.ndarray]:
    """True spectra of integral one over the analysed channels, and their maps, in rows."""
    image = result.pca.prepared.image
    spectra = accuracy.true_spectra(phantom)[:, image.blocks.channels]
    size = spectra.sum(1, keepdims=True)
    return spectra / size / image.channel_widths, accuracy.true_maps(phantom) * size


def _angles(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    unit = [s / np.linalg.norm(s, axis=1, keepdims=True) for s in (found, true)]
    return np.degrees(np.arccos(np.clip(unit[0] @ unit[1].T, -1, 1)))


def bands(result: Any, phantom: Phantom) -> dict[str, float]:
    """Coverage and relative width of the bands, and the truth within what fits as well."""
    image = result.pca.prepared.image
    true, maps = _truth(result, phantom)
    found = result.arrays.spectra
    partner = linear_sum_assignment(_angles(found, true))[1]
    true, maps = true[partner], maps[partner]
    positions = image.positions
    sd, map_sd = result.spectra_uncertainty.data[:, positions], result.maps_uncertainty.data
    map_sd = map_sd.reshape(len(found), -1)
    error, map_error = found - true, result.arrays.maps.T - maps
    noise = np.sqrt(result.separated._noise)
    low, high = (b.data[:, positions] for b in (result.ambiguity.lower, result.ambiguity.upper))
    return {
        "spectra": float(np.mean(np.abs(error) < 2 * sd)),
        "spectra width": _width(sd, error),
        "maps": float(np.mean(np.abs(map_error) < 2 * map_sd)),
        "maps width": _width(map_sd, map_error),
        "inside": float(np.mean((true > low - 2 * noise) & (true < high + 2 * noise))),
        "widest": float(np.ptp(result.ambiguity.shares, -1).max()),
    }


def _width(sd: np.ndarray, error: np.ndarray) -> float:
    return float(np.median(np.median(sd, 1) / np.sqrt(np.mean(error**2, 1))))


def too_many(phantom: Phantom) -> dict[str, Any]:
    """Stability of real components and of the one or two beside them, and who is flagged."""
    number = len(phantom.truth.names)
    real, others = [], []
    for more in (1, 2):
        result = separation.unmix(phantom, number + more)
        nearest = _angles(result.arrays.spectra, _truth(result, phantom)[0]).min(1)
        real += list(result.stability[nearest < REAL])
        # those farthest from the truth are the ones too many
        beyond = np.argsort(-nearest)[:more]
        others += list(result.stability[beyond[nearest[beyond] >= REAL]])
    flagged = [int(np.sum(np.array(x) < LEAST_STABLE)) for x in (others, real)]
    return {
        "real": min(real, default=np.nan),
        "others": max(others, default=np.nan),
        "counts": [flagged[0], len(others), flagged[1], len(real)],
    }


def _random(seed: int) -> tuple[int, ...]:
    """Of one random scene: others flagged, others, real ones flagged, real ones, wrong ones too."""
    quiet()
    generator = np.random.default_rng(seed)
    scene = random_scene(generator, ("EELS", "EDS")[seed % 2], int(generator.integers(1, 7)))
    counts = generator.poisson(scene.expected).reshape(*scene.shape, -1)
    found = hyperspy_unmix.pca(signals.Signal1D(counts.astype(np.float32)), scene.rank + 2)
    if found.count.consensus != scene.rank:
        return (0,) * 6
    total = np.zeros(6, int)
    for more in (1, 2):
        result = found.ica(scene.rank + more)
        true = scene.spectra[:, result.pca.prepared.image.blocks.channels]
        real = _angles(result.arrays.spectra, true).min(1) < REAL
        loose = result.stability < LEAST_STABLE
        other = np.isin(np.arange(scene.rank + more), result.separated.mixed, invert=True)
        other = other[result.arrays.origin]
        kinds = other, real & ~other, ~real & ~other
        total += [n for kind in kinds for n in ((loose & kind).sum(), kind.sum())]
    return tuple(int(x) for x in total)


def random_scenes(pool: Executor) -> str:
    """A sentence on random scenes in which as many components are found as there are."""
    found = np.array(list(pool.map(_random, range(RANDOM_SCENES))))
    used, total = int((found[:, 1] > 0).sum()), found.sum(0)
    return (
        f"{RANDOM_SCENES} random scenes of 1 to 6 phases, starved to rich; as many components as "
        f"there are were found in {used} of them. Asked for one and two more there: "
        f"{total[0]} of {total[1]} of these flagged, {total[2]} of {total[3]} real ones, and "
        f"{total[4]} of {total[5]} that are farther than {REAL:g} degrees from all true spectra "
        "(phases that ICA did not tell apart)."
    )


def applied(first: Phantom, second: Phantom, clean: Phantom, assume: str) -> tuple[float, float]:
    """Map errors over the oracle's: spectra of the first scan applied, and unmixed by itself."""
    options = {} if second.low_loss is None else {"low_loss": second.low_loss}
    spectra, truth = accuracy.true_spectra(second), accuracy.true_maps(second)
    best = accuracy.compare(spectra, oracles.oracle_maps(second, clean), spectra, truth).map_error
    result = separation.unmix(first, assume=assume)
    applied_to = result.apply(second.signal, **options)
    by_itself = separation.unmix(second, assume=assume)
    errors = []
    for found in (applied_to, by_itself):
        judged = separation.judge(second, *separation.arrays(found, second))
        errors.append(judged.map_error / best if found.n_components == len(spectra) else np.nan)
    return errors[0], errors[1]


def closed_form() -> str:
    """Two overlapping bands, mixed: ranges against those of Lawton and Sylvestre."""
    energy = np.arange(300)
    peaks = [np.exp(-0.5 * ((energy - c) / 40) ** 2) for c in (110, 190)]
    lines = []
    for overlap in (0.02, 0.1, 0.3):
        spectra = np.array([peaks[0] + overlap, peaks[1] + overlap])
        spectra /= spectra.sum(1, keepdims=True)
        share = np.linspace(overlap, 1 - overlap, 4096)
        maps = 1e9 * np.stack([share, 1 - share], 1)
        counts = np.random.default_rng(0).poisson(maps @ spectra).reshape(64, 64, -1)
        result = hyperspy_unmix.unmix(signals.Signal1D(counts.astype(float)), 2)
        found, known = result.arrays.spectra, result.ambiguity.shares
        for i, j in ((0, 1), (1, 0)):
            # of the model that was found: its smallest ratios, where noise does not rule them
            low = -np.min(_ratio(found[i], found[j]))
            high = np.min(_ratio(result.arrays.maps[:, j], result.arrays.maps[:, i]))
            lines.append(
                [
                    f"{overlap:g}",
                    f"{j} in {i}",
                    f"{low:+.4f} to {high:+.4f}",
                    f"{known[i, j, 0]:+.4f} to {known[i, j, 1]:+.4f}",
                    f"{100 * (np.ptp(known[i, j]) / (high - low) - 1):+.1f}",
                ]
            )
    header = ["overlap", "pair", "Lawton-Sylvestre", "found", "difference of the width, %"]
    return (
        "Two components at 1e9 counts a pixel: ranges of the shares, closed form (smallest ratios "
        "of the spectra and maps found) and found.\n\n" + markdown(header, lines)
    )


def _ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    known = b > 1e-3 * b.max()
    return a[known] / b[known]


def two_maps() -> str:
    """Two maps of three oxides, each without one of them: alone and together."""
    lines = []
    for seed in range(3):
        phantom = data.three_oxides(seed=seed)
        share = accuracy.true_maps(phantom)
        share = share / share.sum(0)
        masks = [(share[k] > 0.002).reshape(phantom.signal.data.shape[:2]) for k in (2, 0)]
        options = {"low_loss": phantom.low_loss}
        alone = [
            hyperspy_unmix.unmix(phantom.signal, navigation_mask=mask, **options) for mask in masks
        ]
        together = hyperspy_unmix.unmix([phantom.signal] * 2, navigation_mask=masks, **options)
        whole = separation.unmix(phantom)
        found = [
            _angles(result.arrays.spectra, _truth(result, phantom)[0]).min(0)
            for result in (together[0], whole)
        ]
        words = [", ".join(f"{angle:.1f}" for angle in angles) for angles in found]
        numbers = ", ".join(str(result.n_components) for result in alone)
        lines.append([str(seed), numbers, str(together[0].n_components), *words])
    header = ["seed", "alone", "together", "angles, together", "angles, whole map"]
    return (
        "Three oxides, two maps that each lack one: components found alone and together, and "
        "spectral angles to the three true spectra in degrees.\n\n" + markdown(header, lines)
    )


def picture() -> None:
    """Core-shell particles, one component too many, with their bands: docs/images."""
    import matplotlib

    matplotlib.use("agg")
    phantom = data.core_shell()
    figure = separation.unmix(phantom, 4).plot_overview()
    figure.savefig(ROOT / "docs" / "images" / "core_shell_bands.png", dpi=90)


def costs() -> str:
    """Time of all that tells how sure a result is, over that of `unmix`."""
    lines = []

    def line(name: str, make: Any) -> None:
        made = min((_timed(make) for _ in range(3)), key=lambda pair: pair[0])
        taken = []
        for _ in range(3):
            result = make()
            taken.append(
                [_timed(lambda name=name, r=result: getattr(r, name))[0] for name in LOOKS]
            )
        best = np.min(taken, 0)
        cells = [f"{1000 * x:.0f}" for x in (made[0], *best)]
        lines.append([name, *cells, f"{best.sum() / made[0]:.2f}"])

    counts = signals.Signal1D(speed_scenes.counts(256, 1024))
    line("256 x 256 x 1024", lambda: hyperspy_unmix.unmix(counts))
    for number in (0, 2, 5, 8):
        scene = separation.SCENES[number]
        phantom = scene.make(seed=0)
        line(scene.name, lambda p=phantom: separation.unmix(p))
    header = ["ms", "unmix", "stability", "ambiguity", "spectra", "maps", "all over unmix"]
    return (
        "Cost on one core, each when first looked at; `unmix()` itself computes none of it.\n\n"
        + markdown(header, lines)
    )


LOOKS = ("stability", "ambiguity", "spectra_uncertainty", "maps_uncertainty")


def _timed(work: Any) -> tuple[float, Any]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result
