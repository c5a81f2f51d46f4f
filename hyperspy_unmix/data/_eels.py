"""EELS phantoms: from the thickness of every phase to recorded spectrum images with their truth."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _physics as physics
from . import _signals as signals
from ._detector import Detector
from ._scan import Scan

Array = NDArray[np.float64]


@dataclass(frozen=True)
class _Phases:
    """Single scattering of every phase on a grid, per nm and channel."""

    mean_free_path: Array
    valence: Array
    core: Array
    tail: Array
    elements: tuple[str, ...]


def placing_rng(scan: Scan) -> np.random.Generator:
    """Random numbers for the places of particles and grains, apart from those of the recording."""
    return scan.streams(4)[3]


def build_phantom(thickness: Array, scan: Scan, title: str) -> signals.Phantom:
    """Record core loss and low loss of a scene.

    Parameters
    ----------
    thickness : ndarray, shape (n_phases, ny, nx)
        In nm, before the average over the probe.
    scan : Scan
        With ``phases``, ``counts``, ``low_loss_counts``, ``start`` and ``dispersion`` in its
        scene; with ``background`` False there, no tail of valence losses lies under the edges.
    title : str
        Title of the signals.
    """
    scene, eels = scan.scene, scan.parameters["eels"]
    camera = Detector(kind=scan.detector, **scan.parameters["detectors"][scan.detector])
    grid = _grid(scene, eels["axis"], camera.pad)
    phases = _phases(scene["phases"], scan.parameters, grid)
    if not scene.get("background", True):
        phases = replace(phases, tail=np.zeros_like(phases.tail))
    thickness = scan.average(thickness)
    rng_drift, rng_core, rng_low = scan.streams(3)
    shift = physics.smooth_drift(scan.shape, scan.drift, rng_drift)
    t = thickness.reshape(len(thickness), -1).T
    core, tail, low = physics.expected_spectra(
        t, phases.mean_free_path, phases.valence, phases.core, phases.tail,
        eels["response"], shift * grid.step, grid,
    )  # fmt: skip
    core += tail
    incident = scene["counts"] / camera.spread(core).sum(axis=1).mean()
    core *= incident
    low *= scene["low_loss_counts"]
    recorded = [
        camera.record(e, rng) if scan.noise else camera.expect(e)
        for e, rng in ((core, rng_core), (low, rng_low))
    ]
    drawn = {
        "step": scan.step,
        "incident_electrons": incident,
        "phase_thickness": thickness,
        "drift": shift.reshape(scan.shape),
        "detector": asdict(camera) | {"kernel": camera.kernel},
        "response": dict(eels["response"]),
        "seed": scan.seed,
        "noise": scan.noise,
    }
    named = {name: scan.parameters["phases"][name] for name in scene["phases"]}
    if all("atoms" in phase for phase in named.values()):
        drawn["composition"] = {
            name: signals.atomic_fractions(phase["atoms"]) for name, phase in named.items()
        }
    return _wrap(
        recorded, camera.expect(incident * tail), camera, grid, phases, drawn, scene, title, eels
    )


def _wrap(
    recorded: list[NDArray[Any]],
    background: Array,
    camera: Detector,
    grid: physics.Grid,
    phases: _Phases,
    drawn: dict[str, Any],
    scene: Mapping[str, Any],
    title: str,
    eels: Mapping[str, Any],
) -> signals.Phantom:
    thickness, incident = drawn["phase_thickness"], drawn["incident_electrons"]
    shape = thickness.shape[1:]
    seen = camera.spread(physics.single_scattering(phases.core, eels["response"], grid))
    log_ratio = np.einsum("iyx,i->yx", thickness, 1 / phases.mean_free_path)
    area = seen.sum(axis=1)
    maps = camera.gain * incident * np.exp(-log_ratio) * thickness * area[:, None, None]

    scan = signals.scan_axes(shape, drawn["step"])
    core_axis = signals.energy_axis("Energy loss", grid.channels, grid.start, grid.step, "eV")
    low_axis = signals.energy_axis(
        "Energy loss", grid.low_loss_channels, grid.low_loss_start, grid.step, "eV"
    )
    metadata = signals.tem_metadata(eels["microscope"], phases.elements)
    core, low = (r.reshape(*shape, -1) for r in recorded)
    truth = signals.Truth(
        spectra=signals.component_spectra(
            seen / area[:, None] / grid.step, core_axis, "EELS", f"{title}: true spectra", metadata
        ),
        maps=signals.component_maps(maps, scan, f"{title}: true single-scattering counts"),
        thickness=signals.scan_image(log_ratio, scan, f"{title}: true t/λ"),
        background=signals.spectrum_image(
            background.reshape(core.shape).astype(np.float32),
            scan, core_axis, "EELS", f"{title}: true background", metadata,
        ),
        names=tuple(scene["phases"]),
        parameters=dict(scene) | drawn,
    )  # fmt: skip
    return signals.Phantom(
        signal=signals.spectrum_image(core, scan, core_axis, "EELS_unmix", title, metadata),
        low_loss=signals.spectrum_image(
            low, scan, low_axis, "EELS", f"{title}: low loss", metadata
        ),
        truth=truth,
    )


def _grid(scene: Mapping[str, Any], axis: Mapping[str, Any], pad: int) -> physics.Grid:
    return physics.Grid(
        start=scene["start"],
        step=scene["dispersion"],
        channels=axis["channels"],
        low_loss_start=axis["low_loss_start"],
        low_loss_channels=axis["low_loss_channels"],
        margin=axis["margin"],
        margin_above=axis["margin_above"],
        pad=pad,
    )


def _phases(names: list[str], parameters: Mapping[str, Any], grid: physics.Grid) -> _Phases:
    chosen = [parameters["phases"][name] for name in names]
    microscope = parameters["eels"]["microscope"]
    return _Phases(
        mean_free_path=np.array([p["mean_free_path"] for p in chosen]),
        valence=np.stack(
            [physics.valence_losses(grid.losses, p, microscope, grid.margin) for p in chosen]
        ),
        core=grid.step
        * np.stack([physics.core_losses(grid.source, p, microscope) for p in chosen]),
        tail=grid.step * np.stack([physics.background(grid.source, p) for p in chosen]),
        elements=tuple({e for p in chosen for e in p["elements"]}),
    )
