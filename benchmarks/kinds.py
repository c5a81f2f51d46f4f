"""Kinds of data, nothing told: `python benchmarks/kinds.py`.

Scenes of EELS, EDS, luminescence, Raman and infrared, side by side, on films, in gradients; the
default against its two assumptions, HyperSpy's ICA, NMF, k-means clusters and archetypes (all told
the number of components), and the least-squares spectra of the true maps. The table is written to
docs/benchmarks/kinds.md; three seeds take about a quarter of an hour on one core.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402
from common.clusters_and_archetypes import archetypes, cluster_means, denoise  # noqa: E402
from common.kinds_of_scene import KINDS, Floats, Scene  # noqa: E402
from common.tables import markdown, publish, quiet  # noqa: E402
from scipy.optimize import linear_sum_assignment  # noqa: E402

MISSING = 90.0  # degrees, of a phase that was not found
LEAST_ANGLE = 0.3  # degrees, below which a geometric mean tells nothing


def ours(assume: str) -> Callable[[Scene], Floats]:
    """Spectra of this package under an assumption; the number of components is found."""

    def spectra(scene: Scene) -> Floats:
        import hyperspy_unmix

        result = hyperspy_unmix.unmix(
            scene.signal(), background=None, noise=scene.noise, assume=assume
        )
        energies = result.spectra.axes_manager.signal_axes[0].axis
        return np.array([np.interp(scene.axis, energies, one) for one in result.spectra.data])

    return spectra


def by_hyperspy(scene: Scene) -> Floats:
    """Weighted SVD and ICA as HyperSpy 2 has them, told the number; signs turned to positive."""
    import hyperspy.api as hs

    k = len(scene.spectra)
    signal = hs.signals.Signal1D(np.maximum(scene.data, 0 if scene.noise == "auto" else -np.inf))
    signal.decomposition(scene.noise == "auto", output_dimension=k, print_info=False)
    signal.blind_source_separation(k, print_info=False)
    factors = signal.get_bss_factors().data
    return factors * np.sign(factors.sum(1, keepdims=True))


def by_nmf(scene: Scene) -> Floats:
    """scikit-learn's NMF with the Kullback-Leibler divergence, told the number."""
    from sklearn.decomposition import NMF

    model = NMF(
        len(scene.spectra), init="nndsvda", beta_loss="kullback-leibler", solver="mu", max_iter=400
    )
    return model.fit(np.maximum(scene.data.reshape(-1, len(scene.axis)), 0)).components_


def by_peer(peer: Callable[[Floats, int], Floats]) -> Callable[[Scene], Floats]:
    """Spectra of a peer that takes denoised ones, told the number."""

    def spectra(scene: Scene) -> Floats:
        k, values = len(scene.spectra), scene.data.reshape(-1, len(scene.axis))
        return peer(denoise(values, k, scene.noise == "auto"), k)

    return spectra


def by_true_maps(scene: Scene) -> Floats:
    """Least-squares spectra of the true maps."""
    maps = scene.maps.reshape(-1, len(scene.spectra))
    return np.linalg.lstsq(maps, scene.data.reshape(len(maps), -1), rcond=None)[0]


WAYS = {
    "default": ours("auto"),
    '`assume="overlap"`': ours("overlap"),
    '`assume="pure"`': ours("pure"),
    "HyperSpy SVD + ICA": by_hyperspy,
    "scikit-learn KL-NMF": by_nmf,
    "k-means": by_peer(cluster_means),
    "EDAA": by_peer(archetypes),
    "true maps": by_true_maps,
}


def angle(scene: Scene, spectra: Floats) -> float:
    """Mean spectral angle in degrees, each phase with its own component."""
    unit = [s / np.linalg.norm(s, axis=1, keepdims=True) for s in (scene.spectra, spectra)]
    cosine = np.clip(unit[0] @ unit[1].T, -1, 1)
    true, found = linear_sum_assignment(-cosine)
    angles = np.full(len(scene.spectra), MISSING)
    angles[true] = np.degrees(np.arccos(cosine[true, found]))
    return float(angles.mean())


def main() -> None:
    """Score every way on every kind, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    options = parser.parse_args()
    quiet()
    rows, means = [], []
    for make in KINDS:
        found = np.zeros((options.seeds, len(WAYS)))
        for i in range(options.seeds):
            scene = make(np.random.default_rng(options.first_seed + i))
            for j, way in enumerate(WAYS.values()):
                found[i, j] = angle(scene, way(scene))
        means.append(found.mean(0))
        words = (make.__doc__ or "").strip().rstrip(".")
        rows.append([make.__name__.replace("_", " "), words, *(f"{a:.1f}" for a in means[-1])])
        print(*rows[-1], sep=" | ", flush=True)
    geometric = np.exp(np.mean(np.log(np.maximum(means, LEAST_ANGLE)), 0))
    rows.append(["geometric mean", "", *(f"{a:.2f}" for a in geometric)])
    publish(
        "kinds",
        "Many kinds of data, nothing told",
        f"Mean spectral angle in degrees, mean over {options.seeds} seeds. `unmix` finds the "
        "number of components, the others are told. A phase that is not found counts as 90 "
        f"degrees, angles below {LEAST_ANGLE} as that in the geometric mean.",
        markdown(["kind", "what it is", *WAYS], rows),
    )


if __name__ == "__main__":
    main()
