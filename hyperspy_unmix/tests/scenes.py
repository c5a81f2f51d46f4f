"""Tiny spectrum images with a known answer, and a watch over what must not change."""

from __future__ import annotations

from contextlib import contextmanager

import hyperspy.api as hs
import numpy as np

CHANNELS = 80
ENERGY = np.arange(float(CHANNELS))
PHASES = np.array(
    [
        np.exp(-(((ENERGY - 25) / 4) ** 2)) + 0.3,
        np.exp(-(((ENERGY - 55) / 5) ** 2)) + 0.1,
    ]
)
SHAPE = (12, 10)


def calibrated(data, signal_type="unmix", offset=100.0, scale=2.0, lazy=False, chunks=None):
    """Scan axes in nm, the energy axis in eV, an exact copy of ``data`` inside."""
    s = hs.signals.Signal1D(data)
    axis = s.axes_manager.signal_axes[0]
    axis.name, axis.units, axis.scale, axis.offset = "Energy loss", "eV", scale, offset
    for axis, name in zip(s.axes_manager.navigation_axes, "xyzt", strict=False):
        axis.name, axis.units, axis.scale, axis.offset = name, "nm", 0.5, 1.0
    s.metadata.General.title = "scene"
    s.set_signal_type(signal_type)
    return s.as_lazy(chunks=chunks) if lazy else s


def counts(shape=SHAPE, dose=60.0, seed=1):
    """Poisson counts of two phases, mixed differently in every pixel."""
    rng = np.random.default_rng(seed)
    share = rng.permutation(np.linspace(0, 1, int(np.prod(shape)))).reshape(shape)[..., None]
    return rng.poisson(dose * (share * PHASES[0] + (1 - share) * PHASES[1]))


def two_phases(shape=SHAPE, signal_type="unmix", lazy=False, dtype=float, dose=60.0, **kwargs):
    """Two phases; the truth is `PHASES`."""
    return calibrated(counts(shape, dose).astype(dtype), signal_type, lazy=lazy, **kwargs)


def edge_on_background(background=20.0, elements=(), lazy=False, signal_type="EELS_unmix"):
    """EELS: a power law from 400 eV, and from 532 eV (O-K) an edge that grows along the line."""
    energy = 400.0 + np.arange(240)
    power_law = background * (energy / 400) ** -3.0
    edge = np.where(energy >= 532, np.exp(-(energy - 532) / 150), 0.0)
    edge += 1.5 * np.exp(-0.5 * ((energy - 540) / 3.0) ** 2)
    share = np.linspace(0.2, 1, 120).reshape(SHAPE)[..., None]
    rng = np.random.default_rng(5)
    data = rng.poisson(20 * (power_law + 5 * share * edge)).astype(float)
    s = calibrated(data, signal_type, 400.0, 1.0, lazy)
    if elements:
        s.metadata.set_item("Sample.elements", list(elements))
    return s


def wedge(shape=(10, 9), lazy=False, signal_type="EELS_unmix"):
    """EELS: one phase of growing thickness without background: (core loss, low loss, t/lambda)."""
    rng = np.random.default_rng(4)
    t = np.linspace(0.1, 0.8, int(np.prod(shape))).reshape(shape)
    loss = np.arange(-15.0, 60.0)
    zero_loss, plasmon = np.exp(-0.5 * (loss / 1.2) ** 2), np.exp(-0.5 * ((loss - 20) / 3) ** 2)
    zero_loss, plasmon = zero_loss / zero_loss.sum(), plasmon / plasmon.sum()
    orders = [zero_loss]
    for n in range(1, 5):
        orders.append(np.convolve(orders[-1], plasmon)[15 : 15 + len(loss)] / n)
    low = np.exp(-t)[..., None] * sum(t[..., None] ** n * o for n, o in enumerate(orders))
    energy = np.arange(160.0)
    single = np.where(energy >= 40, np.exp(-(energy - 40) / 200), 0.0)
    single += 2 * np.exp(-0.5 * ((energy - 44) / 2) ** 2)
    core = np.apply_along_axis(lambda k: np.convolve(single, k)[15 : 15 + len(energy)], -1, low)
    core *= 300 * t[..., None]
    s = calibrated(rng.poisson(core.clip(0)).astype(float), signal_type, 400.0, 1.0, lazy)
    ll = calibrated(rng.poisson(1e5 * low.clip(0)).astype(float), "EELS", -15.0, 1.0, lazy)
    return s, ll, t


def component_first(maps):
    """Maps as (component, scan...): Component is the last navigating axis of the array."""
    return np.moveaxis(maps.data, max(maps.data.ndim - 3, 0), 0)


def array(signal):
    """The data of a signal, computed."""
    data = signal.data
    return np.asarray(data.compute() if hasattr(data, "compute") else data)


def angle(found, true):
    """Largest spectral angle in degrees between spectra, best one-to-one match."""
    from scipy.optimize import linear_sum_assignment

    found, true = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (found, true))
    cosine = found @ true.T
    best = cosine[linear_sum_assignment(-cosine)]
    return float(np.degrees(np.arccos(np.clip(best, -1, 1))).max())


def _state(thing):
    """What of a signal or array a user could see change: (compared with ==, values)."""
    if isinstance(thing, hs.signals.BaseSignal):
        told, values = _state(thing.data)
        axes = thing.axes_manager
        told = {
            **told,
            "class": type(thing),
            "data": id(thing.data),
            "axes": repr(axes.as_dictionary()),
            "indices": axes.indices,
            "metadata": repr(thing.metadata.as_dictionary()),
            "original_metadata": repr(thing.original_metadata.as_dictionary()),
        }
        return told, values
    if hasattr(thing, "dask"):
        told = {"dask": thing.name, "chunks": thing.chunks, "dtype": thing.dtype}
        return told, np.array(thing.compute())
    thing = np.asanyarray(thing)
    told = {"dtype": thing.dtype, "strides": thing.strides, "flags": str(thing.flags)}
    return told, np.array(thing)


@contextmanager
def untouched(*things):
    """Signals and arrays are afterwards what they were, whether an exception was raised or not."""
    watched = [t for t in things if isinstance(t, hs.signals.BaseSignal) or hasattr(t, "dtype")]
    before = [_state(thing) for thing in watched]
    try:
        yield
    finally:
        for (told, values), thing in zip(before, watched, strict=True):
            told_now, values_now = _state(thing)
            assert told_now == told
            # assert_array_equal also takes NaN as equal to NaN
            np.testing.assert_array_equal(values_now, values)
