"""Few counts: `python benchmarks/few_counts.py`.

Scenes of X-rays and core losses at 10 to 200 counts a pixel: `unmix` with nothing told, the same
without sums of pixels, HyperSpy's SVD and ICA and scikit-learn's NMF told the number, and the
least-squares spectra of the true maps. Maps are those of single pixels and the smooth ones. The
table is written to docs/benchmarks/few_counts.md; five seeds take a quarter of an hour on a core.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402
from common.kinds_of_scene import Floats, N, Scene, alloy, minerals, mixed_oxides  # noqa: E402
from common.tables import markdown, publish, quiet  # noqa: E402
from kinds import angle, by_hyperspy, by_nmf, by_true_maps  # noqa: E402
from scipy.optimize import linear_sum_assignment  # noqa: E402

if TYPE_CHECKING:
    from hyperspy_unmix import Unmixing

COUNTS = (10, 20, 50, 100, 200)
WAYS = {
    "default": lambda scene: spectra_of(by_default(scene, sums=True), scene),
    "default without sums": lambda scene: spectra_of(by_default(scene, sums=False), scene),
    "HyperSpy SVD + ICA": by_hyperspy,
    "scikit-learn KL-NMF": by_nmf,
    "true maps": by_true_maps,
}


def of_counts(scene: Scene, counts: float, rng: np.random.Generator) -> Scene:
    """The same scene with so many counts in the mean pixel."""
    expected = scene.maps @ scene.spectra
    data = rng.poisson(expected * counts / expected.sum(-1).mean()).astype(float)
    return replace(scene, data=data)


def three_oxides(rng: np.random.Generator) -> Scene:
    """Single scattering of the built-in foil of three oxides: overlapping grains, no background."""
    from hyperspy_unmix import data

    seed = int(rng.integers(2**31))
    truth = data.three_oxides((N, N), background=False, noise=False, seed=seed).truth
    axis = truth.spectra.axes_manager.signal_axes[0].axis
    maps = np.moveaxis(truth.maps.data, 0, -1)
    return Scene(maps, truth.spectra.data, axis, np.zeros(0), "auto", "EELS_unmix")


SCENES = (minerals, alloy, mixed_oxides, three_oxides)


def by_default(scene: Scene, sums: bool) -> Unmixing:
    """The result of this package, nothing told; with or without sums of pixels."""
    from hyperspy_unmix.arguments.options import Preprocessing
    from hyperspy_unmix.preparation.prepare import prepare
    from hyperspy_unmix.results.pca import PCA

    prepared = prepare(scene.signal(), Preprocessing(background=None))
    pca = PCA.of_prepared(prepared, "auto")
    return (pca.with_summed_pixels("auto") if sums else pca).ica()


def spectra_of(result: Unmixing, scene: Scene) -> Floats:
    """Its spectra on the energies of the scene."""
    energies = result.spectra.axes_manager.signal_axes[0].axis
    return np.array([np.interp(scene.axis, energies, one) for one in result.spectra.data])


def map_errors(result: Unmixing, scene: Scene) -> tuple[float, float]:
    """R.m.s. errors over the r.m.s. values of maps and smooth maps, of phases that were found.

    Each is compared with the true map that it is nearest to, after one scale for all pixels.
    """
    true = np.moveaxis(scene.maps, -1, 0).reshape(len(scene.spectra), -1)
    errors = []
    for signal in (result.maps, result.smooth_maps):
        found = signal.data.reshape(len(signal.data), -1)
        scale = (found @ true.T) / np.sum(found**2, 1, keepdims=True)
        left = np.array(
            [
                [np.sum((a * f - t) ** 2) for a, t in zip(row, true, strict=True)]
                for f, row in zip(found, scale, strict=True)
            ]
        )
        relative = np.sqrt(left / np.sum(true**2, 1))
        errors.append(float(relative[linear_sum_assignment(relative)].mean()))
    return errors[0], errors[1]


def main() -> None:
    """Score every way at every number of counts, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    options = parser.parse_args()
    quiet()
    rows = []
    for make in SCENES:
        for counts in COUNTS:
            rows.append(row_of(make, counts, options.first_seed, options.seeds))
            print(*rows[-1], sep=" | ", flush=True)
    publish(
        "few_counts",
        "Few counts",
        f"Mean spectral angle in degrees, mean over {options.seeds} seeds; phases that are not "
        "found count as 90 degrees. `unmix` finds the number of components itself, HyperSpy and "
        "NMF are told. The maps are 48 × 48 pixels, with phases of some ten pixels. `times the "
        "true maps` is the default's angle over that of the least-squares spectra of these. "
        "Errors of maps are r.m.s. over r.m.s., mean of the phases that were found.",
        markdown(
            [
                "scene",
                "counts a pixel",
                "number right",
                *WAYS,
                "times the true maps",
                "error of maps",
                "of smooth maps",
            ],
            rows,
        ),
    )


def row_of(make: Callable, counts: float, first_seed: int, seeds: int) -> list[str]:
    """A row of the table."""
    found, of_maps, right = np.zeros((seeds, len(WAYS))), np.zeros((seeds, 2)), 0
    for i in range(seeds):
        rng = np.random.default_rng(first_seed + i)
        scene = of_counts(make(rng), counts, rng)
        result = by_default(scene, sums=True)
        right += result.n_components == len(scene.spectra)
        of_maps[i] = map_errors(result, scene)
        for j, (name, way) in enumerate(WAYS.items()):
            spectra = spectra_of(result, scene) if name == "default" else way(scene)
            found[i, j] = angle(scene, spectra)
    mean = found.mean(0)
    return [
        make.__name__.replace("_", " "),
        str(counts),
        f"{right} of {seeds}",
        *(f"{a:.1f}" for a in mean),
        f"{mean[0] / mean[list(WAYS).index('true maps')]:.2f}",
        *(f"{e:.2f}" for e in of_maps.mean(0)),
    ]


if __name__ == "__main__":
    main()
