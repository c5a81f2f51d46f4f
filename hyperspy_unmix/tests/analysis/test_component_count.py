"""How many components, through the public methods: names, agreement, reasons."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import hyperspy.api as hs
import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix.analysis import separation
from hyperspy_unmix.numerics.compression.number_of_components import choose_rank

NAMES = ("noise_edge", "elbow", "split_half")


def two_phases(counts: float = 40.0, lazy: bool = False, seed: int = 0):
    """Poisson counts of two phases of Gaussian lines, 24 x 20 pixels."""
    rng = np.random.default_rng(seed)
    energy = np.arange(120)
    spectra = [0.2 + np.exp(-(((energy - centre) / 6) ** 2)) for centre in (40, 80)]
    share = np.linspace(0, 1, 480)
    expected = counts * (np.outer(share, spectra[0]) + np.outer(1 - share, spectra[1]))
    s = hs.signals.Signal1D(rng.poisson(expected).reshape(24, 20, 120))
    return s.as_lazy() if lazy else s


@pytest.mark.parametrize("lazy", [False, True])
def test_the_three_counts_agree_on_clear_data(lazy):
    """Phantom: two phases, far above the noise."""
    count = hyperspy_unmix.estimate_number_of_components(two_phases(lazy=lazy))
    assert [getattr(count, name) for name in NAMES] == [2, 2, 2]
    assert (count.consensus, count.automatic, count.drift) == (2, 2, 0)
    assert "2 components above the noise" in count.reason
    with pytest.raises(FrozenInstanceError):
        count.consensus = 3


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("scale", [1, 0.37])
def test_full_split_half_counts_as_the_fast_one(lazy, scale):
    """Independent way: every count dealt out (Poisson) or noise added (0.37 times counts)."""
    s = two_phases(lazy=lazy)
    if scale != 1:
        s = s * scale
    fast, full = (
        hyperspy_unmix.estimate_number_of_components(s, split_half=how) for how in ("fast", "full")
    )
    assert fast.split_half == full.split_half == 2
    again = hyperspy_unmix.estimate_number_of_components(s, split_half="full")
    assert again == full


def test_full_split_half_of_counts_with_a_negative_value():
    """Worst input: one value below zero, outside the sample that calls the data Poisson."""
    s = hs.stack([two_phases(), two_phases(seed=1), two_phases(seed=2)], axis=0)
    s.data[1, 7, 19] = -5
    before = s.data.copy()
    count = hyperspy_unmix.estimate_number_of_components(s, split_half="full")
    assert count.split_half == 2
    np.testing.assert_array_equal(s.data, before)


def test_split_half_of_another_word():
    with pytest.raises(ValueError, match="one of 'fast', 'full'"):
        hyperspy_unmix.estimate_number_of_components(two_phases(), split_half="half")


@pytest.mark.parametrize("name", NAMES)
def test_each_count_can_be_asked_for_by_name(name):
    s = two_phases(seed=1)
    result = hyperspy_unmix.pca(s, name)
    assert result.n_components == getattr(result.count, name)
    assert name in result.settings["n_components"].reason
    assert result.ica(name).n_components == result.n_components


def test_consensus_is_the_median_where_counts_differ(monkeypatch):
    """Definition."""
    from hyperspy_unmix.analysis import component_count as counting

    monkeypatch.setattr(counting, "elbow", lambda values, most: 7)
    count = hyperspy_unmix.estimate_number_of_components(two_phases())
    assert (count.elbow, count.consensus) == (7, 2)
    assert "elbow 7" in count.reason


def test_energy_drift_is_named():
    """Phantom: one edge spectrum, shifted from pixel to pixel by 0.6 channels r.m.s."""
    rng = np.random.default_rng(0)
    energy = np.arange(200)
    shift = rng.normal(0, 0.6, 900)[:, None]

    def spectrum(e):
        return 400 * (e / 100 + 1) ** -2.0 + 150 / (1 + np.exp(-(e - 80) / 2))

    counts = rng.poisson(spectrum(energy - shift)).reshape(30, 30, 200)
    s = hs.signals.Signal1D(counts)
    s.set_signal_type("EELS_unmix")
    count = hyperspy_unmix.estimate_number_of_components(s, background=None)
    assert count.noise_edge >= 2
    assert count.drift == count.noise_edge - 1
    assert count.consensus == 1
    assert "energy drift" in count.reason
    # the shift is known to the noise of each spectrum; its size to ten percent
    size = float(count.reason.split("makes (")[1].split()[0])
    assert size == pytest.approx(0.6, rel=0.15)


@pytest.mark.parametrize("with_low_loss", [False, True])
def test_two_valences_are_no_drift(with_low_loss):
    """Phantom: white lines 1.7 eV apart in a disc, nothing drifts; both spectra are found."""
    rng = np.random.default_rng(0)
    energy = np.arange(660.0, 780.0)
    y, x = np.mgrid[:40, :40]
    disc = ((x - 20) ** 2 + (y - 20) ** 2 < 12**2).astype(float)[..., None]

    def iron(shift):
        def line(centre, width):
            return np.exp(-0.5 * ((energy - centre - shift) / width) ** 2)

        step = 60 / (1 + np.exp(-(energy - 712 - shift) / 1.2))
        return 300 * line(710, 1.2) + 130 * line(723, 1.4) + step

    mean = 400 * (energy / 700) ** -3 + (1 - disc) * iron(0) + disc * iron(1.7)
    s = hs.signals.Signal1D(rng.poisson(mean))
    s.set_signal_type("EELS_unmix")
    s.axes_manager[-1].offset, s.axes_manager[-1].units = 660.0, "eV"
    low_loss = None
    if with_low_loss:
        losses = np.arange(-20.0, 80.0)
        peak = 1e5 * np.exp(-0.5 * (losses / 0.8) ** 2)
        plasmon = 4e3 * np.exp(-0.5 * ((losses - 22) / 5) ** 2)
        low_loss = hs.signals.Signal1D(rng.poisson(np.tile(peak + plasmon, (40, 40, 1))))
        low_loss.set_signal_type("EELS")
        low_loss.axes_manager[-1].offset, low_loss.axes_manager[-1].units = -20.0, "eV"
    result = hyperspy_unmix.unmix(s, low_loss=low_loss)
    assert result.n_components == 2
    assert "valence or bonding, or a drift" in result.settings["n_components"].reason
    correlations = [abs(np.corrcoef(m.ravel(), disc.ravel())[0, 1]) for m in result.maps.data]
    assert min(correlations) > 0.95


@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
@pytest.mark.parametrize("reach", [0.3, 1.0])
def test_two_valences_stay_where_a_drift_is_taken_out(reach, lazy):
    """Phantom: white lines 1.7 eV apart in a disc, and a drift of so many eV along the scan that
    the low loss shares: both valences are left when the drift is gone."""
    rng = np.random.default_rng(0)
    energy, losses = np.arange(660.0, 900.0), np.arange(-20.0, 80.0, 0.25)
    y, x = np.mgrid[:32, :32]
    disc = ((x - 16) ** 2 + (y - 16) ** 2 < 10**2).astype(float)[..., None]
    drift = reach * (np.arange(1024).reshape(32, 32, 1) / 1023 - 0.5)

    def iron(e):
        lines = 300 * np.exp(-0.5 * ((e - 710) / 1.2) ** 2)
        lines += 130 * np.exp(-0.5 * ((e - 723) / 1.4) ** 2)
        return lines + 60 / (1 + np.exp(-(e - 712) / 1.2))

    e = energy - drift
    mean = 400 * (e / 700) ** -3 + (1 - disc) * iron(e) + disc * iron(e - 1.7)
    peak = 2e4 * np.exp(-0.5 * ((losses - drift) / 0.8) ** 2)
    plasmon = 1e3 * np.exp(-0.5 * ((losses - drift - 22) / 5) ** 2)
    s, low_loss = (hs.signals.Signal1D(rng.poisson(v)) for v in (mean, peak + plasmon))
    for signal, axis in ((s, energy), (low_loss, losses)):
        signal.set_signal_type("EELS")
        signal.axes_manager[-1].offset, signal.axes_manager[-1].scale = axis[0], axis[1] - axis[0]
        signal.axes_manager[-1].units = "eV"
    if lazy:
        s, low_loss = s.as_lazy(), low_loss.as_lazy()
    found = hyperspy_unmix.pca(s, low_loss=low_loss)
    assert found.prepared.drift.applied
    assert found.n_components == 2


def test_ends_that_an_alignment_emptied_are_left_out():
    """Truth: the channels set to zero; the user's data stay as they are."""
    s = two_phases(counts=4000)
    s.data[::3, :, :2] = 0
    before = s.data.copy()
    result = hyperspy_unmix.pca(s)
    assert result.settings["emptied channels"].value == 2
    assert result.count.consensus == 2
    np.testing.assert_array_equal(s.data, before)


