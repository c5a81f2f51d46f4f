"""The studies of the separation benchmark: peers, dose, the same answer, real particles."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Any

import numpy as np

from hyperspy_unmix import data
from hyperspy_unmix.data import Phantom

from . import separation_scenes as scenes
from .tables import ABSENT, MEASURED, ROOT, markdown, quiet

DOSES = (10, 20, 50, 100, 200, 500, 1000, 3000, 10000)
RANDOM_STATES = 20
HALVES = 8
FIGURES = ROOT / "docs" / "benchmarks"
IRON, PLATINUM = 6.404, 9.442  # keV, K-alpha and L-alpha


def peers(phantom: Phantom) -> dict[str, Any]:
    """Accuracy of every peer that is installed, deconvolved where there is a low loss.

    HyperSpy is also shown as it is mostly used, with the background removed only.
    """
    from . import peers as others
    from .peer_counts import PREPROCESSING

    found = {}
    for name, peer in others.PEERS.items():
        preprocessing = ("deconvolved",) if phantom.low_loss is not None else ("raw",)
        if name in others.FREE_SIGN and phantom.low_loss is not None:
            preprocessing = PREPROCESSING
        for preprocess in preprocessing:
            try:
                spectra, maps = peer(
                    phantom,
                    len(phantom.truth.names),
                    channels=scenes.channels(phantom),
                    window=scenes.window(phantom),
                    preprocess=preprocess,
                )
            except others.NotInstalled as missing:
                print(missing)
                break
            free = name in others.FREE_SIGN
            label = f"{name}, {preprocess} only" if preprocess == "background" else name
            found[label] = scenes.judge(phantom, spectra, maps, free)
    return found


def dose_sweep(pool: Executor, seeds: int) -> dict[int, np.ndarray]:
    """For each dose and seed: angle of default, of "pure" and of the oracle; components found."""
    jobs = [(dose, seed) for dose in DOSES for seed in range(seeds)]
    found = list(pool.map(_one_dose, jobs))
    return {
        dose: np.array([f for (d, _), f in zip(jobs, found, strict=True) if d == dose])
        for dose in DOSES
    }


def _one_dose(job: tuple[int, int]) -> list[float]:
    quiet()
    dose, seed = job
    options = {"counts": float(dose), "background": False, "seed": seed}
    phantom, clean = data.three_oxides(**options), data.three_oxides(**options, noise=False)
    result = scenes.unmix(phantom)
    angles = [scenes.judge(phantom, *scenes.arrays(result, phantom)).mean_angle]
    pure = scenes.unmix(phantom, assume="pure")
    angles.append(scenes.judge(phantom, *scenes.arrays(pure, phantom)).mean_angle)
    return [*angles, scenes.oracle(phantom, clean).mean_angle, result.n_components]


def sweep_table(sweep: dict[int, np.ndarray]) -> str:
    """A line a dose."""
    lines = []
    for dose, rows in sweep.items():
        default, pure, oracle = rows[:, :3].mean(0)
        lines.append(
            [
                dose,
                f"{oracle:.1f}",
                f"{default:.1f} ({np.mean(rows[:, 0] / rows[:, 2]):.2f})",
                f"{pure:.1f} ({np.mean(rows[:, 1] / rows[:, 2]):.2f})",
                f"{int(np.sum(rows[:, 3] == 3))} of {len(rows)}",
            ]
        )
    return markdown(["dose", "oracle", "default (ratio)", "pure (ratio)", "three found"], lines)


def same_answer(pool: Executor) -> list[list[str]]:
    """Random states and surplus components, on every scene."""
    return list(pool.map(_one_scene, range(len(scenes.SCENES))))


def _one_scene(number: int) -> list[str]:
    quiet()
    scene = scenes.SCENES[number]
    phantom = scene.make(seed=0)
    right = len(phantom.truth.names)
    pca = scenes.unmix(phantom, right).pca
    first = pca.ica(random_state=0)
    states = max(
        scenes.between(first, pca.ica(random_state=state)) for state in range(1, RANDOM_STATES)
    )
    moved = [scenes.between(first, scenes.unmix(phantom, right + more)) for more in (1, 2)]
    return [scene.name, f"{states:.3f}", *(f"{angle:.2f}" for angle in moved)]


def same_table(lines: list[list[str]]) -> str:
    """A line a scene."""
    return markdown(["scene", "20 random states", "one too many", "two too many"], lines)


def measured_core_shell() -> str:
    """Iron of the FePt cores with shell against the bare cores."""
    folder = MEASURED / "eds_fept_core_shell"
    if not folder.exists():
        return ABSENT
    import hyperspy.api as hs

    import hyperspy_unmix

    bare = hs.load(folder / "bare_core.hdf5", file_format="HSPY")
    shelled = hs.load(folder / "core_shell.hdf5", file_format="HSPY")
    axes = [s.axes_manager.signal_axes[0].axis for s in (bare, shelled)]
    counts = shelled.data.copy()

    def ratios(values: np.ndarray) -> list[float]:
        shelled.data = values
        found = hyperspy_unmix.unmix(shelled).spectra_counts.data
        lines = np.array([[_net(x, axes[1], e)[0] for e in (IRON, PLATINUM)] for x in found])
        core, shell = int(np.argmax(lines[:, 1])), int(np.argmax(lines[:, 0]))
        return [lines[core, 0] / lines[core, 1], lines[shell, 1] / lines[shell, 0]]

    (core, shell), generator = ratios(counts), np.random.default_rng(0)
    differences = []
    for _ in range(HALVES):
        half = generator.binomial(counts, 0.5).astype(counts.dtype)
        differences.append(np.subtract(ratios(half), ratios(counts - half)) / 2)
    error = np.sqrt(np.mean(np.square(differences), 0))
    reference, its_error = _bare_ratio(bare.data, axes[0])
    combined = float(np.hypot(error[0], its_error))
    return (
        "FePt@Fe3O4 (measured), Fe-Ka over Pt-La in windows of 0.2 keV less the windows beside "
        f"them. Core component: {core:.3f} +- {error[0]:.3f}; bare cores (particles less film): "
        f"{reference:.3f} +- {its_error:.3f}; difference {abs(core - reference) / combined:.1f} "
        f"combined standard deviations. Pt-La over Fe-Ka of the shell component: {shell:.4f} +- "
        f"{error[1]:.4f}. Errors from {HALVES} divisions of the counts into halves, each unmixed "
        "by itself."
    )


def _net(spectrum: np.ndarray, energies: np.ndarray, line: float) -> tuple[float, float]:
    """Net counts of a line and their variance, where the spectrum is one of counts."""
    distance = np.abs(energies - line)
    inside, beside = distance < 0.1, (distance > 0.18) & (distance < 0.3)
    share = inside.sum() / beside.sum()
    net = spectrum[inside].sum() - share * spectrum[beside].sum()
    return float(net), float(spectrum[inside].sum() + share**2 * spectrum[beside].sum())


def _bare_ratio(counts: np.ndarray, energies: np.ndarray) -> tuple[float, float]:
    from scipy.ndimage import gaussian_filter

    platinum = counts[..., np.abs(energies - PLATINUM) < 0.15].sum(-1).astype(float)
    smooth = gaussian_filter(platinum, 2)
    particle, film = smooth > 0.3 * smooth.max(), smooth < np.percentile(smooth, 30)
    share = particle.sum() / film.sum()
    value, variance = [], []
    for line in (IRON, PLATINUM):
        on, off = (_net(counts[where].sum(0), energies, line) for where in (particle, film))
        value.append(on[0] - share * off[0])
        variance.append(on[1] + share**2 * off[1])
    relative = variance[0] / value[0] ** 2 + variance[1] / value[1] ** 2
    return value[0] / value[1], value[0] / value[1] * float(np.sqrt(relative))


def draw_accuracy(rows: dict[int, list[dict]], ours: tuple[str, ...]) -> None:
    """Mean angle of everybody on every scene."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    names = [*ours, *sorted({n for c in rows.values() for n in c[0]} - {*ours, "n"})]
    markers = ["o", "s", "_", "v", "^", "<", ">", "D", "x"]
    figure, ax = plt.subplots(figsize=(9, 0.45 * len(rows) + 2.2), layout="constrained")
    for name, marker in zip(names, markers, strict=False):
        points = [
            (np.mean([row[name][0] for row in collected]), -place)
            for place, collected in enumerate(rows.values())
            if name in collected[0]
        ]
        mine = name in ours
        ax.plot(
            *np.transpose(points),
            marker if name != ours[2] else "|",
            label=name.replace("`", ""),
            color={ours[0]: "C3", ours[1]: "C1", ours[2]: "k"}.get(name),
            ms=9 if mine else 6,
            mfc=None if mine else "none",
            zorder=3 if mine else 2,
        )
    ax.set_xscale("log")
    ax.set_yticks([-i for i in range(len(rows))], [scenes.SCENES[i].name for i in rows])
    ax.set_xlabel("mean spectral angle to the truth (degrees)")
    ax.grid(axis="y", lw=0.3)
    figure.legend(loc="outside right upper", fontsize="small")
    figure.savefig(FIGURES / "separation_angles.png", dpi=110)


def draw_sweep(sweep: dict[int, np.ndarray]) -> None:
    """Mean angle against the dose."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
    doses = np.array(list(sweep))
    for i, (label, style) in enumerate(
        {"default": "C3o-", 'assume="pure"': "C1s-", "oracle": "k|--"}.items()
    ):
        values = np.array([rows[:, i] for rows in sweep.values()])
        ax.plot(doses, values.mean(1), style, label=label)
        ax.fill_between(doses, values.min(1), values.max(1), color=style[:2].rstrip("|"), alpha=0.1)
    ax.set(xscale="log", yscale="log", xlabel="electrons in a spectrum")
    ax.set_ylabel("mean spectral angle to the truth (degrees)")
    ax.legend()
    figure.savefig(FIGURES / "separation_dose.png", dpi=110)
