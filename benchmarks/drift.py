"""Energy drift: its error beside the bound, and what it costs: `python benchmarks/drift.py`.

Phantoms whose spectra drift by up to 8 channels, with the low loss (drift of the zero-loss peak)
and without it (drift of the spectra themselves). About seven minutes; `--quick` takes one seed.
Table and figure are written to docs/benchmarks/.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from common import accuracy, separation_scenes
from common import eels_scenes as eels
from common.eels_scenes import Floats
from common.tables import markdown, publish, quiet
from scipy.ndimage import shift as moved

from hyperspy_unmix import data, unmix
from hyperspy_unmix.data import Phantom
from hyperspy_unmix.numerics.drift.scan_curve import spline_basis

DRIFTS = (0.5, 1.5, 4.0, 8.0)  # channels, peak to peak
COUNTS = (1e3, 1e4, 6e5)
LOW_LOSS_COUNTS = {1e3: 1e3, 1e4: 1e4, 6e5: 1e6}
LEAST_COEFFICIENTS = 13  # of a cubic spline that describes the phantoms' drift to 1 %
SCENES = (
    eels.scene("phase boundary", data.inclined_boundary),
    eels.scene("three oxides", data.three_oxides),
    eels.scene("wedge of layers", data.wedge_layers),
)


def bound(expected: Floats, coefficients: int, reach: slice = slice(None)) -> float:
    """Least r.m.s. error of a smooth drift that any unbiased estimator can have, in channels.

    Poisson counts of these expectations, undrifted; the pixels' amounts of the components that the
    counts can show are unknown, their spectra known. The drift is a cubic spline of the scan's time
    with so many coefficients (Cramer-Rao).
    """
    mean = np.maximum(expected.mean(0), 1e-12)
    white = (expected / np.sqrt(mean))[:, reach]
    _, values, axes = np.linalg.svd(white, full_matrices=False)
    rank = max(int((values > sum(np.sqrt(white.shape))).sum()), 1)
    slopes = (np.gradient(expected, axis=1) / np.sqrt(mean))[:, reach]
    slopes -= (slopes @ axes[:rank].T) @ axes[:rank]
    information = np.sum(slopes**2, 1) * mean.sum() / np.maximum(expected.sum(1), 1e-12)
    basis = spline_basis((np.arange(len(expected)) + 0.5) / len(expected), coefficients)
    basis = basis - basis.mean(0)
    covariance = np.linalg.pinv(basis.T @ (information[:, None] * basis))
    return float(np.sqrt(np.mean(np.sum((basis @ covariance) * basis, 1))))


def worst_angle(phantom: Phantom, result: Any, frame: float) -> float:
    """Worst angle to the true spectra, moved by ``frame`` channels to the results' energies."""
    spectra, maps = separation_scenes.arrays(result, phantom)
    inside = separation_scenes.channels(phantom)
    truth = accuracy.true_spectra(phantom)
    truth = np.stack([moved(row, frame, order=3, mode="nearest") for row in truth])[:, inside]
    ends = slice(8, -8)  # channels that a shift may empty
    found = accuracy.compare(
        np.nan_to_num(spectra[:, ends]), maps, truth[:, ends], accuracy.true_maps(phantom)
    )
    return found.worst_angle


def judged(phantom: Phantom, with_low_loss: bool) -> dict[str, Any]:
    """Error of the drift found, the error it states, and the worst angle."""
    low_loss = phantom.low_loss if with_low_loss else None
    n = len(phantom.truth.names)
    result = unmix(phantom.signal, n, low_loss=low_loss, assume="pure")
    true = phantom.truth.parameters["drift"].ravel()
    found = result.pca.prepared.drift
    error = found.shift - true
    frame = float(np.median(true)) if found.applied else float(np.mean(true))
    return {
        "error": float(np.std(error)) if found.applied else float(np.std(true)),
        "stated": float(np.sqrt(np.mean(found.error**2))),
        "applied": found.applied,
        "angle": worst_angle(phantom, result, frame),
    }


