"""Electron energy losses on arrays: response, valence losses, edges and plural scattering."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.special import ndtr

Array = NDArray[np.float64]

_SIGMA = 1 / np.sqrt(8 * np.log(2))  # standard deviation of a Gaussian of FWHM 1
_REST_ENERGY = 510998.95  # eV
_BACKGROUND_ENERGY = 400.0  # eV, where parameters.toml states the background
_BARN = 1e-10  # nm2
_BLOCK = 256  # pixels transformed together


@dataclass(frozen=True)
class Grid:
    """The recorded channels, and those simulated around them.

    Attributes
    ----------
    start, step : float
        First core-loss channel and channel width in eV.
    channels, low_loss_channels : int
        Recorded channels.
    low_loss_start : float
        First low-loss channel in eV.
    margin : float
        Range simulated below the core-loss axis in eV: what scatters up from there is recorded.
    margin_above : float
        Range simulated above it in eV: response and drift reach down from there.
    pad : int
        Channels simulated on both sides for the point spread of the detector.
    """

    start: float
    step: float
    channels: int
    low_loss_start: float
    low_loss_channels: int
    margin: float
    margin_above: float
    pad: int

    @property
    def below(self) -> int:
        """Channels of the margin."""
        return round(self.margin / self.step)

    @property
    def length(self) -> int:
        """Channels of a transform in which nothing wraps into the recorded range."""
        length: int = next_fast_len(self.below + self.source.size, real=True)
        return length

    @property
    def source(self) -> Array:
        """Energies in eV where single scattering is evaluated, from the margin upwards."""
        first = self.start - (self.below + self.pad) * self.step
        last = self.core_slice.stop + round(self.margin_above / self.step)
        return first + self.step * np.arange(last)

    @property
    def losses(self) -> Array:
        """Energies in eV of the circular transform: from zero, negative ones at the end."""
        index = np.arange(self.length)
        return self.step * np.where(
            index < self.length - self.length // 4, index, index - index.size
        )

    @property
    def core_slice(self) -> slice:
        """Recorded core-loss channels, padded, within `source`."""
        return slice(self.below, self.below + self.channels + 2 * self.pad)

    @property
    def low_loss_index(self) -> NDArray[np.int_]:
        """Recorded low-loss channels, padded, within `losses` (negative: from the end)."""
        first = round(self.low_loss_start / self.step) - self.pad
        return np.arange(first, first + self.low_loss_channels + 2 * self.pad)


def peak_profile(x: Array, step: float, fwhm: float, tail: float, tail_length: float) -> Array:
    """Share of a peak at zero in channels of width `step` centred on `x`.

    A Gaussian with a share `tail` in symmetric exponential wings. It is integrated over each
    channel, so a shifted peak keeps its area and stays positive.
    """

    def cumulative(at: Array) -> Array:
        wings = 0.5 + 0.5 * np.sign(at) * -np.expm1(-np.abs(at) / tail_length)
        share: Array = (1 - tail) * ndtr(at / (fwhm * _SIGMA)) + tail * wings
        return share

    return cumulative(x + step / 2) - cumulative(x - step / 2)


def angular_factor(energy: Array, beam_energy: float, collection_angle: float) -> Array:
    """Share of a Lorentzian angular distribution that is collected, ln(1 + (beta/theta_E)^2)."""
    beam = beam_energy * 1e3
    denominator = beam * (beam + 2 * _REST_ENERGY) / (beam + _REST_ENERGY)  # gamma m v^2
    return np.log1p((collection_angle * 1e-3 * denominator / energy) ** 2)


def valence_losses(
    losses: Array, phase: Mapping[str, Any], microscope: Mapping[str, float], largest: float
) -> Array:
    """Single-scattering distribution of one valence loss, summing to one.

    Parameters
    ----------
    losses : ndarray, shape (n_losses,)
        Energies in eV.
    phase : mapping
        With ``oscillators`` (Drude-Lorentz loss functions) and ``gap``.
    microscope : mapping
        With ``beam_energy`` (keV) and ``collection_angle`` (mrad).
    largest : float
        Largest loss in eV.
    """
    inside = (losses > 0) & (losses <= largest)
    energy = losses[inside]
    total = np.zeros_like(energy)
    for position, damping, weight in phase["oscillators"]:
        shape = energy * damping / ((energy**2 - position**2) ** 2 + (energy * damping) ** 2)
        shape *= angular_factor(
            energy, microscope["beam_energy"], microscope["collection_angle"]
        ) / (1 + np.exp(phase["gap"] - energy))
        total += weight * shape / shape.sum()
    distribution = np.zeros_like(losses)
    distribution[inside] = total / total.sum()
    return distribution


def edge(
    energy: Array,
    onset: float,
    strength: float,
    decay: float,
    step: float,
    peaks: Sequence[tuple[float, float, float]],
) -> Array:
    """One ionisation edge, per nm and eV.

    The continuum falls as a power of the energy; fine structure stands on it as Lorentzian peaks.
    Both start with the onset, because the states below it are filled.
    """
    shape = (energy / onset) ** -decay
    for offset, fwhm, height in peaks:
        shape = shape + height / (1 + ((energy - onset - offset) / (fwhm / 2)) ** 2)
    intensity: Array = strength * shape * ndtr((energy - onset) / (step * _SIGMA))
    return intensity


def hydrogenic_edge(energy: Array, element: str, microscope: Mapping[str, float]) -> Array:
    """K edge of one atom per nm3, per nm and eV: eXSpy's hydrogenic cross section."""
    from exspy.components import EELSCLEdge

    cross_section = EELSCLEdge(f"{element}_K", GOS="hydrogenic")
    cross_section.set_microscope_parameters(
        E0=microscope["beam_energy"],
        alpha=microscope["convergence_angle"],
        beta=microscope["collection_angle"],
        energy_scale=1.0,
    )
    cross_section.intensity.value = 1.0
    intensity: Array = _BARN * cross_section.function(energy)
    return intensity


