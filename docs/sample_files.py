"""Files for the code on the pages to load: small phantoms, saved as a microscope's files are.

They are made once in a run and copied for every page. Those of Raman scattering and
cathodoluminescence are made up of Gaussian lines, and so are the low loss of a flake on a film and
the X-rays of particles that have an EELS map too; the others are the phantoms of
`hyperspy_unmix.data`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory

import hyperspy.api as hs
import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix import data

Floats = NDArray[np.float64]


def write_sample_files(folder: Path) -> None:
    """Write them into ``folder``."""
    for file in Path(_made().name).iterdir():
        copy(file, folder)


@cache
def _made() -> TemporaryDirectory[str]:
    """A folder with all files, which is there as long as the process."""
    folder = TemporaryDirectory()
    for name, signal in _signals().items():
        signal.save(Path(folder.name) / f"{name}.hspy")
    return folder


def _signals() -> dict[str, hs.signals.BaseSignal]:
    """The signals by file name."""
    core_loss, low_loss, _ = data.inclined_boundary()
    second_core, second_low, _ = data.inclined_boundary(
        shape=(24, 40), inclination=10, counts=2e5, seed=1
    )
    drifting_core, drifting_low, _ = data.inclined_boundary(shape=(32, 32), drift=2.0, seed=2)
    particles, _, _ = data.eds_core_shell()
    minerals, _, _ = data.eds_phases(phases=3, shape=(48, 48))
    both_core, both_low, both_truth = data.core_shell((32, 32), counts=1e5)
    eels = {
        "core_loss": core_loss,
        "low_loss": low_loss,
        "core_loss_2": second_core,
        "low_loss_2": second_low,
        "dual_core": drifting_core,
        "dual_low": drifting_low,
        "plasmons": data.three_oxides((40, 40)).low_loss,
        "flake": _flake(),
        "both_core": both_core,
        "both_low": both_low,
    }
    both_x_rays = _x_rays(both_truth.parameters["phase_thickness"])
    eds = {"particles": particles, "minerals": minerals, "both_x_rays": both_x_rays}
    for signal in eels.values():
        signal.set_signal_type("EELS")
    for signal in eds.values():
        signal.set_signal_type("EDS_TEM")
    return eels | eds | {"raman": _raman(), "cl": _cl()}


def _lines(axis: Floats, *lines: tuple[float, float, float]) -> Floats:
    """Gaussian lines, each a position, a width (sigma) and a height."""
    return np.sum([h * np.exp(-0.5 * ((axis - x) / w) ** 2) for x, w, h in lines], axis=0)


def _blob(shape: tuple[int, int], row: float, column: float, size: float) -> Floats:
    """A round spot, 1 in its centre."""
    y, x = np.indices(shape)
    return np.exp(-(((y - row) ** 2 + (x - column) ** 2) / size**2))


def _as_signal(
    values: Floats, title: str, axis: Floats, name: str, units: str, step: float, length: str
) -> hs.signals.Signal1D:
    """A map with a calibrated axis and a calibrated scan."""
    signal = hs.signals.Signal1D(values.astype(np.float32))
    signal.metadata.General.title = title
    known = [("x", length, 0.0, step), ("y", length, 0.0, step)]
    known.append((name, units, axis[0], axis[1] - axis[0]))
    for i, (what, unit, offset, scale) in enumerate(known):
        one = signal.axes_manager[i]
        one.name, one.units, one.offset, one.scale = what, unit, offset, scale
    return signal


def _camera(expected: Floats, rng: np.random.Generator, spikes: int) -> Floats:
    """Grey levels of a camera: 0.5 for an electron, read noise, an offset, and cosmic rays."""
    levels = 0.5 * rng.poisson(expected) + rng.normal(0, 2.0, expected.shape)
    hit = rng.choice(expected.size, spikes, replace=False)
    levels.flat[hit] += rng.uniform(500, 3000, spikes)
    return levels


def _raman() -> hs.signals.Signal1D:
    """Three substances of many lines each, on fluorescence, per second of exposure."""
    rng, shape = np.random.default_rng(5), (40, 40)
    shift = np.linspace(400.0, 1800.0, 401)
    spectra = np.array(
        [
            _lines(shift, (621, 4, 1), (1001, 4, 6), (1031, 5, 2), (1155, 7, 1), (1602, 6, 2)),
            _lines(shift, (600, 7, 1.5), (812, 8, 4), (1450, 11, 3), (1728, 9, 3)),
            _lines(shift, (1063, 6, 3), (1130, 6, 3), (1296, 6, 4), (1440, 10, 4)),
        ]
    )
    maps = np.stack(
        [
            _blob(shape, 12, 12, 8) + _blob(shape, 28, 30, 6),
            _blob(shape, 26, 12, 9),
            0.3 + 0.7 * _blob(shape, 10, 30, 9),
        ],
        axis=-1,
    )
    glow = 0.5 + 0.5 * _blob(shape, 20, 20, 25)[..., None]
    expected = 150 * maps @ spectra + 300 * glow * np.exp(-(((shift - 900) / 2500) ** 2))
    values = _camera(expected, rng, 25) / 2.0
    return _as_signal(values, "Raman map", shift, "Raman shift", "1/cm", 0.5, "µm")


def _cl() -> hs.signals.Signal1D:
    """Near band edge, donor-acceptor pairs and a broad band, over the wavelength."""
    import lumispy  # noqa: F401 -- has the signal type

    rng, shape = np.random.default_rng(6), (40, 48)
    wavelength = np.linspace(330.0, 690.0, 481)
    spectra = np.array(
        [
            _lines(wavelength, (364, 3.5, 3.0), (373, 4, 0.8)),
            _lines(wavelength, (382, 4, 1.5), (392, 4, 0.9), (402, 4, 0.4)),
            _lines(wavelength, (560, 38, 0.5)),
        ]
    )
    x = np.indices(shape)[1]
    maps = np.stack(
        [
            0.2 + 0.8 / (1 + np.exp(-(x - 24) / 2)),
            np.maximum(_blob(shape, 20, 14, 10), 0.05),
            0.15 + _blob(shape, 12, 36, 7) + _blob(shape, 30, 8, 7),
        ],
        axis=-1,
    )
    values = _camera(200 * maps @ spectra + 10, rng, 30)
    signal = _as_signal(values, "CL map", wavelength, "Wavelength", "nm", 20.0, "nm")
    signal.set_signal_type("CL_SEM")
    return signal


def _x_rays(thickness: Floats) -> hs.signals.Signal1D:
    """X-rays of magnetite, manganosite and silica, whose thicknesses are (phases, y, x)."""
    rng = np.random.default_rng(8)
    energy = np.linspace(0.0, 8.0, 401)
    oxygen = (0.525, 0.03, 2.0)
    spectra = np.array(
        [
            _lines(energy, oxygen, (0.705, 0.032, 4.0), (6.40, 0.057, 3.0), (7.06, 0.059, 0.4)),
            _lines(energy, oxygen, (0.637, 0.031, 3.6), (5.90, 0.055, 3.0), (6.49, 0.057, 0.4)),
            _lines(energy, oxygen, (1.74, 0.037, 2.0)),
        ]
    )
    spectra += 0.01 * np.exp(-energy / 3) * (energy > 0.1)
    expected = np.moveaxis(thickness, 0, -1) @ spectra
    counts = rng.poisson(300 * expected / expected.sum(-1).mean())
    signal = _as_signal(counts, "X-rays of particles", energy, "Energy", "keV", 2.5, "nm")
    signal.data = counts.astype(np.uint16)
    signal.set_signal_type("EDS_TEM")
    return signal


def _flake() -> hs.signals.Signal1D:
    """A flake of boron nitride on carbon: one spectrum from the zero-loss peak to 490 eV."""
    rng, shape, step = np.random.default_rng(7), (32, 32), 0.5
    losses = step * np.arange(2048)
    film = _losses(losses, (5.5, 2, 0.05), (24, 11, 1)) + _edge(losses, 284, 0.06, (292, 6, 1.5))
    flake = _losses(losses, (8.5, 1.5, 0.2), (26, 8, 1)) + _edge(losses, 188, 0.10, (192, 1, 3))
    flake += _edge(losses, 401, 0.03, (407, 6, 1))
    single = np.stack([film, flake]) / (step * np.array([[film.sum()], [flake.sum()]]))
    row = np.linspace(0.3, 0.6, shape[0])[:, None]
    thickness = np.stack(
        [np.broadcast_to(row, shape), 0.5 * _blob(shape, 16, 18, 9)], axis=-1
    )  # in mean free paths
    scattered = np.exp(step * np.fft.rfft(thickness @ single) - thickness.sum(-1)[..., None])
    energy = np.arange(-20.0, 492.0, step)
    peak = _lines(np.fft.fftfreq(2048, 1 / 2048) * step, (0, 0.6, 1))
    spectrum = np.fft.irfft(scattered * np.fft.rfft(peak / peak.sum()), 2048)
    expected = 2e7 * np.clip(
        np.concatenate([spectrum[..., -40:], spectrum[..., :984]], -1), 0, None
    )
    signal = _as_signal(
        rng.poisson(expected), "Flake on a film", energy, "Energy loss", "eV", 2, "nm"
    )
    signal.set_signal_type("EELS")
    signal.set_microscope_parameters(beam_energy=200, convergence_angle=10, collection_angle=20)
    return signal


def _losses(losses: Floats, *lines: tuple[float, float, float]) -> Floats:
    """Plasmons that fall with the energy as they do beyond their maximum."""
    shape = [
        h * losses * w * e / ((losses**2 - e**2) ** 2 + (losses * w) ** 2) for e, w, h in lines
    ]
    return np.sum(shape, axis=0)


def _edge(losses: Floats, onset: float, jump: float, line: tuple[float, float, float]) -> Floats:
    """An edge that falls as a power of the energy, with a line near its onset."""
    behind = np.clip((losses - onset) / 2, 0, 1)
    return 1e-3 * jump * behind * (np.maximum(losses, 1) / onset) ** -3 * (1 + _lines(losses, line))
