"""Non-negative factorisation of the same PCA: `python benchmarks/factorisation.py`.

The kinds of scene of `kinds.py`: the default beside `algorithm="mcr-als"` and `"nmf"` from each
start, and scikit-learn's KL-NMF of the counts. The table is written to
docs/benchmarks/factorisation.md; two seeds take some five minutes on one core.
"""

from __future__ import annotations

import argparse
import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402
from common.kinds_of_scene import KINDS, Floats, Scene  # noqa: E402
from common.tables import markdown, publish, quiet  # noqa: E402
from kinds import LEAST_ANGLE, angle, by_nmf, by_true_maps  # noqa: E402

OURS = {
    "default": {},
    "MCR-ALS": {"algorithm": "mcr-als"},
    "MCR-ALS from pure pixels": {"algorithm": "mcr-als", "assume": "pure"},
    "MCR-ALS from ICA": {"algorithm": "mcr-als", "assume": "overlap"},
    "KL-NMF": {"algorithm": "nmf"},
}
OTHERS = {"scikit-learn KL-NMF": by_nmf, "true maps": by_true_maps}


def by_ours(scene: Scene) -> list[float]:
    """Angles of this package's ways, of one PCA; not a number where counts are no counts."""
    import hyperspy_unmix

    pca = hyperspy_unmix.pca(scene.signal(), background=None, noise=scene.noise)
    found = []
    for options in OURS.values():
        try:
            result = pca.ica(**options)
        except ValueError as error:
            if "Poisson likelihood" not in str(error):
                raise
            found.append(np.nan)
            continue
        energies = result.spectra.axes_manager.signal_axes[0].axis
        spectra = [np.interp(scene.axis, energies, one) for one in result.spectra.data]
        found.append(angle(scene, np.array(spectra)))
    return found


def words(angles: Floats, digits: int) -> list[str]:
    """Angles as they stand in the table."""
    return ["not counts" if np.isnan(a) else f"{a:.{digits}f}" for a in angles]


def main() -> None:
    """Score every way on every kind, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--first-seed", type=int, default=0)
    options = parser.parse_args()
    quiet()
    rows, means = [], []
    for make in KINDS:
        found = []
        for i in range(options.seeds):
            scene = make(np.random.default_rng(options.first_seed + i))
            others = [angle(scene, way(scene)) for way in OTHERS.values()]
            found.append(by_ours(scene) + others)
        means.append(np.mean(found, 0))
        rows.append([make.__name__.replace("_", " "), *words(means[-1], 1)])
        print(*rows[-1], sep=" | ", flush=True)
    geometric = np.exp(np.nanmean(np.log(np.maximum(means, LEAST_ANGLE)), 0))
    rows.append(["geometric mean", *words(geometric, 2)])
    publish(
        "factorisation",
        "Non-negative factorisation",
        f"Mean spectral angle in degrees, mean over {options.seeds} seeds, of the scenes of "
        "[kinds](kinds.md). All but the last two are of one PCA with the number of components that "
        "`unmix` finds; MCR-ALS and KL-NMF take the better fit of both starts. scikit-learn is "
        "told the number and sees the counts.",
        markdown(["kind", *OURS, *OTHERS], rows),
    )


if __name__ == "__main__":
    main()