def core_losses(energy: Array, phase: Mapping[str, Any], microscope: Mapping[str, float]) -> Array:
    """All edges of a phase, per nm and eV."""
    total = np.zeros_like(energy)
    for known in phase["edges"]:
        total += edge(energy, **{k: v for k, v in known.items() if k != "name"})
    for element, atoms in phase.get("atoms", {}).items():
        total += atoms * hydrogenic_edge(energy, element, microscope)
    return total


def background(energy: Array, phase: Mapping[str, Any]) -> Array:
    """Power-law tail of the valence losses under the edges, per nm and eV."""
    strength, exponent = phase["background"]
    intensity: Array = strength * (energy / _BACKGROUND_ENERGY) ** -exponent
    return intensity


def log_ratio(thickness: Array, mean_free_path: Array) -> Array:
    """t/lambda of every pixel from its phase thicknesses in nm, shape (n_pixels,)."""
    return thickness @ (1 / mean_free_path)


def plural_scattering(
    thickness: Array, mean_free_path: Array, valence: Array, response: Array
) -> NDArray[np.complex128]:
    """Transform of the normalised low loss of every pixel, exp(P - T) times the response.

    Parameters
    ----------
    thickness : ndarray, shape (n_pixels, n_phases)
        In nm.
    mean_free_path : ndarray, shape (n_phases,)
        In nm.
    valence : ndarray, shape (n_phases, n_losses)
        Single-scattering distributions, each summing to one.
    response : ndarray, shape (n_pixels, n_losses) or (1, n_losses)
        Instrument response of every pixel, or of all, summing to one.
    """
    exponent = (thickness / mean_free_path) @ rfft(valence)
    exponent -= log_ratio(thickness, mean_free_path)[:, None]
    low_loss: NDArray[np.complex128] = np.exp(exponent) * rfft(response)
    return low_loss


def expected_spectra(
    thickness: Array,
    mean_free_path: Array,
    valence: Array,
    core: Array,
    tail: Array,
    response: Mapping[str, float],
    drift: Array,
    grid: Grid,
) -> tuple[Array, Array, Array]:
    """Expected electrons per incident electron and channel, before the detector.

    Parameters
    ----------
    thickness : ndarray, shape (n_pixels, n_phases)
        In nm.
    mean_free_path : ndarray, shape (n_phases,)
        In nm.
    valence : ndarray, shape (n_phases, n_losses)
        Single valence losses on ``grid.losses``.
    core, tail : ndarray, shape (n_phases, n_source)
        Edges and background on ``grid.source``, per nm and channel.
    response : mapping
        ``fwhm``, ``tail``, ``tail_length`` of the instrument response, in eV and shares.
    drift : ndarray, shape (n_pixels,)
        Energy of the zero loss in eV.
    grid : Grid

    Returns
    -------
    core, background, low_loss : ndarray, shape (n_pixels, n_channels + 2 pad)
        All with plural scattering.
    """
    core_ft, tail_ft = rfft(core, grid.length), rfft(tail, grid.length)
    result = [np.empty((len(thickness), grid.channels + 2 * grid.pad)) for _ in range(2)]
    result.append(np.empty((len(thickness), grid.low_loss_channels + 2 * grid.pad)))
    is_still = np.ptp(drift) == 0
    for rows in _blocks(len(thickness)):
        t = thickness[rows]
        shift = drift[:1] if is_still else drift[rows]
        zero_loss = peak_profile(grid.losses - shift[:, None], grid.step, **response)
        low = plural_scattering(t, mean_free_path, valence, zero_loss)
        result[0][rows] = irfft(low * (t @ core_ft), grid.length)[:, grid.core_slice]
        result[1][rows] = irfft(low * (t @ tail_ft), grid.length)[:, grid.core_slice]
        result[2][rows] = irfft(low, grid.length)[:, grid.low_loss_index]
    # The transforms leave rounding of either sign where nothing is expected.
    core_loss, background_loss, low_loss = (np.maximum(r, 0) for r in result)
    return core_loss, background_loss, low_loss


def single_scattering(core: Array, response: Mapping[str, float], grid: Grid) -> Array:
    """Edges seen through the instrument response alone, shape (n_phases, n_channels + 2 pad)."""
    zero_loss = peak_profile(grid.losses, grid.step, **response)
    seen = irfft(rfft(core, grid.length) * rfft(zero_loss), grid.length)
    edges: Array = np.maximum(seen[:, grid.core_slice], 0)
    return edges


def smooth_drift(shape: tuple[int, int], peak_to_peak: float, rng: np.random.Generator) -> Array:
    """Slow wandering along the scan, row after row, shape (n_pixels,), centred on zero."""
    time = np.linspace(0, 1, int(np.prod(shape)))
    phases = rng.uniform(0, 2 * np.pi, 3)
    walk = sum(
        np.cos(2 * np.pi * f * time + p) / f for f, p in zip((0.6, 1.3, 2.7), phases, strict=True)
    )
    if np.ptp(walk) == 0:
        return np.zeros_like(time)
    drift: Array = peak_to_peak * ((walk - walk.min()) / np.ptp(walk) - 0.5)
    return drift


def _blocks(n: int) -> Iterator[slice]:
    return (slice(i, min(i + _BLOCK, n)) for i in range(0, n, _BLOCK))
