"""Real measurements, where they lie beside the checkout: published facts, and no exception."""

from pathlib import Path

import hyperspy.api as hs
import numpy as np
import pytest
from scipy.ndimage import uniform_filter

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="the real measurements (shared/data) are not beside the checkout"
)


def load(name, signal_type, **kwargs):
    s = hs.load(DATA / name, **kwargs)
    s = s[-1] if isinstance(s, list) else s
    s.set_signal_type(signal_type)
    return s


def counts_around(spectrum, energy, half_width=0.12):
    """Net intensity of a line: a window, minus the mean of the windows on its two sides."""
    axis = spectrum.axes_manager.signal_axes[0].axis
    window = np.abs(axis - energy) <= half_width
    sides = (np.abs(axis - energy) <= 2 * half_width) & ~window
    return spectrum.data[window].sum() - spectrum.data[sides].sum() * window.sum() / sides.sum()


def assert_sound(u, s):
    """Finite, and the model leaves no more than a small part of the counts.

    At the ends of spectra that were shifted the model is not known.
    """
    assert np.isfinite(u.spectra.data).all()
    assert np.isfinite(u.maps.data).all()
    first = u.pca.prepared.image.first
    data = np.asarray(s.data[..., first : first + u.spectra.data.shape[1]], float)
    residual = u.residual().data
    known = np.isfinite(residual)
    assert known.mean() > 0.99
    assert abs(residual[known].sum()) < 0.01 * np.abs(data[known]).sum()


def test_core_shell_particles_are_core_shell_and_support():
    """Published: Rossouw et al., Nano Lett. 2015: FePt core, iron oxide shell, support."""
    s = load("eds_fept_core_shell/core_shell.hdf5", "EDS_TEM_unmix", file_format="HSPY")
    u = s.unmix(3)
    platinum = [counts_around(x, 9.44) for x in u.spectra]
    iron = [counts_around(x, 6.40) for x in u.spectra]
    carbon = [counts_around(x, 0.28) for x in u.spectra]
    core, shell, support = np.argmax(platinum), np.argmax(iron), np.argmax(carbon)
    assert {core, shell, support} == {0, 1, 2}
    # bare cores have 0.19; the shell must not have given its iron to the core, nor the reverse
    assert 0.1 < iron[core] / platinum[core] < 0.3
    assert abs(platinum[shell]) < 0.05 * iron[shell]


def test_core_shell_particles_lie_on_a_film_with_silica():
    """By itself it finds two more: silicon and oxygen of the film, and a speck of sulphur.

    Truth: windows in the counts. In 16 pixels at the edge of the map S-Ka has 99 counts where 10
    are expected from what platinum has there.
    """
    s = load("eds_fept_core_shell/core_shell.hdf5", "EDS_TEM_unmix", file_format="HSPY")
    u = s.unmix()
    assert u.n_components == 5
    silicon = [counts_around(x, 1.74) for x in u.spectra]
    iron = [counts_around(x, 6.40) for x in u.spectra]
    silica = np.argmax(np.array(silicon) / np.abs(iron))
    assert silicon[silica] > 0.05
    assert counts_around(u.spectra.inav[int(silica)], 0.52) > 0.05
    assert u.pca.scree_values[3] > 1.02
    sulphur = [counts_around(x, 2.31) for x in u.spectra]
    energy, data = s.axes_manager[-1].axis, s.data.astype(float)
    counts, of_platinum = (
        data[..., (energy > low) & (energy < low + 0.2)].sum(-1) for low in (2.22, 1.95)
    )
    beside = np.polyval(np.polyfit(of_platinum.ravel(), counts.ravel(), 1), of_platinum)
    speck = np.unravel_index(np.argmax(uniform_filter(counts - beside, 4)), counts.shape)
    values = u.maps.data[int(np.argmax(sulphur))]
    place = np.unravel_index(np.argmax(uniform_filter(values, 4)), values.shape)
    assert np.abs(np.subtract(place, speck)).max() <= 3


def test_silicate_has_three_phases():
    """The counts have rank 3, as the three published phase maps."""
    s = load("eds_silicate/71GPa_subsolidus.hspy", "EDS_TEM_unmix")
    u = s.unmix()
    assert u.n_components == 3
    assert u.pca.above_noise_edge == 3
    maps = [hs.load(DATA / "eds_silicate" / f"{x}_ab_map.hspy").data for x in ("brg", "capv", "fp")]
    found = u.maps.data.reshape(3, -1)
    share = np.corrcoef([*found, *(m.ravel() for m in maps)])[:3, 3:]
    assert sorted(share.argmax(1)) == [0, 1, 2]


