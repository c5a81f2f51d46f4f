"""How often data without structure are counted right: `python benchmarks/no_structure.py`.

The truth is known by construction: one featureless spectrum of varying thickness is one component,
zero-mean noise is none. The goal is at least 95 % for the consensus. The table is written to
docs/benchmarks/.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from common.tables import markdown, publish, quiet
from number_of_components import hyperspy_elbow

GOAL = 95
GAIN, READ_NOISE = 10, 20
COUNTS = ("consensus", "noise_edge", "elbow", "split_half")
PEERS = ("HyperSpy 2.5 elbow", "HyperSpy 2.5 elbow + 1")
Recorder = Callable[[np.random.Generator, np.ndarray, np.ndarray], np.ndarray]


def spectrum(generator: np.random.Generator, channels: int) -> np.ndarray:
    """A flat, a steep or a line spectrum, mean one."""
    x = np.linspace(0, 1, channels)
    kind = generator.choice(["flat", "steep", "lines"])
    if kind == "flat":
        return np.ones(channels)
    if kind == "steep":
        y = np.exp(-generator.uniform(3, 8) * x)
        return y / y.mean()
    y = 0.3 * np.exp(-3 * x)
    for _ in range(4):
        centre = generator.uniform(0.1, 0.9)
        y += generator.uniform(0.2, 1) * np.exp(-0.5 * ((x - centre) / 0.01) ** 2)
    return y / y.mean()


def share_charge(electrons: np.ndarray) -> np.ndarray:
    """Each electron's charge over three channels; the two channels at the ends go."""
    return (electrons[:, :-2] + 2 * electrons[:, 1:-1] + electrons[:, 2:]) / 4


def _dose(generator: np.random.Generator, least: float, most: float) -> float:
    return float(np.exp(generator.uniform(np.log(least), np.log(most))))


def _poisson(generator: np.random.Generator, shape: np.ndarray, thickness: np.ndarray):
    return generator.poisson(_dose(generator, 0.05, 1000) * thickness * shape[1:-1])


def _camera(generator: np.random.Generator, shape: np.ndarray, thickness: np.ndarray):
    electrons = generator.poisson(_dose(generator, 5, 2000) * thickness * shape[1:-1])
    return _read(generator, GAIN * electrons)


def _shared(generator: np.random.Generator, shape: np.ndarray, thickness: np.ndarray):
    electrons = generator.poisson(_dose(generator, 5, 2000) * thickness * shape)
    return _read(generator, share_charge(GAIN * electrons))


def _read(generator: np.random.Generator, charge: np.ndarray) -> np.ndarray:
    return (charge + generator.normal(0, READ_NOISE, charge.shape)).astype(np.float32)


def _white(generator: np.random.Generator, shape: np.ndarray, thickness: np.ndarray):
    return generator.standard_normal((len(thickness), len(shape) - 2))


def _spread(generator: np.random.Generator, shape: np.ndarray, thickness: np.ndarray):
    return share_charge(generator.standard_normal((len(thickness), len(shape))))


def _profile(generator: np.random.Generator, shape: np.ndarray, thickness: np.ndarray):
    return _white(generator, shape, thickness) * np.sqrt(shape[1:-1])


CASES: dict[str, tuple[int, Recorder]] = {
    "Poisson counts": (1, _poisson),
    "gain 10, read noise 20": (1, _camera),
    "gain 10, charge shared by three channels, read noise 20": (1, _shared),
    "zero mean, white": (0, _white),
    "zero mean, spread over three channels": (0, _spread),
    "zero mean, variance like a spectrum": (0, _profile),
}


def draw(generator: np.random.Generator, record: Recorder) -> np.ndarray:
    """One scene, (y, x, channels)."""
    shape = generator.integers(24, 72, 2)
    channels = int(generator.choice([128, 256, 512]))
    thickness = np.exp(0.3 * generator.standard_normal((shape.prod(), 1)))
    return record(generator, spectrum(generator, channels + 2), thickness).reshape(*shape, channels)


def ours(data: np.ndarray) -> dict[str, int | None]:
    """Counts of this package."""
    import hyperspy.api as hs

    import hyperspy_unmix

    count = hyperspy_unmix.estimate_number_of_components(hs.signals.Signal1D(data))
    return {name: getattr(count, name) for name in COUNTS}


def hyperspys(data: np.ndarray) -> dict[str, int | None]:
    """HyperSpy's elbow, as a number of components and as its documentation counts them."""
    elbow = _elbow(data)
    return {PEERS[0]: elbow, PEERS[1]: None if elbow is None else elbow + 1}


def _elbow(data: np.ndarray) -> int | None:
    import hyperspy.api as hs

    try:
        if data.min() >= 0:
            return hyperspy_elbow(data)
        # its Poisson normalisation does not take negative values
        s = hs.signals.Signal1D(data.astype(float))
        s.decomposition(False, print_info=False)
        return int(s.estimate_elbow_position())
    except Exception:  # a peer that cannot do it has no answer
        return None


def _percent(found: list[int | None], truth: int) -> str:
    if all(number is None for number in found):
        return "-"
    return f"{100 * np.mean([number == truth for number in found]):.0f} %"


def run_case(name: str, scenes: int, seed: int, peers: bool) -> dict[str, list[int | None]]:
    """All counts of all scenes of one case."""
    truth, record = CASES[name]
    # a case gives the same scenes whichever others are run
    generator = np.random.default_rng([seed, list(CASES).index(name)])
    results: dict[str, list[int | None]] = {}
    for i in range(scenes):
        data = draw(generator, record)
        found = ours(data)
        if peers:
            found |= hyperspys(data)
        for method, number in found.items():
            results.setdefault(method, []).append(number)
        if found["consensus"] != truth:
            mean = f"mean {data.mean():.3g}"
            print(f"{name}, scene {i}, {data.shape}, {mean}: {found}", flush=True)
    return results


def main() -> None:
    """Run the study and write its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=40, help="of each case")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    quiet()
    methods = [*COUNTS, *(() if options.no_peers else PEERS)]
    rows, met = [], True
    for name, (truth, _) in CASES.items():
        results = run_case(name, options.scenes, options.seed, not options.no_peers)
        rows.append([name, truth, *(_percent(results[method], truth) for method in methods)])
        met &= 100 * np.mean(np.array(results["consensus"]) == truth) >= GOAL
        print(rows[-1], flush=True)
    publish(
        "no_structure",
        "Data without structure",
        f"{options.scenes} scenes of each case; how often the count is the truth. Goal: consensus "
        f"at least {GOAL} % in every case: {'met' if met else 'not met'}.",
        markdown(["case", "truth", *methods], rows),
    )


if __name__ == "__main__":
    main()
