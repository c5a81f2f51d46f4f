"""Scenes of the separation benchmark, and what this package makes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

import hyperspy_unmix
from hyperspy_unmix import data
from hyperspy_unmix.data import Phantom

from . import accuracy, oracles

BEFORE_EDGE = 20.0  # eV of the analysed range before the first edge
Assume = Literal["overlap", "pure"]


@dataclass(frozen=True)
class Scene:
    """A phantom to be made with ``seed`` and ``noise``.

    ``assume`` is what is true of it: phases that are alone somewhere ("pure") or that lie under
    others everywhere ("overlap"); None where neither is.
    """

    name: str
    make: Callable[..., Phantom]
    assume: Assume | None

    def pair(self, seed: int) -> tuple[Phantom, Phantom]:
        """The phantom, and its expectation."""
        return self.make(seed=seed), self.make(seed=seed, noise=False)


def _eels(name: str, function: Callable[..., Phantom], assume: Assume | None, **options: Any):
    return Scene(name, lambda **kw: function(**options, **kw), assume)


SCENES = (
    _eels("phase boundary", data.inclined_boundary, "pure"),
    _eels("grain boundary", data.inclined_boundary, None, kind="grain"),
    _eels("sphere on film", data.sphere_on_substrate, "overlap"),
    _eels("sphere on film, CCD", data.sphere_on_substrate, "overlap", detector="ccd"),
    _eels("wedge of layers", data.wedge_layers, "pure"),
    _eels("core-shell", data.core_shell, "overlap"),
    _eels("precipitates", data.precipitates, "overlap"),
    _eels("three oxides", data.three_oxides, "pure", counts=6e5),
    _eels("EDS core-shell", data.eds_core_shell, "overlap"),
    _eels("EDS eight phases", data.eds_phases, "pure"),
)


def onset(phantom: Phantom) -> float:
    """Energy of the first edge, in eV."""
    from hyperspy_unmix.data._signals import read_parameters

    phases = read_parameters()["phases"]
    return min(edge["onset"] for name in phantom.truth.names for edge in phases[name]["edges"])


def window(phantom: Phantom) -> tuple[float, float] | None:
    """Pre-edge window that peers are given; this package finds its own."""
    if phantom.low_loss is None:
        return None
    start = phantom.signal.axes_manager.signal_axes[0].offset
    return start + 5, onset(phantom) - 8


def channels(phantom: Phantom) -> slice:
    """Range over which spectra are compared."""
    axis = phantom.signal.axes_manager.signal_axes[0]
    if phantom.low_loss is None:
        return slice(0, axis.size)
    return slice(axis.value2index(onset(phantom) - BEFORE_EDGE), axis.size)


def unmix(phantom: Phantom, n_components: int | str = "auto", **options: Any):
    """Unmix with this package, everything automatic."""
    return hyperspy_unmix.unmix(phantom.signal, n_components, low_loss=phantom.low_loss, **options)


def arrays(result: Any, phantom: Phantom) -> tuple[np.ndarray, np.ndarray]:
    """Spectra (components, channels) on the compared channels, and maps (components, pixels)."""
    size = phantom.signal.axes_manager.signal_axes[0].size
    spectra = np.zeros((result.n_components, size))
    first = result.pca.prepared.image.first
    found = result.spectra.data
    spectra[:, first : first + found.shape[1]] = found
    maps = result.maps.data.reshape(result.n_components, -1)
    return spectra[:, channels(phantom)], maps


def judge(phantom: Phantom, spectra: np.ndarray, maps: np.ndarray, free_sign: bool = False):
    """Accuracy of spectra on the compared channels and of maps."""
    truth = accuracy.true_spectra(phantom)[:, channels(phantom)]
    return accuracy.compare(spectra, maps, truth, accuracy.true_maps(phantom), free_sign=free_sign)


def oracle(phantom: Phantom, clean: Phantom):
    """Accuracy of the best that can be had."""
    spectra = oracles.oracle_spectra(phantom, clean)[:, channels(phantom)]
    return judge(phantom, spectra, oracles.oracle_maps(phantom, clean))


def between(first: Any, second: Any) -> float:
    """Largest angle in degrees between the components of two results, best match."""
    from scipy.optimize import linear_sum_assignment

    unit = [
        u.spectra.data / np.linalg.norm(u.spectra.data, axis=1, keepdims=True)
        for u in (first, second)
    ]
    cosine = np.clip(unit[0] @ unit[1].T, -1, 1)
    rows, columns = linear_sum_assignment(-cosine)
    return float(np.degrees(np.arccos(cosine[rows, columns])).max())
