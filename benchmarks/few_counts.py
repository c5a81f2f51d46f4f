"""Few counts: `python benchmarks/few_counts.py`.

Scenes of X-rays and core losses at 10 to 200 counts a pixel: `unmix` with nothing told, the same
without sums of pixels, HyperSpy's SVD and ICA and scikit-learn's NMF told the number, and the
least-squares spectra of the true maps. The table is written to docs/benchmarks/few_counts.md;
three seeds take about twelve minutes on one core.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402
from common.kinds_of_scene import Floats, Scene, alloy, minerals, mixed_oxides  # noqa: E402
from common.tables import markdown, publish, quiet  # noqa: E402
from kinds import angle, by_hyperspy, by_nmf, by_true_maps  # noqa: E402

COUNTS = (10, 20, 50, 100, 200)
SCENES = (minerals, alloy, mixed_oxides)
WAYS = {
    "default": lambda scene: by_default(scene, sums=True),
    "default without sums": lambda scene: by_default(scene, sums=False),
    "HyperSpy SVD + ICA": by_hyperspy,
    "scikit-learn KL-NMF": by_nmf,
    "true maps": by_true_maps,
}


def of_counts(scene: Scene, counts: float, rng: np.random.Generator) -> Scene:
    """The same scene with so many counts in the mean pixel."""
    expected = scene.maps @ scene.spectra
    data = rng.poisson(expected * counts / expected.sum(-1).mean()).astype(float)
    return replace(scene, data=data)


def by_default(scene: Scene, sums: bool) -> Floats:
    """Spectra of this package, nothing told; with or without sums of pixels."""
    from hyperspy_unmix.arguments.options import Preprocessing
    from hyperspy_unmix.preparation.prepare import prepare
    from hyperspy_unmix.results.pca import PCA

    prepared = prepare(scene.signal(), Preprocessing(background=None))
    pca = PCA.of_prepared(prepared, "auto")
    result = (pca.with_summed_pixels("auto") if sums else pca).ica()
    energies = result.spectra.axes_manager.signal_axes[0].axis
    return np.array([np.interp(scene.axis, energies, one) for one in result.spectra.data])


def main() -> None:
    """Score every way at every number of counts, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    options = parser.parse_args()
    quiet()
    rows = []
    for make in SCENES:
        for counts in COUNTS:
            found = np.zeros((options.seeds, len(WAYS)))
            numbers = []
            for i in range(options.seeds):
                rng = np.random.default_rng(options.first_seed + i)
                scene = of_counts(make(rng), counts, rng)
                for j, way in enumerate(WAYS.values()):
                    spectra = way(scene)
                    found[i, j] = angle(scene, spectra)
                    if j == 0:
                        numbers.append(len(spectra))
            name = make.__name__.replace("_", " ")
            told = f"{', '.join(map(str, numbers))} of {len(scene.spectra)}"
            rows.append([name, str(counts), told, *(f"{a:.1f}" for a in found.mean(0))])
            print(*rows[-1], sep=" | ", flush=True)
    publish(
        "few_counts",
        "Few counts",
        f"Mean spectral angle in degrees, mean over {options.seeds} seeds; phases that are not "
        "found count as 90 degrees. `unmix` finds the number of components itself, HyperSpy and "
        "NMF are told. The maps are 48 × 48 pixels, with phases of some ten pixels.",
        markdown(["scene", "counts a pixel", "components found", *WAYS], rows),
    )


if __name__ == "__main__":
    main()
