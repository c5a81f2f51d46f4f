"""What a result prints: how well it fits, what its shares are, and in which unit."""

from __future__ import annotations

from dataclasses import replace

import hyperspy.api as hs
import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix.components import uncertainty
from hyperspy_unmix.components.ambiguity import SpectralAmbiguity
from hyperspy_unmix.settings import cautions_in
from hyperspy_unmix.tests.scenes import calibrated, counts, edge_on_background, two_phases, wedge


def chi_square_shown(u) -> float:
    line = next(line for line in str(u).splitlines() if "reduced chi-square" in line)
    return float(line.split(": ")[1].split(" ")[0])


@pytest.mark.parametrize("spoilt", [False, True], ids=["whole", "with NaN"])
@pytest.mark.parametrize("shape", [(12, 10), (60, 50)])
def test_reduced_chi_square_is_that_of_the_map(shape, spoilt):
    """Independent way: the pass over the data; printed to four digits.

    Of 3000 pixels every third is in the sample. Spectra with NaN are not, nor in the map.
    """
    s = two_phases(shape)
    if spoilt:
        s.data[2:5, 3, 7] = np.nan
    u = s.unmix(2, store=False)
    of_all = u.reduced_chi_square.data.ravel()
    sampled = u.prepared.image.summary.sampled
    of_sample = of_all[np.isfinite(of_all)][sampled]
    assert len(of_sample) == (1000 if shape == (60, 50) and not spoilt else len(sampled))
    assert chi_square_shown(u) == pytest.approx(of_sample.mean(), rel=1e-3)


def test_reduced_chi_square_of_dual_eels():
    """Independent way: the pass over the data, through plural scattering and background."""
    signal, low_loss, _ = wedge()
    u = signal.unmix(1, low_loss=low_loss, store=False)
    assert chi_square_shown(u) == pytest.approx(np.nanmean(u.reduced_chi_square.data), rel=1e-3)


def test_printing_reads_no_data():
    """Truth: the blocks of dask arrays that are computed."""
    import dask.array as da

    read = []
    s = two_phases(lazy=True)

    def watched(block):
        read.append(block.shape)
        return block

    s.data = s.data.map_blocks(watched, dtype=s.data.dtype, meta=np.empty((0, 0, 0)))
    assert isinstance(s.data, da.Array)
    u = s.unmix(2, store=False)
    n_read = len(read)
    assert n_read > 0
    assert "reduced chi-square" in str(u)
    assert len(read) == n_read


def test_too_few_components_leave_more_than_noise():
    """Truth: two phases, of which one component cannot be made."""
    s = two_phases(dose=400.0)
    assert "More than noise is left" in str(s.unmix(1, store=False))
    assert "More than noise is left" not in str(s.unmix(2, store=False))


def test_variance_of_every_value_is_not_read_again():
    """Definition: nothing is said where it would take a pass over the variance."""
    s = two_phases()
    assert "reduced chi-square" not in str(s.unmix(2, noise=s + 1.0, store=False))


@pytest.mark.parametrize("assume", ["overlap", "pure"])
def test_share_below_zero_says_what_it_is(assume):
    """Truth: a map turned negative; shares are of the counts that are added, printed to 1e-3."""
    u = two_phases().unmix(2, assume=assume, store=False)
    u = replace(u, arrays=replace(u.arrays, maps=u.arrays.maps * [-1.0, 1.0]))
    (_, lost, share, _), (_, added, whole, _) = u.rows()
    assert float(lost) < 0 < float(added)
    number, words = share.split(" %, ")
    assert float(number) == pytest.approx(100 * float(lost) / float(added), rel=2e-3)
    assert (words, whole) == ("a difference", "100.0 %")
    line = next(line for line in str(u).splitlines() if "takes counts away" in line)
    assert share.split(",")[0] in line
    reason = u.settings["negative"].reason
    assert "compare with n_components=1" in reason
    assert ('assume="pure"' in reason) == (assume == "overlap")


