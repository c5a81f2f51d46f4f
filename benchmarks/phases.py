"""Phases beside k-means and SIGMA's pipeline: `python benchmarks/phases.py`.

Phantoms whose phases are known pixel by pixel. k-means and the Gaussian mixture are told the
number, ours is not. About five minutes; `--seeds 1` takes one. The table is written to
docs/benchmarks/.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
from common.tables import MEASURED, markdown, publish, quiet
from scipy.ndimage import uniform_filter
from scipy.optimize import linear_sum_assignment

PURE, BOUNDARY = 0.99, 0.8  # share of the main phase: at least in a pure pixel, at most in a mixed
LINE_WIDTH = 0.07  # keV on either side of a line, summed for SIGMA's element maps
LAYERS = (64, 16, 2, 16, 64)  # of the autoencoder, two latent variables as SIGMA's
Labels = np.ndarray
Method = Callable[[Any, int, int], Labels]


def ours(signal: Any, number: int, seed: int) -> Labels:
    """Not told the number."""
    import hyperspy_unmix

    return hyperspy_unmix.phases(signal, random_state=seed).labels.data.ravel()


def kmeans(signal: Any, number: int, seed: int) -> Labels:
    """Of spectra of one count each, in as many principal components as there are phases."""
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA

    spectra = signal.data.reshape(-1, signal.data.shape[-1]).astype(float)
    spectra = spectra / np.maximum(spectra.sum(1, keepdims=True), 1)
    scaled = spectra / np.sqrt(np.maximum(spectra.mean(0), 1e-12))
    scores = PCA(number, random_state=seed).fit_transform(scaled)
    return KMeans(number, n_init=10, random_state=seed).fit_predict(scores)


def sigma(signal: Any, number: int, seed: int) -> Labels:
    """Tung et al., https://doi.org/10.1029/2022GC010530, as far as it goes without their package.

    Maps of the elements' lines, mean over 3 x 3 pixels, z-score and softmax; an autoencoder of two
    latent variables (scikit-learn's perceptron for theirs), a Gaussian mixture in these.
    """
    from sklearn.mixture import GaussianMixture
    from sklearn.neural_network import MLPRegressor

    features = _element_maps(signal)
    network = MLPRegressor(
        hidden_layer_sizes=LAYERS, activation="tanh", max_iter=300, random_state=seed
    )
    network.fit(features, features)
    latent = features
    for weights, offset in zip(network.coefs_[:3], network.intercepts_[:3], strict=True):
        latent = np.tanh(latent @ weights + offset)
    mixture = GaussianMixture(number, n_init=5, random_state=seed, reg_covar=1e-5)
    return mixture.fit_predict(latent)


def mixture_of_scores(signal: Any, number: int, seed: int) -> Labels:
    """SIGMA's Gaussian mixture in principal components, of which it keeps more than two."""
    from sklearn.decomposition import PCA
    from sklearn.mixture import GaussianMixture

    scores = PCA(min(number, 8), random_state=seed).fit_transform(_element_maps(signal))
    return GaussianMixture(number, n_init=5, random_state=seed).fit_predict(scores)


def _element_maps(signal: Any) -> np.ndarray:
    from exspy.material import elements

    axis = signal.axes_manager.signal_axes[0].axis
    smoothed = uniform_filter(signal.data.astype(float), (3, 3, 0))
    maps = []
    for element in signal.metadata.Sample.elements:
        lines = elements[element].Atomic_properties.Xray_lines.as_dictionary()
        for line in ("Ka", "La"):
            energy = lines.get(line, {}).get("energy (keV)")
            if energy and axis[0] < energy < axis[-1]:
                maps.append(smoothed[..., np.abs(axis - energy) < LINE_WIDTH].sum(-1).ravel())
    features = np.stack(maps, 1)
    features = (features - features.mean(0)) / np.maximum(features.std(0), 1e-12)
    powers = np.exp(features - features.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


METHODS: dict[str, Method] = {
    "k-means, told": kmeans,
    "SIGMA's steps, told": sigma,
    "their mixture in PCA scores, told": mixture_of_scores,
    "phases()": ours,
}


def right(labels: Labels, shares: np.ndarray) -> tuple[float, float]:
    """Share of pure pixels with the right label, and of mixed ones that are given to a phase."""
    true, main = shares.argmax(0), shares.max(0)
    pure, mixed = main > PURE, main < BOUNDARY
    number = max(int(labels.max(initial=-1)) + 1, 1)
    table = np.zeros((number, len(shares)))
    inside = pure & (labels >= 0)
    np.add.at(table, (labels[inside], true[inside]), 1)
    rows, columns = linear_sum_assignment(-table)
    return float(table[rows, columns].sum() / pure.sum()), float(np.mean(labels[mixed] >= 0))


def scenes(seeds: int) -> list[tuple[str, int, Any, np.ndarray]]:
    """Name, number of phases, signal, shares (phases, pixels)."""
    from hyperspy_unmix import data

    found = []
    cases = ((8, 200), (8, 1000), (5, 50), (3, 200))
    for phases, counts in cases:
        for seed in range(seeds):
            signal, _, truth = data.eds_phases(phases=phases, counts=counts, seed=seed)
            maps = truth.maps.data.reshape(phases, -1)
            name = f"{phases} minerals, {counts} counts a pixel"
            found.append((name, phases, signal, maps / maps.sum(0)))
    return found


def measured() -> list[list[object]]:
    """What is found in measured maps, of which no truth is known pixel by pixel."""
    import hyperspy.api as hs

    import hyperspy_unmix

    files = {
        "FePt cores, shells, film": ("eds_fept_core_shell/core_shell.hdf5", "HSPY"),
        "three silicates": ("eds_silicate/71GPa_subsolidus.hspy", None),
    }
    rows = []
    for name, (file, kind) in files.items():
        if not (MEASURED / file).exists():
            continue
        signal = hs.load(MEASURED / file, file_format=kind) if kind else hs.load(MEASURED / file)
        found = hyperspy_unmix.phases(signal)
        areas = ", ".join(f"{100 * area:.1f} %" for area in list(found.areas.values())[:-2])
        rows.append([name, len(found), areas, f"{100 * found.areas['(mixed)']:.1f} %"])
    return rows


def main() -> None:
    """Run, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    quiet()
    results: dict[tuple[str, str], list[tuple[int, float, float]]] = {}
    for name, number, signal, shares in scenes(options.seeds):
        for method, function in METHODS.items():
            labels = function(signal, number, 0)
            found = (int(labels.max(initial=-1)) + 1, *right(labels, shares))
            results.setdefault((name, method), []).append(found)
            print(name, method, found, flush=True)
    rows = []
    for (name, method), found in results.items():
        numbers = ", ".join(str(n) for n, _, _ in found)
        pure, mixed = (100 * np.mean([one[i] for one in found]) for i in (1, 2))
        rows.append([name, method, numbers, f"{pure:.1f} %", f"{mixed:.1f} %"])
    text = (
        f"Grains of minerals in projection, 64 x 64 pixels, {options.seeds} seeds. Right: pure "
        "pixels (at least 99 % of one phase) with the label of their phase, after the best "
        "one-to-one assignment. Mixed pixels hold at most 80 % of one phase and have no right "
        "label: what is given to a phase there blurs its spectrum. Only `phases()` is not told the "
        "number. SIGMA "
        "(Tung et al. 2023, https://doi.org/10.1029/2022GC010530) is followed in its steps without "
        "its package: element maps, 3 x 3 mean, z-score, softmax, an autoencoder of two latent "
        "variables (scikit-learn's perceptron stands in for theirs) and a Gaussian mixture; its "
        "mixture in principal components stands beside it, since the small network may be what "
        "fails."
    )
    parts = [text, markdown(["scene", "method", "phases", "pure pixels right", "of mixed"], rows)]
    of_files = measured()
    if of_files:
        parts.append("Measured maps, for which no truth is known pixel by pixel:")
        parts.append(markdown(["map", "phases", "areas", "mixed"], of_files))
    publish("phases", "Phases: homogeneous regions", *parts)


if __name__ == "__main__":
    main()
