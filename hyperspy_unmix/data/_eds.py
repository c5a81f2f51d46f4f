"""EDS phantoms: from the thickness of every phase to a recorded spectrum image with its truth."""

import numpy as np
from numpy.typing import NDArray

from . import _signals as signals
from . import _xrays as xrays
from ._scan import Scan


def build_phantom(
    thickness: NDArray[np.float64], scan: Scan, title: str, rng: np.random.Generator
) -> signals.Phantom:
    """Record X-rays of a scene.

    Parameters
    ----------
    thickness : ndarray, shape (n_phases, ny, nx)
        In nm, before the average over the probe.
    scan : Scan
        With ``phases`` and ``counts`` in its scene.
    title : str
        Title of the signal.
    rng : numpy.random.Generator
        For the counts.
    """
    scene, parameters = scan.scene, scan.parameters["eds"]
    thickness = scan.average(thickness)
    spectra, elements = xrays.phase_spectra(scene["phases"], parameters)
    expected = np.moveaxis(thickness, 0, -1) @ spectra
    dose = scene["counts"] / expected.sum(axis=-1).mean()
    expected *= dose
    area = spectra.sum(axis=1)
    maps = dose * thickness * area[:, None, None]

    axis = parameters["axis"]
    width = axis["dispersion"]
    pixels = signals.scan_axes(scan.shape, scan.step)
    energy = signals.energy_axis("X-ray energy", axis["channels"], axis["start"], width, "keV")
    metadata = signals.tem_metadata(parameters["microscope"], elements)
    truth = signals.Truth(
        spectra=signals.component_spectra(
            spectra / area[:, None] / width, energy, "EDS_TEM", f"{title}: true spectra", metadata
        ),
        maps=signals.component_maps(maps, pixels, f"{title}: true counts"),
        thickness=None,
        background=None,
        names=tuple(scene["phases"]),
        parameters=dict(scene)
        | {
            "step": scan.step,
            "phase_thickness": thickness,
            "seed": scan.seed,
            "noise": scan.noise,
            "composition": {
                name: xrays.composition(parameters["phases"][name]["weights"])
                for name in scene["phases"]
            },
            "k_factors": parameters["k_factors"],
        },
    )
    data = rng.poisson(expected).astype(np.uint16) if scan.noise else expected
    return signals.Phantom(
        signal=signals.spectrum_image(data, pixels, energy, "EDS_TEM_unmix", title, metadata),
        low_loss=None,
        truth=truth,
    )
