"""EDS phantoms: from the thickness of every phase to a recorded spectrum image with its truth."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperspy_unmix.data import _signals as signals
from hyperspy_unmix.data import _xrays as xrays


def build_phantom(
    thickness: NDArray[np.float64],
    scene: Mapping[str, Any],
    parameters: Mapping[str, Any],
    *,
    title: str,
    step: float,
    noise: bool,
    rng: np.random.Generator,
    seed: int | None,
) -> signals.Phantom:
    """Record X-rays of a scene.

    Parameters
    ----------
    thickness : ndarray, shape (n_phases, ny, nx)
        In nm.
    scene : mapping
        Scene of the parameter file, with ``counts``.
    parameters : mapping
        Section ``eds`` of the parameter file.
    title : str
        Title of the signal.
    step : float
        Pixel width in nm.
    noise : bool
        Whether to draw counts; else the expectation is returned.
    rng : numpy.random.Generator
        For the counts.
    seed : int or None
        Stated in the truth.
    """
    spectra, elements = xrays.phase_spectra(scene["phases"], parameters)
    expected = np.moveaxis(thickness, 0, -1) @ spectra
    dose = scene["counts"] / expected.sum(axis=-1).mean()
    expected *= dose
    area = spectra.sum(axis=1)
    maps = dose * thickness * area[:, None, None]

    axis = parameters["axis"]
    width = axis["dispersion"]
    scan = signals.scan_axes(thickness.shape[1:], step)
    energy = signals.energy_axis("X-ray energy", axis["channels"], axis["start"], width, "keV")
    metadata = signals.tem_metadata(parameters["microscope"], elements)
    truth = signals.Truth(
        spectra=signals.component_spectra(
            spectra / area[:, None] / width, energy, "EDS_TEM", f"{title}: true spectra", metadata
        ),
        maps=signals.component_maps(maps, scan, f"{title}: true counts"),
        thickness=None,
        background=None,
        names=tuple(scene["phases"]),
        parameters=dict(scene)
        | {"step": step, "phase_thickness": thickness, "seed": seed, "noise": noise},
    )
    data = rng.poisson(expected).astype(np.uint16) if noise else expected
    return signals.Phantom(
        signal=signals.spectrum_image(data, scan, energy, "EDS_TEM_unmix", title, metadata),
        low_loss=None,
        truth=truth,
    )
