"""Whether the noise is as large as believed: `python benchmarks/noise_calibration.py`.

Phantoms: the noise floor (median eigenvalue) over what noise alone would give is one where the
noise model is right, and the gain is the phantom's own. Measured: 100 repeated reads of one spot,
whose variance over their mean is the gain. The tables are written to docs/benchmarks/.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from common.tables import ABSENT, MEASURED, markdown, publish, quiet

FLOOR_GOAL = (0.98, 1.03)
GAIN_GOAL = 0.05
READS = ("T3_B3_region1_SI_HL_cal", "T3_D3_region1_SI_HL")
BINS = (8, 16, 32)  # channels; the last one is the measurement, the others show it does not matter
LAGS = 6  # channels that share an electron's charge
RESAMPLED = 500


def phantoms(seeds: int) -> Iterator[tuple[str, str, int, Any]]:
    """(scene, detector, seed, phantom) of every built-in scene."""
    from hyperspy_unmix import data

    scenes = {
        "sphere_on_substrate": data.sphere_on_substrate,
        "inclined_boundary, phase": partial(data.inclined_boundary, kind="phase"),
        "inclined_boundary, grain": partial(data.inclined_boundary, kind="grain"),
    }
    for name, scene in scenes.items():
        for detector in ("counting", "ccd"):
            for seed in range(seeds):
                yield name, detector, seed, scene(detector=detector, seed=seed)
    for seed in range(seeds):
        yield "eds_core_shell", "counting", seed, data.eds_core_shell(seed=seed)


def phantom_row(name: str, detector: str, seed: int, phantom: Any) -> tuple[list, bool, bool]:
    """One line of the table, and whether its floor and its gain meet the goal."""
    import hyperspy_unmix

    pca = hyperspy_unmix.pca(phantom.signal)
    floor, count, noise = pca._scree.calibration, pca.count, pca.prepared.noise
    gain, gain_met = "-", True
    if detector == "ccd":
        true = phantom.truth.parameters["detector"]["gain"]
        gain = f"{noise.gain:.3g} of {true:.3g} ({noise.gain / true - 1:+.1%})"
        gain_met = abs(noise.gain / true - 1) <= GAIN_GOAL
    counts = (count.noise_edge, count.elbow, count.split_half)
    row = [name, detector, seed, f"{floor:.3f}", *counts, noise.kind, gain]
    print(row, flush=True)
    return row, FLOOR_GOAL[0] <= floor <= FLOOR_GOAL[1], gain_met


def phantom_part(seeds: int) -> str:
    """Sentence and table of the phantoms."""
    rows, floor, gain = zip(*(phantom_row(*p) for p in phantoms(seeds)), strict=True)
    camera = [met for row, met in zip(rows, gain, strict=True) if row[1] == "ccd"]
    header = ("phantom", "detector", "seed", "floor", "edge", "elbow", "split", "noise", "gain")
    return "\n\n".join(
        [
            "## Phantoms",
            "Floor: median eigenvalue over that of noise alone, goal "
            f"{FLOOR_GOAL[0]} to {FLOOR_GOAL[1]}: {sum(floor)} of {len(floor)}. Gain of "
            f"the CCD within {GAIN_GOAL:.0%} of the phantom's: {sum(camera)} of {len(camera)}. "
            "Edge, elbow and split: components above the noise edge, before the elbow, and "
            "repeating in both shares of the counts.",
            markdown(header, rows),
        ]
    )


@dataclass(frozen=True)
class Differences:
    """Successive differences of reads over sqrt(2), with the mean spectrum (channels,)."""

    noise: np.ndarray
    mean: np.ndarray

    @property
    def correlation(self) -> np.ndarray:
        """Of channels 1, 2, ... apart: medians, since few channels are where something drifts."""
        scaled = self.noise / np.sqrt(self.mean)
        lags = [(scaled[:, lag:] * scaled[:, :-lag]).mean(0) for lag in range(1, LAGS + 1)]
        return np.array([np.median(lag) for lag in lags]) / np.median((scaled**2).mean(0))

    def kept(self, width: int) -> float:
        """Share of the noise in bins of ``width``; charge lost to the next bin is missing."""
        lags = np.arange(1, LAGS + 1)
        inside = 1 + 2 * np.sum((1 - lags / width) * self.correlation)
        return float(inside / (1 + 2 * np.sum(self.correlation)))

    @property
    def freedom(self) -> float:
        """Independent differences that would tell a variance as well: two share a read."""
        n = len(self.noise) + 1
        return 2 * (n - 1) ** 2 / (3 * n - 4)

    def binned(self, width: int) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance of bins of ``width`` channels."""
        whole = len(self.mean) // width * width
        mean = self.mean[:whole].reshape(-1, width).sum(1)
        noise = self.noise[:, :whole].reshape(len(self.noise), -1, width).sum(-1)
        # with the whole intensity taken out, a bin does not vary against its own share of it
        free = (1 - mean / self.mean.sum()) * (self.kept(width) if width > 1 else 1.0)
        return mean, (noise**2).mean(0) / free


def differences(reads: np.ndarray, still: bool = True) -> Differences:
    """Noise of repeated ``reads`` (reads, channels), without what varies as a whole.

    Each read is scaled to the mean intensity. With ``still`` the energy shift between reads is
    taken out too: the slope of the mean spectrum, fitted to each difference.
    """
    # a few channels at the ends are empty in some reads
    alive = np.flatnonzero((reads > 0).all(0))
    first, last = (alive[0], alive[-1]) if len(alive) == reads.shape[1] else _inner(alive)
    reads = reads[:, first : last + 1]
    total = reads.sum(1)
    scaled = reads * (total.mean() / total)[:, None]
    mean = scaled.mean(0)
    noise = np.diff(scaled, axis=0) / np.sqrt(2)
    if still:
        slope = np.gradient(mean)
        noise -= np.outer(noise @ (slope / mean) / (slope @ (slope / mean)), slope)
    return Differences(noise, mean)


