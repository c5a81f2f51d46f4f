"""Energy losses and X-rays for the hard scenes: simulated here, with nothing of the package."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Floats = NDArray[np.float64]
SIDE = 48  # pixels along each axis of the scan
STEP = 0.5  # eV, in which losses are simulated
BELOW, ABOVE = 200, 80  # eV beside the recorded range, from where electrons are scattered in
LOW_START, LOW_CHANNELS = -30, 330  # eV, of 1 eV each
LENGTH = 4096  # steps of the circular transform
ZERO_LOSS_WIDTH = 1.6 / 2.355  # eV, standard deviation
BACKGROUND, EDGE = 9e-3, 2e-5  # per eV and mean free path: at 500 eV, and of an edge of height one


@dataclass
class Scene:
    """Expected counts, one measurement of them, and what is true.

    ``maps`` (pixels, phases) times ``spectra`` (phases, channels) are the counts of the phases,
    ``background`` (pixels, channels) what else is there, ``kernels`` the transform of the plural
    scattering of each pixel.
    """

    axis: Floats
    spectra: Floats
    maps: Floats
    background: Floats
    mean: Floats
    data: Any
    kind: str
    low_loss: Any = None
    kernels: Any = None
    elements: tuple[str, ...] = ()
    window: tuple[float, float] | None = None
    notes: dict[str, Any] = field(default_factory=dict)

    def signal(self) -> Any:
        """As HyperSpy signal."""
        return _signal(self.data, self.axis, self.kind, self.elements)

    def low_loss_signal(self) -> Any:
        """The low loss, or None."""
        if self.low_loss is None:
            return None
        axis = LOW_START + np.arange(float(LOW_CHANNELS))
        return _signal(self.low_loss, axis, "EELS", ())


def _signal(data: Any, axis: Floats, kind: str, elements: tuple[str, ...]) -> Any:
    import hyperspy.api as hs

    signal = hs.signals.Signal1D(np.asarray(data).reshape(SIDE, SIDE, -1))
    signal.set_signal_type(kind)
    energy = signal.axes_manager[-1]
    energy.offset, energy.scale = float(axis[0]), float(axis[1] - axis[0])
    energy.units = "keV" if kind.startswith("EDS") else "eV"
    if kind == "EELS":
        signal.set_microscope_parameters(beam_energy=200, convergence_angle=12, collection_angle=25)
    if elements:
        signal.add_elements(list(elements))
    return signal


def places() -> tuple[Floats, Floats]:
    """Place of every pixel, x and y, from zero to one."""
    y, x = np.mgrid[:SIDE, :SIDE] / (SIDE - 1)
    return x.ravel(), y.ravel()


def smooth(rng: np.random.Generator, width: float = 5.0) -> Floats:
    """A random field of unit variance."""
    field_ = gaussian_filter(rng.standard_normal((SIDE, SIDE)), width)
    return (field_ / field_.std()).ravel()


def shares(rng: np.random.Generator, phases: int, least: float = 0.0) -> Floats:
    """Shares (pixels, phases) that sum to one and are ``least`` at least."""
    share = np.exp(2.2 * np.array([smooth(rng) for _ in range(phases)]))
    return (least + (1 - phases * least) * share / share.sum(0)).T


def bell(x: Floats, centre: float, width: float) -> Floats:
    """Gaussian of height one."""
    return np.exp(-(((x - centre) / width) ** 2) / 2)


def rise(x: Floats, width: float) -> Floats:
    """From zero to one about zero."""
    return 1 / (1 + np.exp(-np.clip(x / width, -50, 50)))


def k_edge(energy, onset, height, peaks, distance=1.9, phase=0.5):
    """Continuum with fine structure; ``peaks`` are (offset, full width, height)."""
    above = np.maximum(energy - onset, 0.01)
    wave = 0.512 * np.sqrt(above)
    extended = 0.25 * np.sin(2 * distance * wave + phase) * np.exp(-0.04 * wave**2)
    shape = (np.maximum(energy, onset) / onset) ** -3.5 * (1 + extended * rise(above - 12, 3))
    shape = shape * rise(energy - onset, 0.6)
    for offset, width, size in peaks:
        line = 1 / (1 + ((energy - onset - offset) / (width / 2)) ** 2)
        shape = shape + size * line * (energy > onset - 5)
    return height * shape


def l_edge(energy, onset, height, split, lines=(3.0, 1.5), shift=0.0):
    """L3 and L2 with white lines, all moved by ``shift``."""
    at = energy - onset - shift
    shape = (np.maximum(energy, onset) / onset) ** -0.8
    shape = shape * (0.67 * rise(at - 3, 1.2) + 0.33 * rise(at - split - 3, 1.2))
    for line, place, width in zip(lines, (2, 2 + split), (0.93, 1.19), strict=True):
        shape = shape + 0.4 * line * bell(at, place, width)
    return height * shape


def losses() -> Floats:
    """Energies of the circular transform."""
    index = np.arange(LENGTH)
    return STEP * np.where(index < LENGTH * 3 // 4, index, index - LENGTH)


def plasmon(energy: float, width: float, bands: tuple = ()) -> Floats:
    """Single-scattering distribution, summing to one: a plasmon, bands, a tail of an edge."""
    x = losses()
    at = np.maximum(x, 1e-3)
    shape = at * width * energy**2 / ((at**2 - energy**2) ** 2 + (at * width) ** 2)
    for centre, spread, size in bands:
        shape = shape + size * shape.max() * bell(x, centre, spread)
    shape = shape + 0.045 * shape.max() * (np.maximum(x, 1) / 52) ** -3.2 * rise(x - 52, 1.5)
    shape = shape * rise(x - 3, 0.7) * (x > 0)
    return shape / shape.sum()


def power_law(energy: Floats, exponent: float) -> Floats:
    """One at 500 eV, bent down where no power law holds."""
    at = np.maximum(energy, 20)
    return (at / 500) ** -exponent / (1 + (70 / at) ** 4)


def zero_loss() -> Floats:
    """Transform of the zero-loss peak."""
    peak = bell(losses(), 0, ZERO_LOSS_WIDTH)
    return np.fft.rfft(peak / peak.sum())


def shifted(shift: Any) -> Any:
    """Transform that moves each spectrum by so many eV; one where nothing moves."""
    if shift is None:
        return 1.0
    return np.exp(-2j * np.pi * np.outer(shift, np.arange(LENGTH // 2 + 1)) / (LENGTH * STEP))


def recorded(values: Floats, first: float, start: float, channels: int) -> Floats:
    """Mean of two steps to a channel of 1 eV from ``start`` on; ``first`` is the first energy."""
    index = round((start - first) / STEP) + np.arange(2 * channels)
    return values[:, index % LENGTH].reshape(len(values), channels, 2).mean(2)


LINES = {
    "C": [(0.277, 1)],
    "N": [(0.392, 1)],
    "O": [(0.525, 1)],
    "Na": [(1.041, 1)],
    "Mg": [(1.254, 1)],
    "Al": [(1.487, 1)],
    "Si": [(1.740, 1), (1.837, 0.03)],
    "P": [(2.010, 1), (2.139, 0.05)],
    "S": [(2.307, 1), (2.464, 0.07)],
    "Ca": [(3.692, 1), (4.013, 0.12), (0.341, 0.1)],
    "Cr": [(5.415, 1), (5.947, 0.13), (0.573, 0.6)],
    "Fe": [(6.404, 1), (7.058, 0.13), (0.705, 0.75), (0.718, 0.35)],
    "Ni": [(7.478, 1), (8.265, 0.13), (0.852, 0.75), (0.868, 0.35)],
    "Cu": [(8.046, 1), (8.905, 0.13), (0.930, 0.75), (0.950, 0.35)],
}
X_AXIS = -0.2 + 0.02 * np.arange(600)  # keV


def efficiency(energy):
    """Of the detector: a window, and a crystal that is not endless."""
    window = np.exp(-0.08 / np.maximum(energy, 0.05) ** 2.6)
    return window * -np.expm1(-1.2 * (12 / np.maximum(energy, 0.3)) ** 2.9)


def x_rays(composition: dict[str, float], brems: float = 1.0) -> Floats:
    """Spectrum of a composition in mass fractions, its sum one."""
    spectrum = np.where(X_AXIS > 0.1, (20 / np.maximum(X_AXIS, 0.06) - 0.2), 0) * 6e-4 * brems
    spectrum = spectrum * efficiency(X_AXIS)
    for element, mass in composition.items():
        for energy, weight in LINES[element]:
            width = np.sqrt(max(0.0045, 0.0169 + 0.0022 * (energy - 5.9))) / 2.355
            line = bell(X_AXIS, energy, width) * 0.02 / (width * np.sqrt(2 * np.pi))
            spectrum = spectrum + mass * weight * efficiency(energy) * line
    return spectrum / spectrum.sum()