def scaled(factor, signal_type="unmix", quantity=""):
    s = calibrated(counts(dose=300.0) * factor, signal_type)
    if quantity:
        s.metadata.Signal.quantity = quantity
    return s


@pytest.mark.parametrize(
    ("make", "unit"),
    [
        (lambda: scaled(1.0), "counts"),
        (lambda: scaled(0.37), "intensity"),  # a Raman map over its exposure
        (lambda: scaled(0.37, quantity="Intensity (Counts)"), "counts"),
        (lambda: scaled(1.0, quantity="Reflectance"), "counts"),  # their noise says so
        (lambda: scaled(0.37, quantity="Reflectance"), "intensity"),
        (lambda: scaled(2.5, "EELS_unmix"), "counts"),  # a camera
        (lambda: scaled(1e-6, "EELS_unmix"), "intensity"),
        (lambda: scaled(1e-6, quantity="Intensity (Counts)"), "intensity"),  # normalised since
        (lambda: scaled(1.0) - 20.5, "intensity"),  # of a background
        (edge_on_background, "counts"),
    ],
)
def test_counts_are_what_holds_counts(make, unit):
    """Definition."""
    u = hyperspy_unmix.unmix(make(), 2)
    other = {"counts": "intensity", "intensity": "counts"}[unit]
    assert u.prepared.unit == unit
    assert u.maps.metadata.Signal.quantity == unit.capitalize()
    assert unit in u.spectra_counts.metadata.General.title
    assert f"share of {unit}" in str(u) and f"share of {other}" not in str(u)


def test_intensity_where_shown():
    """Definition: axes and legends, the report's table; deconvolved data."""
    s = scaled(0.37)
    u = hyperspy_unmix.unmix(s, 2)
    assert "share of intensity" in str(u)
    labels = [ax.get_ylabel() for ax in u.plot_residual().axes]
    assert "Mean residual (intensity)" in labels
    signal, low_loss, _ = wedge()
    signal.data = signal.data * 1e-6
    low_loss.data = low_loss.data * 1e-6
    v = signal.unmix(1, low_loss=low_loss, store=False)
    assert v.quantity == "Single-scattering intensity"


@pytest.mark.parametrize(
    ("lowest", "highest", "words"),
    [
        (-1.02, 0.1, "next to all counts of island may be those of film"),
        (-0.4, 4.0, "island may hold any amount of film"),
        (-0.9, 3.9, ""),
    ],
)
def test_a_range_without_an_end_is_warned_of(lowest, highest, words):
    """Truth: ranges made by hand, one of them open."""
    shares = np.zeros((2, 2, 2))
    shares[1, 0] = lowest, highest
    ambiguity = SpectralAmbiguity(("film", "island"), shares, None, None)
    cautions = cautions_in(uncertainty.choices([], ambiguity, {}))
    assert bool(cautions) == bool(words)
    if words:
        hint = cautions["WARNING: ambiguity"].reason
        assert hint.startswith(words)
        assert "known=" in hint


def test_bands_hold_the_truth_where_few_pixels_are_alone():
    """Truth: a flat spectrum that turns into a peak; the mean of its pixels holds some of that.

    Without the mixtures among the pixels 88 % of the channels were within two deviations.
    """
    channels = np.arange(96.0)
    spectra = np.stack([np.ones(96), 4 * np.exp(-(((channels - 45) / 7) ** 2) / 2)])
    share = np.broadcast_to(np.linspace(0, 1, 40), (40, 40))
    expected = np.stack([1 - share, share], -1) @ spectra
    expected = expected * 3000 / expected.sum(-1).mean()
    inside = []
    for seed in range(4):
        counted = np.random.default_rng(seed).poisson(expected).astype(float)
        u = hyperspy_unmix.unmix(hs.signals.Signal1D(counted), 2, assume="pure")
        flat = int(np.argmin(u.spectra.data.max(1)))
        error = u.spectra.data[flat] - 1 / 96
        inside.append(np.mean(np.abs(error) < 2 * u.spectra_uncertainty.data[flat]))
    assert np.mean(inside) > 0.92