def _inner(alive: np.ndarray, margin: int = 8) -> tuple[int, int]:
    """Ends of the range, away from empty channels and those that fill up beside them."""
    return int(alive[0]) + margin, int(alive[-1]) - margin


def read_variance(measured: Differences) -> float:
    """Of a channel: the robust line through the single channels' variance, where it meets zero."""
    mean, variance = measured.binned(1)
    design = np.column_stack([np.ones_like(mean), 1 / mean])
    return float(max(_robust(design, variance / mean)[1], 0.0))


def _robust(design: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Least squares with Huber's weights."""
    weight = np.ones(len(target))
    for _ in range(30):
        root = np.sqrt(weight)
        solution = np.linalg.lstsq(design * root[:, None], target * root, rcond=None)[0]
        off = np.abs(target - design @ solution)
        weight = np.minimum(1, 2 * np.median(off) / np.maximum(off, 1e-12 * np.abs(target).max()))
    return solution


def median(ratio: np.ndarray, freedom: float) -> tuple[float, float]:
    """Gain, and its standard error.

    From the number of bins and of differences; drawing so few bins again is far too coarse.
    """
    # the median of a chi-squared is below its mean
    gain = float(np.median(ratio)) * (1 - 2 / (9 * freedom)) ** -3
    return gain, gain * float(np.sqrt(np.pi / 2 * 2 / freedom / len(ratio)))


def line(mean: np.ndarray, variance: np.ndarray) -> tuple[float, float]:
    """Gain with the read variance free, and its standard error from drawing the bins again."""
    generator = np.random.default_rng(0)
    drawn = generator.integers(0, len(mean), (RESAMPLED, len(mean)))
    # from the quartiles: a line through a few unlucky bins can be anything
    low, high = np.quantile([_slope(mean[i], variance[i]) for i in drawn], [0.25, 0.75])
    return _slope(mean, variance), float((high - low) / 1.349)


def _slope(mean: np.ndarray, variance: np.ndarray) -> float:
    return float(_robust(np.column_stack([np.ones_like(mean), 1 / mean]), variance / mean)[0])


def measured_rows(name: str) -> tuple[list[list], list]:
    """Ways to measure the gain of one file, and the estimate beside the measurement."""
    import hyperspy.api as hs

    import hyperspy_unmix

    signal = hs.load(MEASURED / "eels_repeated_reads" / f"{name}.dm3")
    reads = signal.data.reshape(-1, signal.data.shape[-1]).astype(float)
    noise = hyperspy_unmix.pca(signal, background=None).prepared.noise
    rows = []
    for still in (False, True):
        measured = differences(reads, still)
        read = read_variance(measured)
        words = "out" if still else "left in"
        for width in BINS:
            mean, variance = measured.binned(width)
            gain, error = median((variance - width * read) / mean, measured.freedom)
            rows.append(_way(name, words, width, "median", gain, error, noise.gain, read))
            chosen = gain, error
        slope, error = line(mean, variance)
        rows.append(_way(name, words, width, "line", slope, error, noise.gain, None))
    gain, error = chosen
    off, met = noise.gain / gain - 1, abs(noise.gain / gain - 1) <= GAIN_GOAL
    estimate = f"{noise.gain:.2f}, read variance {noise.read_variance:.0f}"
    answer = "met" if met else "not met"
    return rows, [name, f"{gain:.2f} ± {error:.2f}", estimate, f"{off:+.1%}", answer]


def _way(name, drift, width, how, gain, error, estimate, read) -> list:
    of_read = "free" if read is None else f"{read:.0f}"
    return [name, drift, width, how, of_read, f"{gain:.2f} ± {error:.2f}", f"{estimate / gain:.3f}"]


def measured_part() -> str:
    """Sentences and tables of the repeated reads."""
    if not MEASURED.is_dir():
        return f"## Repeated reads\n\n{ABSENT}"
    ways, answers = zip(*(measured_rows(name) for name in READS), strict=True)
    header = ("file", "energy shift", "bin", "by", "read variance", "gain", "estimate over it")
    return "\n\n".join(
        [
            "## Repeated reads",
            "Gain of the camera, from the differences of successive reads of one spot: intensity "
            "and energy shift of each read taken out, channels added in bins of 32, the median "
            "over the bins of (variance - read variance) / mean. The median passes over the bins "
            "with steep edges, where a shift adds variance. The read variance is that of the "
            "single channels, by a robust line, not below zero. The charge that crosses from one "
            "bin into the next, and a bin's share of the intensity taken out, are corrected for, "
            "and so is the median of a few differences being below their mean. ± is "
            "the standard error, from the numbers of bins and of differences; of the line, from "
            f"drawing the bins again. Goal: within {GAIN_GOAL:.0%}.",
            markdown(("file", "measured gain", "estimated gain", "difference", "goal"), answers),
            "Other ways to measure it: narrower bins, the energy shift left in, and a robust line "
            "with the read variance free.",
            markdown(header, [row for rows in ways for row in rows]),
        ]
    )


def main() -> None:
    """Run both parts and write their tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="of each phantom")
    options = parser.parse_args()
    quiet()
    publish("noise_calibration", "Noise calibration", phantom_part(options.seeds), measured_part())


if __name__ == "__main__":
    main()