def test_a_raw_map_of_few_counts_is_one_phase():
    """One phase, 6 counts a pixel; sums of pixels and channels show two more, not reproducible."""
    u = load("eds_raw_bruker/test_TEM.bcf", "EDS_TEM_unmix").unmix()
    assert u.n_components == 1
    assert u.stability[0] > 0.9
    assert "not reproducible" in u.settings["n_components"].reason


def test_carbon_calcium_map_with_its_own_low_loss():
    """Core loss and low loss are one spectrum; t/lambda is 0.10 to 1.16 by exspy's threshold."""
    name = "eels_carbon_calcium_map/coreloss_map1_aligned_binned.hspy"
    s = load(name, "EELS_unmix")
    u = s.unmix(low_loss=s, signal_range=(200, 600))
    assert_sound(u, s)
    # exspy's own log-ratio with the same threshold: the definition is the same, to rounding
    threshold = u.settings["zero-loss peak"].value[1]
    elastic = s.isig[: float(threshold)].data.sum(-1)
    expected = np.log(s.data.sum(-1) / elastic)
    np.testing.assert_allclose(u.thickness.data, expected, rtol=0.02)


def test_lanthanum_is_found_in_its_layer():
    """LaAlO3/SrTiO3 on a CCD: one component has the La-M edge, its map is a layer."""
    s = load("eels_lao_sto/DMReader_SpectrumImage_SI-EELS.dm3", "EELS_unmix")
    u = s.unmix()
    assert_sound(u, s)
    assert u.pca.prepared.noise.channel_gain == pytest.approx(14, rel=0.2)
    axis = u.spectra.axes_manager.signal_axes[0].axis
    lanthanum = np.array([x[axis > 825].max() / np.abs(x).max() for x in u.spectra.data]).argmax()
    layer = u.maps.data[lanthanum].mean(1)
    assert layer[18:28].mean() > 5 * np.abs(layer[:15]).mean()


def test_dual_eels_of_few_pixels():
    """42 pixels and 2 048 channels, negative values in the low loss.

    The specimen's edge is one to two pixels further in the low loss than in the core loss: half of
    the greatest core-loss counts are reached in pixel 1.8, half of t/lambda in 4.0.
    """
    s = load("eels_nmc_dual/EELS_TM_TM+O_EELS_Spectrum_Image.dm3", "EELS_unmix")
    low_loss = load("eels_nmc_dual/EELS_ZLP_EELS_Spectrum_Image.dm3", "EELS")
    u = s.unmix(low_loss=low_loss)
    assert_sound(u, s)
    assert "pixels in x" in u.settings["WARNING: low loss offset"].reason
    assert "lies beside the core loss" in u.settings["WARNING: low loss not used"].reason
    with_it = s.pca(low_loss=low_loss).ica()
    assert 0 <= with_it.thickness.data.min() < with_it.thickness.data.max() < 1.5


def test_background_subtracted_elsewhere_is_recognised():
    """Perovskite cell: negative values before the edges."""
    import h5py

    with h5py.File(DATA / "eels_mapbi3/Signal_SI.h5") as file:
        data = file["Measurement_000/Channel_001/Raw_Data"][:]
        energy = file["Measurement_000/Channel_001/Spectroscopic_Values"][0]
    s = hs.signals.Signal1D(data.reshape(31, 25, 512))
    axis = s.axes_manager.signal_axes[0]
    axis.offset, axis.scale, axis.units = float(energy[0]), float(energy[1] - energy[0]), "eV"
    s.set_signal_type("EELS_unmix")
    u = s.unmix()
    assert_sound(u, s)
    assert u.settings["background"].value is None
    assert "already" in u.settings["background"].reason


def test_raman_map():
    """Neither EELS nor EDS, not counts."""
    file = next((DATA / "raman_emulsion").glob("*.npz"))
    s = hs.signals.Signal1D(np.load(file)["data"])
    s.set_signal_type("unmix")
    u = s.unmix()
    assert_sound(u, s)
    # of 65 above the noise the most that are stable when taken as independent
    assert 2 <= u.n_components <= 20
    assert not u.pca.ica(assume="overlap").unstable


def test_repeated_reads_of_one_spot():
    """CCD: the variance of every channel from 100 reads is what the model says, within a tenth."""
    s = load("eels_repeated_reads/T3_D3_region1_SI_HL.dm3", "EELS_unmix")
    noise = s.pca(background=None).prepared.noise
    # differences of successive reads: slow drift drops out
    measured = (np.diff(s.data.astype(float), axis=0) ** 2).mean(0) / 2
    ratio = measured / noise.variance(s.data.mean(0))
    assert np.median(ratio) == pytest.approx(1, abs=0.1)