def test_no_structure_is_zero_for_zero_mean_noise():
    """Definition: nothing there; the mean is taken, and that is said."""
    s = hs.signals.Signal1D(np.random.default_rng(0).standard_normal((30, 30, 90)))
    result = hyperspy_unmix.pca(s)
    assert result.count.consensus == 0
    assert "no structure above the noise" in result.settings["n_components"].reason


def grains(phases: int, counts: float, artefacts: int = 0, seed: int = 0):
    """Poisson counts of single grains with lines of their own, 40 x 40 pixels; and artefacts.

    Each phase has three lines of 24 that phases share. Artefacts are smooth patterns of the
    detector, each at random in every pixel: above the noise, and of no phase.
    """
    rng = np.random.default_rng([seed, phases])
    energy = np.arange(500)
    lines = np.exp(
        -0.5 * ((energy - rng.uniform(30, 470, (24, 1))) / rng.uniform(4, 7, (24, 1))) ** 2
    )
    spectra = np.stack(
        [rng.dirichlet([2] * 3) @ lines[rng.choice(24, 3, replace=False)] for _ in range(phases)]
    )
    spectra = spectra / spectra.sum(1, keepdims=True) + 1e-4
    place = np.stack(np.mgrid[:40, :40], -1).reshape(-1, 1, 2)
    distance = np.linalg.norm(place - rng.uniform(0, 40, (6 * phases, 2)), axis=2)
    share = np.exp(-(distance - distance.min(1, keepdims=True)))
    share = (share / share.sum(1, keepdims=True)).reshape(1600, 6, phases).sum(1)
    expected = counts * share @ spectra
    if artefacts:
        wave = rng.uniform(1, 12, (artefacts, 1)) * energy / 500 + rng.uniform(0, 1, (artefacts, 1))
        size = 0.05 * rng.standard_normal((1600, artefacts))
        expected = np.clip(expected * (1 + size @ np.sin(2 * np.pi * wave)), 0, None)
    return hs.signals.Signal1D(rng.poisson(expected).reshape(40, 40, 500).astype(np.uint16))


