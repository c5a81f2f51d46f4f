"""How often the number of components is right: `python benchmarks/number_of_components.py`.

Random scenes of known rank, Poisson counts; the oracle counts the singular values of the whitened
truth above the detection limit (pixels x channels)^(1/4). The table is written to docs/benchmarks/.
"""

from __future__ import annotations

import argparse
import importlib.util
import logging
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from common.scenes import Scene, random_scene

warnings.simplefilter("ignore")
NO_ANSWER = -99


def oracle(scene: Scene) -> int:
    """Components that can be detected at all, with weights known exactly."""
    from hyperspy_unmix.numerics.noise.weights import column_scales

    v = column_scales(np.maximum(scene.expected, 1e-12))
    u = 1 / (scene.expected @ v / scene.expected.shape[1])
    white = np.sqrt(u)[:, None] * scene.expected * np.sqrt(v)
    values = np.linalg.svd(white, compute_uv=False)[: scene.rank]
    return int(np.sum(values > scene.expected.size**0.25))


def ours(counts: np.ndarray) -> dict[str, int]:
    """Counts of this package."""
    import hyperspy.api as hs

    import hyperspy_unmix

    count = hyperspy_unmix.estimate_number_of_components(hs.signals.Signal1D(counts))
    return {
        "hyperspy_unmix": count.consensus,
        "its noise edge alone": count.noise_edge,
        "its elbow alone": count.elbow,
        "its split half alone": count.split_half,
    }


def hyperspy_elbow(counts: np.ndarray) -> int:
    """Index of HyperSpy's elbow after its own Poisson normalisation."""
    import hyperspy.api as hs

    s = hs.signals.Signal1D(counts.astype(float))
    s.decomposition(True, print_info=False)
    return int(s.estimate_elbow_position())


def hyperspy_number(counts: np.ndarray) -> int:
    """Number of components that HyperSpy says are significant: the elbow's index plus one."""
    return hyperspy_elbow(counts) + 1


def _scaled(counts: np.ndarray) -> np.ndarray:
    y = counts.reshape(-1, counts.shape[-1]).astype(float)
    y = y[:, y.any(0)][y.any(1)]
    return y / np.sqrt(np.outer(y.mean(1), y.mean(0)) / y.mean())


def gavish_donoho(counts: np.ndarray) -> int:
    """Optimal hard threshold, noise level unknown (package optht), after Keenan-Kotula scaling."""
    from optht import optht

    y = _scaled(counts)
    return int(optht(min(y.shape) / max(y.shape), np.linalg.svd(y, compute_uv=False)))


def minka(counts: np.ndarray) -> int:
    """Minka's MLE as in scikit-learn, after Keenan-Kotula scaling."""
    from sklearn.decomposition import PCA

    return int(PCA("mle", svd_solver="full").fit(_scaled(counts)).n_components_) + 1


def variance_rule(counts: np.ndarray) -> int:
    """As many components as explain 99 % of the variance, after Keenan-Kotula scaling."""
    values = np.linalg.svd(_scaled(counts), compute_uv=False) ** 2
    return int(np.searchsorted(np.cumsum(values) / values.sum(), 0.99)) + 1


PEERS: dict[str, Callable[[np.ndarray], int]] = {
    "HyperSpy 2.5, number of significant components": hyperspy_number,
    "HyperSpy 2.5, its elbow less one": hyperspy_elbow,
    "Gavish-Donoho (optht)": gavish_donoho,
    "Minka MLE": minka,
    "99 % variance": variance_rule,
}


def main() -> None:
    """Run the study and write its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=200)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    import hyperspy.api as hs

    hs.preferences.General.show_progressbar = False
    logging.disable(logging.WARNING)
    if not options.no_peers and importlib.util.find_spec("optht") is None:
        parser.error("the peers need the package optht: pip install optht, or --no-peers")
    generator = np.random.default_rng(options.seed)
    results: dict[str, list[tuple[int, int]]] = {}
    for i in range(options.scenes):
        scene = random_scene(generator, ("EELS", "EDS")[i % 2], 1 + (i // 2) % 10)
        counts = generator.poisson(scene.expected).reshape(*scene.shape, -1)
        truth = oracle(scene)
        found = ours(counts)
        if not options.no_peers:
            for name, peer in PEERS.items():
                try:
                    found[name] = peer(counts)
                except Exception:  # a peer that cannot do it has no answer
                    found[name] = NO_ANSWER
        for name, number in found.items():
            results.setdefault(name, []).append((number, truth))
        print(i, scene.kind, scene.shape, scene.rank, "oracle", truth, found, flush=True)
    _report(results, options.scenes)


def _report(results: dict[str, list[tuple[int, int]]], n: int) -> None:
    lines = [
        "| method | equals the oracle | within one | mean error | no answer |",
        "|---|---|---|---|---|",
    ]
    for name, pairs in results.items():
        found, truth = np.array(pairs).T
        answered, error = found != NO_ANSWER, found - truth
        exact, close = (100 * np.mean(abs(error) <= limit) for limit in (0, 1))
        lines.append(
            f"| {name} | {exact:.0f} % | {close:.0f} % | {error[answered].mean():+.2f} "
            f"| {np.sum(~answered)} |"
        )
    table = "\n".join(lines)
    print(table)
    target = Path(__file__).parents[1] / "docs" / "benchmarks" / "number_of_components.md"
    target.parent.mkdir(exist_ok=True)
    target.write_text(
        f"# Number of components\n\n{n} random scenes, `python {' '.join(sys.argv)}`.\n\n{table}\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
