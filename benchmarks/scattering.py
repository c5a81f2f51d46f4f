"""Plural scattering taken out with the low loss, and not: `python benchmarks/scattering.py`.

All EELS phantoms, some of them as thick foils too, and wedges of one phase: the number of
components, and the spectral angle to the single-scattering truth with and without the low loss,
beside exspy's Fourier ratio. About five minutes; `--quick` takes one seed. Table and figure are
written to docs/benchmarks/.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from common import eels_scenes as eels
from common import separation_scenes as separation
from common.accuracy import true_maps, true_spectra
from common.eels_scenes import FOILS, Floats
from common.peer_counts import EXTRA, denoised
from common.tables import markdown, publish, quiet

from hyperspy_unmix import data

THICK = 0.7  # t/lambda
BETTER, WORSE = 3.0, 1.05  # by how much the low loss should help and may harm
SCENES = (
    *(eels.wedge(phase) for phase in ("Fe3O4", "SiO2", "SrTiO3")),
    replace(eels.wedge("Fe3O4", (0.7, 1.2)), name="wedge, Fe3O4, thick"),
    *FOILS,
    eels.scene("phase boundary, thick", data.inclined_boundary, thickness=72.0, wedge=0.4),
    eels.scene("wedge of layers, thick", data.wedge_layers, thickness=68.0, wedge=0.4),
    eels.scene("precipitates, thick", data.precipitates, thickness=85.0, wedge=0.3),
)
WITH, WITHOUT = "with the low loss", "without"
EXSPY, CUT = "exspy", "exspy, no extrapolation"


def angles(spectra: Floats, phantom: Any) -> float:
    """Mean spectral angle in degrees of components in the truth's order, on all their channels."""
    truth = true_spectra(phantom)[:, separation.channels(phantom)]
    cosine = np.sum(truth * spectra, 1)
    cosine /= np.linalg.norm(truth, axis=1) * np.linalg.norm(spectra, axis=1)
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))).mean())


def fitted(spectra: Floats, first: int, phantom: Any) -> Floats:
    """Component spectra of the true maps by least squares, on the compared channels.

    ``spectra`` (pixels, channels) begin at channel ``first`` of the signal.
    """
    found = np.linalg.lstsq(true_maps(phantom).T, spectra, rcond=None)[0]
    whole = np.zeros((len(found), phantom.signal.data.shape[-1]))
    whole[:, first : first + found.shape[1]] = found
    return whole[:, separation.channels(phantom)]


def ours(pca: Any, phantom: Any) -> Floats:
    """The same from this package's PCA, background and plural scattering taken out."""
    kept = pca.corrected.spectra
    spectra = np.zeros((len(kept.scores), pca.prepared.image.last - pca.prepared.image.first))
    spectra[:, pca.prepared.image.positions] = kept.scores @ kept.components
    return fitted(spectra, pca.prepared.image.first, phantom)


def by_exspy(phantom: Any, window: tuple[float, float], extrapolate: bool) -> tuple[Any, int]:
    """Background removed by HyperSpy, Fourier ratio by exspy: the result and its first channel.

    It begins at the window, where its taper does no harm. ``extrapolate`` is its default, which
    fails on noisy spectra, so that they are denoised by HyperSpy's PCA before; without, the taper
    falls on the last recorded channels.
    """
    kept = len(phantom.truth.names) + EXTRA
    signal = denoised(phantom, kept, slice(None)).remove_background(
        signal_range=window, background_type="PowerLaw", fast=True, zero_fill=False,
        show_progressbar=False,
    )  # fmt: skip
    first = signal.axes_manager.signal_axes[0].value2index(window[0])
    found = signal.isig[first:].fourier_ratio_deconvolution(
        eels.plain(phantom.low_loss),
        extrapolate_lowloss=extrapolate,
        extrapolate_coreloss=extrapolate,
    )
    return found, first


def exspy_angle(phantom: Any, window: tuple[float, float], extrapolate: bool) -> float:
    """Angle of what exspy makes of it, the maps known; NaN where it fails."""
    try:
        found, first = by_exspy(phantom, window, extrapolate)
    except (TypeError, ValueError):  # of the extrapolation, where its window is not positive
        return float("nan")
    return angles(fitted(eels.pixels(found), first, phantom), phantom)


def one(phantom: Any) -> dict[str, float]:
    """Number of components less the phases, and all angles."""
    import hyperspy_unmix

    found = {}
    results = {WITH: hyperspy_unmix.unmix(phantom.signal, low_loss=phantom.low_loss)}
    n = results[WITH].n_components
    results[WITHOUT] = hyperspy_unmix.unmix(phantom.signal, n, low_loss=None)
    for name, result in results.items():
        found[name] = separation.judge(phantom, *separation.arrays(result, phantom)).mean_angle
        found[f"{name}, true maps"] = angles(ours(result.pca, phantom), phantom)
    window = results[WITH].pca.settings["background"].value
    for name, extrapolate in ((EXSPY, True), (CUT, False)):
        found[f"{name}, true maps"] = exspy_angle(phantom, window, extrapolate)
    return found | {"surplus": n - len(phantom.truth.names)}