def study(scene: eels.Scene, counts: float, seeds: range) -> list[dict[str, Any]]:
    """All drifts of one scene at one dose."""
    options = {"counts": counts, "low_loss_counts": LOW_LOSS_COUNTS[counts]}
    clean = scene.make(seed=0, noise=False, **options)
    near = np.abs(clean.low_loss.axes_manager.signal_axes[0].axis) < 6
    bounds = {
        True: bound(eels.pixels(clean.low_loss), LEAST_COEFFICIENTS, np.flatnonzero(near)),
        False: bound(eels.pixels(clean.signal), LEAST_COEFFICIENTS),
    }
    rows = []
    for with_low_loss in (True, False):
        still = [judged(scene.make(seed=s, **options), with_low_loss) for s in seeds]
        for drift in DRIFTS:
            found = [
                judged(scene.make(seed=s, drift=drift, **options), with_low_loss) for s in seeds
            ]
            rows.append(
                {
                    "scene": scene.name,
                    "counts": counts,
                    "source": "zero-loss peak" if with_low_loss else "spectra",
                    "drift": drift,
                    "bound": bounds[with_low_loss],
                    "error": np.sqrt(np.mean([f["error"] ** 2 for f in found])),
                    "stated": np.sqrt(np.mean([f["stated"] ** 2 for f in found])),
                    "applied": sum(f["applied"] for f in found),
                    "angle": np.mean([f["angle"] for f in found]),
                    "still": np.mean([f["angle"] for f in still]),
                    "false": sum(f["applied"] for f in still),
                }
            )
    return rows


def table(rows: list[dict[str, Any]], n_seeds: int) -> str:
    """A line for each scene, dose, source and drift."""
    header = (
        "scene", "counts", "found in", "drift, p.-p.", "r.m.s. error", "stated", "bound",
        "error / bound", "taken out", "worst angle", "without drift", "ratio",
    )  # fmt: skip
    lines = [
        (
            r["scene"], f"{r['counts']:.0f}", r["source"], f"{r['drift']:g}", f"{r['error']:.4f}",
            f"{r['stated']:.4f}", f"{r['bound']:.4f}", f"{r['error'] / r['bound']:.2f}",
            f"{r['applied']} of {n_seeds}", f"{r['angle']:.2f}", f"{r['still']:.2f}",
            f"{r['angle'] / r['still']:.2f}",
        )
        for r in rows
    ]  # fmt: skip
    return markdown(header, lines)


def figure(rows: list[dict[str, Any]]) -> str:
    """Error over the bound, for each source and dose."""
    drawn, axes = eels.subplots(1, 2, figsize=(11, 4), sharey=True)
    for ax, source in zip(axes, ("zero-loss peak", "spectra"), strict=True):
        for color, name in enumerate(dict.fromkeys(r["scene"] for r in rows)):
            for counts, style in zip(COUNTS, ("o:", "s--", "^-"), strict=True):
                chosen = [
                    r
                    for r in rows
                    if (r["source"], r["scene"], r["counts"]) == (source, name, counts)
                ]
                ax.plot(
                    [r["drift"] for r in chosen],
                    [r["error"] / r["bound"] for r in chosen],
                    style,
                    color=f"C{color}",
                    label=f"{name}, {counts:.0e}",
                )
        ax.axhline(1.3, color="k", lw=0.8, ls=":")
        ax.set(xlabel="Drift, peak to peak (channels)", title=f"Found in the {source}")
        ax.set(xscale="log", yscale="log")
        ax.set_xticks(DRIFTS, [f"{d:g}" for d in DRIFTS])
        ax.minorticks_off()
    axes[0].set_ylabel("R.m.s. error / Cramér-Rao bound")
    handles, labels = axes[1].get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside right", fontsize="small", title="scene, counts")
    return eels.save(drawn, "drift")


def main() -> None:
    """Measure, and write table and figure."""
    quiet()
    options = eels.arguments(__doc__)
    n = len(options.seeds)
    rows = [row for s in SCENES for c in COUNTS for row in study(s, c, options.seeds)]
    false = sum(r["false"] for r in rows if r["drift"] == DRIFTS[0])
    publish(
        "drift",
        "Energy drift",
        "Errors in channels, of the drift less its mean. The bound is that of a drift along a "
        f"cubic spline of {LEAST_COEFFICIENTS} coefficients, the spectra of the components known "
        "and their amounts not; where a drift was not taken out, the error is the drift itself. "
        'Angles in degrees, with `assume="pure"` and the number of components given. The low loss '
        "has as many counts a pixel as the core loss (1e6 beside 6e5).",
        table(rows, n),
        f"Drift taken out where there was none: {false} of {2 * n * len(SCENES) * len(COUNTS)}.",
        figure(rows),
    )


if __name__ == "__main__":
    main()
