"""Core losses of known energy drift, in which composition or chemistry may change as well."""

import numpy as np

from hyperspy_unmix.tests.scenes import calibrated

CHANNELS, SCALE, START = 480, 0.5, 450.0
ENERGY = START + SCALE * np.arange(CHANNELS)


def edge(onset, white, channels=0.0):
    """An edge with a white line, moved to higher channels, one row for each of ``channels``."""
    x = ENERGY - onset - SCALE * np.asarray(channels)[..., None]
    step = 0.5 * (1 + np.tanh(x)) * np.exp(-np.clip(x, 0, None) / 150)
    return step + white * np.exp(-0.5 * ((x - 3) / 1.2) ** 2)


def drift_of(course, size, n):
    """Drift in channels, peak to peak ``size``, along a scan of ``n`` pixels."""
    time = np.linspace(-0.5, 0.5, n)
    return size * (time if course == "ramp" else 0.5 * np.sin(2 * np.pi * (time + 0.1) * 1.2))


def spectra(kind, n, drift=0.0, course="ramp", size=1.0):
    """Expected spectra (pixels, channels), and the drift (pixels,) in channels.

    ``kind`` says what else changes along the scan: "one phase" nothing, "elements" and
    "thickness" the height of the edges, "phases" a share of two that have both edges; and
    "lower edge" or "upper edge" its energy, by ``size`` channels.
    """
    moved = drift_of(course, drift, n)
    time = np.linspace(-0.5, 0.5, n)
    background = (ENERGY - SCALE * moved[:, None]) ** -3.0 * START**3
    low, high, by = 0.3, 0.2, {"lower edge": 0.0 * time, "upper edge": 0.0 * time}
    if kind in by:
        by[kind] = size * time
    first = edge(532, 1.5, moved + by["lower edge"])
    second = edge(640, 2.5, moved + by["upper edge"])
    if kind in ("elements", "thickness"):
        low = 0.3 * (1 + time)[:, None]
        high = 0.2 * (1 + (time if kind == "thickness" else -time))[:, None]
    if kind == "phases":
        share = (0.5 + 0.6 * time)[:, None]
        first = share * first + (1 - share) * edge(533.5, 0.7, moved)
        second = share * second + (1 - share) * edge(641.5, 2.5, moved)
    return background + low * first + high * second, moved


def drifting(kind="one phase", shape=(24, 24), dose=2e3, seed=0, lazy=False, **options):
    """The same as a spectrum image with Poisson counts: (signal, drift in channels)."""
    expected, moved = spectra(kind, int(np.prod(shape)), **options)
    counts = np.random.default_rng(seed).poisson(dose * expected).astype(np.float32)
    signal = calibrated(counts.reshape(*shape, -1), "EELS_unmix", START, SCALE, lazy)
    return signal, moved.reshape(shape)
