"""What is left of the background, and what is lost of the edges: `python benchmarks/background.py`.

Components after background and plural scattering are out, on all EELS phantoms and at all doses;
and the integral of edges with the background subtracted, beside HyperSpy's power law of every pixel
in the same window. About six minutes; `--quick` takes one seed. Tables and figure are written to
docs/benchmarks/.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from common import eels_scenes as eels
from common.eels_scenes import BARE, DOSES, FOILS, Floats
from common.tables import markdown, publish, quiet

WIDTH = 50.0  # eV integrated behind an onset
APART = 10.0  # eV; onsets closer than that are one edge
SIGMAS = 3.0  # an edge is detected where it is that many times the noise of what is under it
MULTIPLES = (1, 3, 10, 100, 1000)  # of the counts needed for detection
JUDGED = 10
MORE_SEEDS = 3  # times as many where it is judged: the noise of the total is of the bias' size
SCENES = (eels.wedge("Fe3O4"), eels.wedge("SiO2"), *FOILS)
OURS, LOW_LOSS, PEER = "hyperspy_unmix", "with the low loss", "HyperSpy"
LOW_LOSS_COUNTS = 1e6  # electrons a pixel
LOW_LOSS_AT = (JUDGED, MULTIPLES[-1])


# --------------------------------------------------------------------------- components
def detectable(phantom: Any, clean: Any) -> int:
    """Phases that could be detected at all: background and plural scattering known exactly.

    Singular values of the single scattering, weighted with the noise of the counts as recorded,
    above the detection limit (pixels x channels)^(1/4).
    """
    from common.accuracy import true_maps, true_spectra

    from hyperspy_unmix.numerics.noise.weights import column_scales

    expected = np.maximum(eels.electrons(clean.signal, clean), 1e-12)
    columns = column_scales(expected)
    rows = 1 / (expected @ columns / expected.shape[1])
    gain = clean.truth.parameters["detector"]["gain"]
    single = true_maps(clean).T @ true_spectra(clean) / gain
    white = np.sqrt(rows)[:, None] * single * np.sqrt(columns)
    gram = white @ white.T if len(white) < white.shape[1] else white.T @ white
    values = np.sqrt(np.maximum(np.linalg.eigvalsh(gram)[::-1][: len(clean.truth.names)], 0))
    return int(np.sum(values > expected.size**0.25))


def count_table(seeds: range) -> tuple[str, int, int]:
    """Components after the physics less the phases; how many are too many, of how many."""
    import hyperspy_unmix

    rows, surplus, total = [], 0, 0
    for scene in (*SCENES, BARE):
        cells: list[str] = []
        for counts in DOSES:
            found, oracle = [], []
            for seed in seeds:
                phantom, clean = scene.pair(seed, counts=counts)
                count = hyperspy_unmix.pca(phantom.signal, low_loss=phantom.low_loss).count
                phases = len(phantom.truth.names)
                found.append(count.consensus - phases)
                oracle.append(detectable(phantom, clean) - phases)
                surplus, total = surplus + (found[-1] > 0), total + 1
            cells.append(" ".join(f"{n:+d}" if n else "0" for n in found))
            cells[-1] += f" ({np.mean(oracle):+.1f})" if any(oracle) else ""
        rows.append([scene.name, phases, *cells])
        print(rows[-1], flush=True)
    return markdown(["scene", "phases", *(f"{c:g}" for c in DOSES)], rows), surplus, total


# --------------------------------------------------------------------------- edge integrals
@dataclass(frozen=True)
class Edge:
    """First edge of one or more phases: names, and the channels integrated."""

    name: str
    channels: slice


def first_edges(phantom: Any) -> list[Edge]:
    """First edges of all phases; those with nearly the same onset are one."""
    firsts = sorted(
        (eels.edges(name)[0]["onset"], eels.edges(name)[0]["name"], name)
        for name in phantom.truth.names
    )
    axis = phantom.signal.axes_manager.signal_axes[0]
    groups: list[list[tuple[float, str, str]]] = []
    for first in firsts:
        if groups and first[0] - groups[-1][0][0] < APART:
            groups[-1].append(first)
        else:
            groups.append([first])
    return [
        Edge(
            f"{group[0][1].replace('_', '-')} at {group[0][0]:.0f} eV",
            slice(*(axis.value2index(group[0][0] + by) for by in (0.0, WIDTH))),
        )
        for group in groups
    ]


def totals(spectra: Floats, edges: list[Edge]) -> Floats:
    """Integral of each edge over the whole map."""
    total = np.nansum(spectra.reshape(-1, spectra.shape[-1]), 0)
    return np.array([total[edge.channels].sum() for edge in edges])


def needed(clean: Any, edges: list[Edge]) -> float:
    """Counts of a spectrum for all of the edges to be detected in the mean pixel.

    An edge of S counts on B of background is detected where S = 3 sqrt(B); both are proportional
    to the dose.
    """
    background = np.asarray(clean.truth.background.data, float)
    n, counts = background[..., 0].size, clean.truth.parameters["counts"]
    under = totals(background, edges) / n
    edge = totals(clean.signal.data - background, edges) / n
    return float(np.max(counts * SIGMAS**2 * under / edge**2))


def corrected(signal: Any, low_loss: Any = None) -> tuple[Floats, tuple[float, float] | None]:
    """Spectra on the whole axis less the background that this package fits, and its window.

    Plural scattering is left in; with the low loss the background is fitted with it.
    """
    import hyperspy_unmix

    pca = hyperspy_unmix.pca(signal, low_loss=low_loss)
    image, spectra = pca.prepared.image, np.zeros(signal.data.shape)
    analysed = slice(image.first, image.last)
    spectra[..., analysed] = signal.data[..., analysed]
    if pca.background_fit is not None:
        background = pca.background_fit.background
        fitted = (background.scores @ background.components).reshape(*signal.data.shape[:2], -1)
        spectra[..., image.first + np.asarray(image.positions)] -= fitted
    return spectra, pca.settings["background"].value


def by_hyperspy(signal: Any, window: tuple[float, float]) -> Floats:
    """The power law of every pixel removed by HyperSpy."""
    signal = eels.plain(signal)
    found = signal.remove_background(
        signal_range=window, background_type="PowerLaw", fast=True, zero_fill=False,
        show_progressbar=False,
    )  # fmt: skip
    return np.asarray(found.data, float)


@dataclass(frozen=True)
class Integrals:
    """Edges of a scene, counts needed, windows, and found / true - 1, (seeds, edges) each."""

    edges: list[Edge]
    needed: float
    windows: list[tuple[float, float]]
    bias: dict[tuple[str, int], Floats]


def integrals(scene: eels.Scene, seeds: range) -> Integrals:
    """Edge integrals of a scene at all multiples of the counts needed."""
    clean = scene.make(noise=False)
    edges = first_edges(clean)
    least = needed(clean, edges)
    true = totals(clean.signal.data - clean.truth.background.data, edges)
    result = Integrals(edges, least, [], {})
    for multiple in MULTIPLES:
        factor = multiple * least / clean.truth.parameters["counts"]
        rows: dict[str, list[Floats]] = {OURS: [], LOW_LOSS: [], PEER: []}
        for seed in range(len(seeds) * (MORE_SEEDS if multiple == JUDGED else 1)):
            generator = np.random.default_rng([seed, multiple])
            signal = _drawn(clean, factor, generator)
            spectra, window = corrected(signal)
            rows[OURS].append(totals(spectra, edges))
            if multiple in LOW_LOSS_AT:
                low_loss = eels.drawn(clean, LOW_LOSS_COUNTS, generator)
                rows[LOW_LOSS].append(totals(corrected(signal, low_loss)[0], edges))
            if window is not None:
                result.windows.append(window)
                rows[PEER].append(totals(by_hyperspy(signal, window), edges))
        for method, values in rows.items():
            if values:
                result.bias[method, multiple] = np.array(values) / (factor * true) - 1
    at = {m: result.bias[m, JUDGED].mean(0).round(4).tolist() for m in (OURS, LOW_LOSS, PEER)}
    print(scene.name, f"{least:.0f}", result.windows[-1:], at, flush=True)
    return result


def _drawn(clean: Any, factor: float, generator: np.random.Generator) -> Any:
    signal = clean.signal.deepcopy()
    signal.data = generator.poisson(clean.signal.data * factor).astype(np.uint32)
    return signal


def integral_table(results: dict[str, Integrals]) -> str:
    """Bias at ten times the counts needed for detection, and at far more."""
    columns = [(method, m) for m in LOW_LOSS_AT for method in (OURS, LOW_LOSS, PEER)]
    rows = []
    for name, result in results.items():
        for i, edge in enumerate(result.edges):
            window = " to ".join(f"{at:.0f}" for at in np.median(result.windows, 0))
            cells = [_cell(result, column, i) for column in columns]
            rows.append([name, edge.name, f"{result.needed:.0f}", window, *cells])
    header = ["scene", "edge", "counts needed", "window, eV"]
    return markdown([*header, *(f"{method}, {m} times" for method, m in columns)], rows)


def _cell(result: Integrals, column: tuple[str, int], edge: int) -> str:
    if column not in result.bias:
        return "-"
    bias = 100 * result.bias[column][:, edge]
    error = f" ± {bias.std(ddof=1) / np.sqrt(len(bias)):.2f}" if len(bias) > 1 else ""
    return f"{bias.mean():+.2f}{error}"


def largest(results: dict[str, Integrals]) -> str:
    """The worst edge of all where it is judged, in words."""
    worst = []
    for method in (OURS, LOW_LOSS, PEER):
        means = [np.abs(result.bias[method, JUDGED].mean(0)).max() for result in results.values()]
        worst.append(f"{100 * max(means):.2f} % ({method})")
    return f"Largest of all edges at {JUDGED} times the counts: {', '.join(worst)}."


def draw(results: dict[str, Integrals]) -> str:
    """Bias against the dose, one line an edge."""
    figure, axes = eels.subplots(1, 3, figsize=(12.5, 4.4), sharey=True)
    for ax, method in zip(axes, (OURS, LOW_LOSS, PEER), strict=True):
        place = 0
        for name, result in results.items():
            for i, edge in enumerate(result.edges):
                at = [multiple for multiple in MULTIPLES if (method, multiple) in result.bias]
                mean = [100 * result.bias[method, multiple][:, i].mean() for multiple in at]
                label = f"{name}, {edge.name}" if method == OURS else None
                ax.plot(at, mean, "osv^D"[place % 5] + "-", ms=4, lw=1, label=label)
                place += 1
        ax.axhspan(-1, 1, color="k", alpha=0.08, lw=0)
        ax.axvline(JUDGED, color="k", lw=0.6, ls=":")
        ax.set_yscale("symlog", linthresh=1)
        ax.set_yticks([-10, -5, -2, -1, 0, 1, 2, 5], map(str, [-10, -5, -2, -1, 0, 1, 2, 5]))
        ax.minorticks_off()
        ax.set(xscale="log", xlim=(0.7, 1500), title=method)
    axes[1].set_xlabel("counts / counts needed for detection")
    axes[0].set_ylabel("found / true − 1 of the edge's integral (%)")
    figure.legend(loc="outside right center", fontsize="x-small")
    return eels.save(figure, "background")


def main() -> None:
    """Run both parts and write their tables."""
    options = eels.arguments(__doc__)
    quiet()
    counts, surplus, total = count_table(options.seeds)
    results = {scene.name: integrals(scene, options.seeds) for scene in SCENES}
    publish(
        "background",
        "Background",
        f"Consensus of the components less the true number of phases, one number for each of "
        f"{len(options.seeds)} seeds; 0 is right. In brackets the same of an oracle that knows "
        "background and plural scattering, where it detects fewer than all phases. Columns: counts "
        "of a spectrum, background included; low loss of 1e6. More components than phases in "
        f"{surplus} of {total}.",
        counts,
        f"Edges over {WIDTH:g} eV from the onset, total over the map, background subtracted, "
        f"plural scattering left in: found / true - 1 in %, mean and standard error over "
        f"{len(options.seeds)} seeds, {MORE_SEEDS * len(options.seeds)} at {JUDGED} times the "
        "counts. "
        f"An edge of S counts on B of background counts as detected where S = {SIGMAS:g} sqrt(B) "
        "in the mean pixel. True is the noise-free phantom less its true background. With the low "
        f"loss ({LOW_LOSS_COUNTS:g} electrons a pixel) the background is fitted with it. HyperSpy: "
        "`remove_background` of a power law, `fast=True`, pixel by pixel, in the same window. "
        + largest(results),
        integral_table(results),
        draw(results),
    )


if __name__ == "__main__":
    main()