@pytest.mark.parametrize("phases", [9, 10, 11, 13])
def test_many_phases_are_all_taken(phases):
    """Truth: so many phases, far above the noise; no number is too many to be phases."""
    count = hyperspy_unmix.estimate_number_of_components(grains(phases, 3000))
    assert (count.consensus, count.automatic) == (phases, phases)
    assert "taken" not in count.reason


def test_components_that_do_not_come_back_are_not_taken():
    """Truth: three phases; artefacts beside them are above the noise, not all of them stable.

    How many artefacts are stable is no truth; that all components taken are, is the rule.
    """
    s = grains(3, 1500, artefacts=24)
    p = hyperspy_unmix.pca(s)
    assert p.count.consensus >= 10
    assert 3 <= p.n_components == p.count.automatic < p.count.consensus
    # the number is that of independent components, whatever is assumed later
    u = p.ica(assume="overlap")
    assert u.n_components == p.n_components == p.ica().n_components
    assert not u.unstable
    assert f"{p.n_components} taken" in u.settings["n_components"].reason
    # one more is not stable, and can be had
    assert p.ica(p.n_components + 1, assume="overlap").unstable
    # asked for later, as at first
    assert hyperspy_unmix.pca(s, 2).ica("auto").n_components == p.n_components


@pytest.mark.parametrize(
    ("unstable", "known", "taken"),
    [
        ({3: 0}, 1, 3),
        ({3: 2, 2: 1}, 1, 1),
        ({3: 1, 2: 0}, 1, 2),
        ({3: 2}, 2, 2),
        ({}, 3, 3),
        ({3: None, 2: 0}, 0, 2),
    ],
)
def test_what_only_sums_show_must_come_back(monkeypatch, unstable, known, taken):
    """Closed form: the most that are all stable, and at least those that single pixels show."""
    monkeypatch.setattr(separation, "_unstable", lambda *given: unstable[given[4]])
    count = choose_rank(np.array([9.0, 3.0, 1.1]), 64, 154, 3)
    found = separation.count_stable_in_sums(None, None, None, count, known)
    assert found.automatic == taken
    assert found.consensus == 3
    assert ("n_components=3 takes all" in found.reason) == (taken < 3)


def test_many_phases_of_several_signals_are_all_taken():
    """Truth: eleven phases, in one scan cut in two."""
    s = grains(11, 3000)
    together = hyperspy_unmix.unmix([s.inav[:, :20], s.inav[:, 20:]])
    assert [u.n_components for u in together] == [11, 11]
    assert not together[0].unstable