def study(seeds: range) -> list[tuple[Floats, list[dict[str, float]]]]:
    """True t/lambda, and what every seed gave, for each scene."""
    results = []
    for scene in SCENES:
        found = []
        for seed in seeds:
            phantom = scene.make(seed=seed)
            found.append(one(phantom))
        results.append((phantom.truth.thickness.data.ravel(), found))
        print(scene.name, {k: round(v, 2) for k, v in found[0].items()}, flush=True)
    return results


def _mean(found: list[dict[str, float]], name: str) -> float:
    return float(np.mean([row[name] for row in found]))


def table(results: list[tuple[Floats, list[dict[str, float]]]]) -> str:
    """A line a scene."""
    header = ["scene", "t/λ", f"above {THICK:g}", "number right", "unmixed, with", "without"]
    header += ["without / with", "true maps, with", "without", "without / with", EXSPY, CUT]
    rows = []
    for scene, (t, found) in zip(SCENES, results, strict=True):
        right = sum(row["surplus"] == 0 for row in found)
        cells = [f"{t.min():.2f} to {t.max():.2f}", f"{100 * np.mean(t > THICK):.0f} %"]
        cells.append(f"{right} of {len(found)}")
        for suffix in ("", ", true maps"):
            with_it, without = (_mean(found, name + suffix) for name in (WITH, WITHOUT))
            cells += [f"{with_it:.2f}", f"{without:.2f}", f"{without / with_it:.2f}"]
        peers = [_mean(found, f"{name}, true maps") for name in (EXSPY, CUT)]
        cells += [f"{angle:.2f}" if np.isfinite(angle) else "fails" for angle in peers]
        rows.append([scene.name, *cells])
    return markdown(header, rows)


def verdict(results: list[tuple[Floats, list[dict[str, float]]]]) -> str:
    """How many scenes reach the goals."""
    lines = []
    for suffix, label in (("", "unmixed"), (", true maps", "with the true maps")):
        gain = np.array([_mean(f, WITHOUT + suffix) / _mean(f, WITH + suffix) for _, f in results])
        thick = np.array([np.median(t) > THICK for t, _ in results])
        lines.append(
            f"- {label}: at least {BETTER:g} times smaller with the low loss on "
            f"{np.sum(gain[thick] >= BETTER)} of {thick.sum()} scenes with most pixels above "
            f"t/λ = {THICK:g}; more than 5 % larger on {np.sum(gain < 1 / WORSE)} of {len(gain)} "
            "scenes."
        )
    return "\n".join(lines)


def draw(results: list[tuple[Floats, list[dict[str, float]]]]) -> str:
    """Angles of everybody, a line a scene."""
    figure, axes = eels.subplots(1, 2, figsize=(10.5, 0.33 * len(SCENES) + 1.8), sharey=True)
    place = -np.arange(len(SCENES))
    for ax, suffix, title in zip(
        axes, ("", ", true maps"), ("unmixed", "with the true maps"), strict=True
    ):
        for name, style in ((WITH, "C3o"), (WITHOUT, "C0s"), (EXSPY, "kx"), (CUT, "k+")):
            if name + suffix not in results[0][1][0]:
                continue
            values = [_mean(found, name + suffix) for _, found in results]
            ax.plot(values, place, style, ms=6, label=name if suffix else None)
        ax.set(xscale="log", xlabel="spectral angle to the truth (degrees)", title=title)
        ax.grid(axis="y", lw=0.3)
    axes[0].set_yticks(place, [scene.name for scene in SCENES])
    figure.legend(loc="outside right upper", fontsize="small")
    return eels.save(figure, "scattering")


def main() -> None:
    """Run the study and write its table."""
    options = eels.arguments(__doc__)
    quiet()
    results = study(options.seeds)
    publish(
        "scattering",
        "Plural scattering",
        "Mean spectral angle in degrees between components and the single-scattering truth, from "
        f"{separation.BEFORE_EDGE:g} eV before the first edge, mean over {len(options.seeds)} "
        "seeds; 6e5 counts a spectrum, 1e6 electrons a low loss. Unmixed: everything automatic "
        "with the low loss; without it, the same number of components. True maps: component "
        "spectra from the PCA's by least squares, the maps known, which leaves the "
        "error of background and deconvolution alone. exspy: `fourier_ratio_deconvolution` by "
        "default, and without extrapolation, when its taper falls on the last recorded channels; "
        "after HyperSpy's PCA (two components more than phases) and power law in the window that "
        "this package found.",
        table(results),
        verdict(results),
        draw(results),
    )


if __name__ == "__main__":
    main()
