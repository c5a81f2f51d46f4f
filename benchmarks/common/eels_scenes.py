"""What the benchmarks of the EELS physics share: phantoms, doses, their edges, exspy's part."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix import data
from hyperspy_unmix.data import Phantom
from hyperspy_unmix.data._signals import read_parameters

from .tables import ROOT

Floats = NDArray[np.float64]

PARAMETERS = read_parameters()
PHASES = tuple(PARAMETERS["phases"])
DOSES = (1e3, 1e4, 1e5, 6e5)  # counts in a core-loss spectrum, mean over the scan


@dataclass(frozen=True)
class Scene:
    """An EELS phantom to be made with ``seed``, ``noise``, ``counts``, ``low_loss_counts``."""

    name: str
    make: Callable[..., Any]

    def pair(self, seed: int, **options: Any) -> tuple[Any, Any]:
        """The phantom, and its expectation."""
        return self.make(seed=seed, **options), self.make(seed=seed, noise=False, **options)


def scene(name: str, function: Callable[..., Phantom], **options: Any) -> Scene:
    """A phantom with some of its options given."""
    return Scene(name, lambda **given: function(**(options | given)))


def wedge(phase: str, ends: tuple[float, float] = (0.2, 1.2)) -> Scene:
    """Wedge of one phase, t/lambda between ``ends``."""
    return scene(f"wedge, {phase}", data.wedge, phase=phase, t_over_lambda=ends)


FOILS = (
    scene("phase boundary", data.inclined_boundary),
    scene("grain boundary", data.inclined_boundary, kind="grain"),
    scene("sphere on film", data.sphere_on_substrate),
    scene("wedge of layers", data.wedge_layers),
    scene("core-shell", data.core_shell),
    scene("precipitates", data.precipitates),
    scene("three oxides", data.three_oxides, shape=(48, 48), counts=6e5),
)
BARE = scene(
    "three oxides, no background",
    data.three_oxides, shape=(48, 48), counts=6e5, background=False,
)  # fmt: skip


def electrons(signal: Any, phantom: Phantom) -> Floats:
    """Spectra (pixels, channels) in electrons: recorded units over the detector's gain."""
    return pixels(signal) / float(phantom.truth.parameters["detector"]["gain"])


def pixels(signal: Any) -> Floats:
    """Spectra in rows, (pixels, channels)."""
    return np.asarray(signal.data.reshape(-1, signal.data.shape[-1]), float)


def edges(phase: str) -> list[dict[str, Any]]:
    """Edges of a phase, by their onsets."""
    return sorted(PARAMETERS["phases"][phase]["edges"], key=lambda edge: edge["onset"])


def plain(signal: Any) -> Any:
    """A copy in floats, an ordinary EELS signal without this package's methods."""
    signal = signal.deepcopy()
    signal.set_signal_type("EELS")
    signal.change_dtype(float)
    return signal


def drawn(phantom: Any, counts: float, generator: np.random.Generator) -> Any:
    """Low loss of ``counts`` incident electrons, Poisson, from a noise-free phantom's."""
    low_loss = phantom.low_loss.deepcopy()
    expected = low_loss.data * (counts / phantom.truth.parameters["low_loss_counts"])
    low_loss.data = generator.poisson(expected).astype(np.uint32)
    return low_loss


def arguments(description: str | None) -> argparse.Namespace:
    """``--quick``: one seed in place of three; the seeds are then ``seeds``."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="one seed in place of three")
    options = parser.parse_args()
    options.seeds = range(1 if options.quick else 3)
    return options


def mean_of(values: Any) -> float:
    """Mean of what is there; NaN of nothing."""
    listed = [v for v in np.ravel(values) if np.isfinite(v)]
    return float(np.mean(listed)) if listed else float("nan")


def percent(value: float, digits: int = 2) -> str:
    """A share as a signed number of percent."""
    return "-" if not np.isfinite(value) else f"{100 * value:+.{digits}f}"


def save(figure: Any, name: str) -> str:
    """Save a figure beside the tables; returns what shows it there."""
    import matplotlib.pyplot as plt

    figure.savefig(ROOT / "docs" / "benchmarks" / f"{name}.png", dpi=110)
    plt.close(figure)
    return f"![{name}]({name}.png)"


def subplots(*shape: int, **options: Any) -> tuple[Any, Any]:
    """Figure and axes, drawn to a file."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    return plt.subplots(*shape, layout="constrained", **options)
