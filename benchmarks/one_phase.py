"""One phase of any thickness is one component: `python benchmarks/one_phase.py`.

Wedges of one phase, t/lambda 0.2 to 1.2: components of the counts as recorded, beside what an
oracle could detect of them, and what is left once background and plural scattering are out. About
two minutes; `--quick` takes one seed. The table is written to docs/benchmarks/.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from common import eels_scenes as eels
from common.eels_scenes import DOSES
from common.scenes import Scene as Counted
from common.tables import markdown, publish, quiet
from number_of_components import oracle

PHASES = ("Fe3O4", "SiO2", "SrTiO3")
LOW_LOSS = (1e6, 1e4)  # electrons a pixel
MOST = 20  # components that the oracle looks at
HEADER = (
    *(
        "phase",
        "counts",
        "counts of the low loss",
        "oracle, as recorded",
        "noise edge, as recorded",
    ),
    *("after the physics", "consensus"),
)


def detectable(pca: Any, clean: Any) -> int:
    """Components of the expectation as recorded that an oracle detects in the analysed range."""
    image = pca.prepared.image
    expected = eels.pixels(clean.signal)[:, image.first : image.last]
    return oracle(Counted(expected, MOST, "EELS", clean.signal.data.shape[:2]))


def one(phase: str, counts: float, low_loss_counts: float, seed: int) -> list[int]:
    """Oracle's count, noise edge, after the physics, consensus."""
    import hyperspy_unmix

    options = {"counts": counts, "low_loss_counts": low_loss_counts}
    phantom, clean = eels.wedge(phase).pair(seed, **options)
    pca = hyperspy_unmix.pca(phantom.signal, low_loss=phantom.low_loss)
    count = pca.count
    return [detectable(pca, clean), count.noise_edge, count.after_physics, count.consensus]


def main() -> None:
    """Count, and write the table."""
    options = eels.arguments(__doc__)
    quiet()
    rows, right, total = [], 0, 0
    for phase in PHASES:
        for counts in DOSES:
            for low_loss_counts in LOW_LOSS:
                found = np.array(
                    [one(phase, counts, low_loss_counts, seed) for seed in options.seeds]
                )
                right, total = right + int(np.sum(found[:, 3] == 1)), total + len(found)
                cells = [", ".join(map(str, column)) for column in found.T]
                rows.append([phase, f"{counts:g}", f"{low_loss_counts:g}", *cells])
                print(rows[-1], flush=True)
    publish(
        "one_phase",
        "One phase of any thickness is one component",
        "Wedges of one phase, t/λ 0.2 to 1.2, 48 x 48 pixels, counts of a core-loss spectrum "
        f"(mean) and of a low loss; one number for each of {len(options.seeds)} seeds. The truth "
        "is 1. The counts as recorded have more: plural scattering changes the spectrum with the "
        "thickness. The oracle knows their expectation and counts its singular values, weighted "
        "with the true noise, above (pixels x channels)^(1/4), in the same channels.",
        f"One component after the physics, consensus: {right} of {total}.",
        markdown(HEADER, rows),
    )


if __name__ == "__main__":
    main()
