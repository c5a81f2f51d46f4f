"""Scenes that no assumption foresees: `python benchmarks/hard_scenes.py`.

EELS and EDS with what specimens, microscopes and detectors do: drifts, damage, contamination,
channeling, absorption, phases that are nowhere alone. They are simulated in benchmarks/common,
with nothing of the package. The table is written to docs/benchmarks/hard_scenes.md; two seeds take
about a quarter of an hour on one core.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402
from common import hard_eds, hard_eels_scenes  # noqa: E402
from common.hard_physics import Floats, Scene  # noqa: E402
from common.tables import markdown, publish, quiet  # noqa: E402
from scipy.optimize import linear_sum_assignment  # noqa: E402

MISSING = 90.0  # degrees, of a phase that was not found
TOO_FAR = 20.0  # degrees of a phase, about which a result must not be silent
BLUR_AT_START = 30  # channels of the oracle that what is scattered in from below reaches
HEADER = (
    "scene", "what it is", "found / true", "angle", "true maps", "HyperSpy, told", "spectra",
    "maps", "warned of",
)  # fmt: skip


def angles(found: Floats, true: Floats) -> tuple[Floats, Floats, Floats]:
    """Angle of every phase in degrees, and which component stands for which phase."""
    unit = [s / np.linalg.norm(s, axis=1, keepdims=True) for s in (true, found)]
    cosine = np.clip(unit[0] @ unit[1].T, -1, 1)
    phase, component = linear_sum_assignment(-cosine)
    angle = np.full(len(true), MISSING)
    angle[phase] = np.degrees(np.arccos(cosine[phase, component]))
    return angle, phase, component


def covered(error: Floats, sd: Floats) -> float:
    """Share of what is known within two standard deviations."""
    known = np.isfinite(error) & np.isfinite(sd)
    return float(np.mean(np.abs(error[known]) < 2 * sd[known]))


def warnings_of(result: Any) -> list[str]:
    """Subjects of the warnings, and the components that are called unstable."""
    from hyperspy_unmix.settings import cautions_in

    subjects = cautions_in({**result.settings, **result.findings})
    unstable = ["unstable"] if result.unstable else []
    return [name.removeprefix("WARNING: ") for name in subjects] + unstable


def ours(scene: Scene) -> dict[str, Any]:
    """Score of the package, nothing told but the elements."""
    import hyperspy_unmix

    low_loss = scene.low_loss_signal()
    result = hyperspy_unmix.unmix(scene.signal(), low_loss=low_loss)
    axis = result.spectra.axes_manager.signal_axes[0].axis
    channels = np.array([np.argmin(np.abs(scene.axis - energy)) for energy in axis])
    width = float(np.abs(np.diff(axis)).mean())
    true = scene.spectra[:, channels]
    counts = true.sum(1)
    found = result.spectra.data
    known = np.isfinite(found).all(0)
    angle, phase, component = angles(found[:, known], true[:, known])
    true = true / (counts[:, None] * width)
    of_spectra, of_maps = [], []
    for i, k in zip(phase, component, strict=True):
        of_spectra.append(covered(found[k] - true[i], result.spectra_uncertainty.data[k]))
        error = result.maps.data[k].ravel() - scene.maps[:, i] * counts[i]
        of_maps.append(covered(error, result.maps_uncertainty.data[k].ravel()))
    return {
        "found": f"{len(found)} / {len(true)}",
        "angle": angle,
        "spectra": np.mean(of_spectra),
        "maps": np.mean(of_maps),
        "warned": warnings_of(result),
    }


def by_true_maps(scene: Scene) -> float:
    """Mean angle of the least-squares spectra of the true maps, background and scattering."""
    if scene.notes.get("no_oracle"):
        return float("nan")
    weights = 1 / np.maximum(scene.mean.mean(1), 1e-9)
    weighted = scene.maps * weights[:, None]
    counts = scene.data - scene.background
    if scene.kernels is None:
        spectra = np.linalg.solve(weighted.T @ scene.maps, weighted.T @ counts)
        return float(angles(spectra, scene.spectra)[0].mean())
    n = counts.shape[1]
    transform = np.fft.rfft(counts, 2 * n)
    # every frequency of twice the recorded range, from those of the simulation
    steps = np.arange(n + 1) / (2 * n) * 2 * (scene.kernels.shape[1] - 1) * 0.5
    kernels = scene.kernels[:, np.rint(steps).astype(int)]
    normal = np.einsum("pk,pl,pf->fkl", scene.maps, weighted, np.abs(kernels) ** 2, optimize=True)
    right = np.einsum("pk,pf->fk", weighted, np.conj(kernels) * transform)
    solved = np.linalg.solve(normal, right[..., None])[..., 0].T
    spectra = np.fft.irfft(solved, 2 * n)[:, BLUR_AT_START:n]
    return float(angles(spectra, scene.spectra[:, BLUR_AT_START:])[0].mean())


def by_hyperspy(scene: Scene) -> float:
    """Mean angle of weighted PCA and ICA, told the number; EELS: background and ratio before."""
    signal, k = scene.signal(), len(scene.spectra)
    signal.change_dtype(float)
    true = scene.spectra
    try:
        signal.data = np.maximum(signal.data, 0)
        signal.decomposition(True, output_dimension=k + 4, print_info=False)
        if scene.window is not None:
            signal = signal.get_decomposition_model(k + 3)
            signal = signal.remove_background(
                signal_range=scene.window, background_type="PowerLaw", fast=True
            )
            low_loss = scene.low_loss_signal()
            low_loss.change_dtype(float)
            signal = signal.fourier_ratio_deconvolution(low_loss).isig[scene.window[0] :]
            true = true[:, -signal.data.shape[-1] :]
            signal.decomposition(False, output_dimension=k, print_info=False)
        signal.blind_source_separation(k, print_info=False, diff_order=1)
        factors = signal.get_bss_factors().data
    except Exception:  # what it cannot do counts as not found
        return MISSING
    n = min(factors.shape[1], true.shape[1])
    factors = factors * np.sign(factors.sum(1, keepdims=True))
    return float(angles(factors[:, -n:], true[:, -n:])[0].mean())


def row_of(make: Any, seeds: range) -> tuple[list[str], bool]:
    """One row of the table; and whether a phase is far off in one seed, without a warning."""
    scores, oracle, peer = [], [], []
    for seed in seeds:
        scene = make(np.random.default_rng(seed))
        scores.append(ours(scene))
        oracle.append(by_true_maps(scene))
        peer.append(by_hyperspy(scene))
    warned = list(dict.fromkeys(word for score in scores for word in score["warned"]))
    silent = any(score["angle"].max() > TOO_FAR and not score["warned"] for score in scores)
    row = [
        make.__name__.upper(),
        (make.__doc__ or "").strip().rstrip("."),
        ", ".join(dict.fromkeys(score["found"] for score in scores)),
        f"{np.mean([score['angle'].mean() for score in scores]):.1f}",
        f"{np.mean(oracle):.1f}" if np.isfinite(oracle).all() else "",
        f"{np.mean(peer):.1f}",
        *(f"{np.mean([score[of] for score in scores]):.2f}" for of in ("spectra", "maps")),
        "; ".join(warned) or ("**nothing**" if silent else ""),
    ]
    return row, silent


def main() -> None:
    """Score every scene, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--first-seed", type=int, default=0)
    options = parser.parse_args()
    quiet()
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    rows, silent = [], []
    for make in (*hard_eels_scenes.SCENES, *hard_eds.SCENES):
        row, is_silent = row_of(make, seeds)
        rows.append(row)
        silent += [row[0]] * is_silent
        print(*row, sep=" | ", flush=True)
    publish(
        "hard_scenes",
        "Hard scenes",
        f"Mean spectral angle in degrees, mean over {options.seeds} seeds; a phase that is not "
        "found counts as 90. `unmix` finds the number of components and is told the elements of "
        "EELS; HyperSpy (weighted PCA, background, Fourier ratio, ICA) is told the number; its ICA "
        "starts at random, so its figures vary by a few degrees from run to run. *True "
        "maps* are least-squares spectra of the true maps, backgrounds and low losses. *Spectra* "
        "and *maps*: share of channels and pixels within two standard deviations, of the "
        "components that stand for a phase, which should be 0.95. What is warned of is the subject "
        "of the warning in the summary.",
        markdown(HEADER, rows),
        f"Scenes with a phase off by more than {TOO_FAR:g} degrees and no warning: "
        f"{', '.join(silent) or 'none'}.",
    )


if __name__ == "__main__":
    main()
