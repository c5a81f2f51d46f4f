"""Components that several signals have in common."""

import re

import hyperspy.api as hs
import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix import data
from hyperspy_unmix.tests.scenes import SHAPE, array, component_first, two_phases, untouched

M = 90


def between(found, true):
    """Angle of two spectra in degrees."""
    cosine = found @ true / np.linalg.norm(found) / np.linalg.norm(true)
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def phases():
    channel, centres = np.arange(M), np.array([20.0, 45.0, 70.0])[:, None]
    found = np.exp(-0.5 * ((channel - centres) / 6) ** 2) + 0.05
    return found / found.sum(1, keepdims=True)


def image(kinds, shape, dose, seed=0, lazy=False, title=""):
    """Poisson counts of some of three phases, and their true maps."""
    rng = np.random.default_rng(seed)
    maps = np.zeros((*shape, 3))
    maps[..., list(kinds)] = rng.dirichlet([0.4] * len(kinds), shape)
    counts = rng.poisson(dose * maps @ phases())
    signal = hs.signals.Signal1D(counts)
    signal.metadata.General.title = title
    axis = signal.axes_manager.signal_axes[0]
    axis.name, axis.units, axis.scale = "Energy", "keV", 0.1
    return (signal.as_lazy() if lazy else signal), dose * maps


def nearest(result):
    """For each true phase its angle in degrees, and which component it is."""
    known = np.isfinite(result.spectra.data[0])
    angles = np.array(
        [[between(s[known], p[known]) for s in result.spectra.data] for p in phases()]
    )
    return angles.min(1), angles.argmin(1)


@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "eager and lazy"])
def test_maps_that_each_lack_a_phase(lazy):
    """Planted: three phases in all, two in each map; other shapes, other doses.

    The maps: four fifths within two of their standard deviations.
    """
    a, true_a = image((0, 1), (20, 22), 2000, 1, title="first")
    b, true_b = image((1, 2), (12, 30), 600, 2, lazy=lazy, title="second")
    assert [hyperspy_unmix.unmix(s).n_components for s in (a, b)] == [2, 2]
    with untouched(a, b):
        u, v = hyperspy_unmix.unmix([a, b])
    assert u.n_components == v.n_components == 3
    np.testing.assert_array_equal(u.spectra.data, v.spectra.data)
    angles, place = nearest(u)
    assert angles.max() < 6
    for result, true in ((u, true_a), (v, true_b)):
        error = component_first(result.maps)[place] - np.moveaxis(true, -1, 0)
        sd = component_first(result.maps_uncertainty)[place]
        assert np.mean(np.abs(error) < 2 * sd) > 0.8
        # what angles of 6 degrees mix up
        assert np.sqrt(np.mean(error**2)) < np.tan(np.radians(6)) * np.sqrt(np.mean(true**2))
    assert "alone: 2, 2" in u.settings["n_components"].reason
    assert "second" in u.settings["together"].reason
    assert "first" in v.settings["together"].reason
    assert v.model().data.shape == b.data.shape
    both = array(v.model()) + array(v.residual())
    np.testing.assert_allclose(both, array(b), atol=1e-2)
    assert array(v.reduced_chi_square).mean() == pytest.approx(1, abs=0.05)
    assert u.maps_uncertainty.data.shape == u.maps.data.shape
    np.testing.assert_array_equal(u.stability, v.stability)


def test_order_of_the_signals():
    """Identity: the other way round the same spectra, but for rounding and the ICA's tolerance."""
    a, b = image((0, 1), (20, 22), 2000, 1)[0], image((1, 2), (12, 30), 600, 2)[0]
    one, other = hyperspy_unmix.unmix([a, b])[0], hyperspy_unmix.unmix((b, a))[1]
    for s in one.spectra.data:
        assert min(between(s, t) for t in other.spectra.data) < 0.1


def test_one_signal_in_a_list():
    """Truth: the same signal unmixed by itself."""
    s = image((0, 1, 2), (25, 25), 1500, 3)[0]
    (u,), alone = hyperspy_unmix.unmix([s]), hyperspy_unmix.unmix(s)
    assert u.n_components == alone.n_components == 3
    for found in u.spectra.data:
        assert min(between(found, known) for known in alone.spectra.data) < 0.5
    np.testing.assert_allclose(
        np.sort(u.maps.data.sum((1, 2))), np.sort(alone.maps.data.sum((1, 2))), rtol=0.02
    )


def test_two_halves_are_the_whole():
    """Truth: the whole map, unmixed at once."""
    s = image((0, 1, 2), (30, 24), 1500, 4)[0]
    whole = hyperspy_unmix.unmix(s)
    parts = hyperspy_unmix.unmix([s.inav[:, :13], s.inav[:, 13:]])
    for found in parts[0].spectra.data:
        assert min(between(found, known) for known in whole.spectra.data) < 1


def test_eels_with_a_low_loss_each():
    """Phantom: two scans of three oxides that each lack one; other thickness by other pixels."""
    signal, low_loss, truth = data.three_oxides(shape=(40, 40), counts=6e4, seed=0)
    maps = component_first(truth.maps)
    share = maps / maps.sum(0)
    masks = [share[k] > 0.002 for k in (2, 0)]
    alone = [
        hyperspy_unmix.unmix(signal, low_loss=low_loss, navigation_mask=mask) for mask in masks
    ]
    u, v = hyperspy_unmix.unmix(
        [signal, signal], low_loss=[low_loss, low_loss], navigation_mask=masks
    )
    assert [one.n_components for one in alone] == [2, 2]
    assert u.n_components == 3
    np.testing.assert_array_equal(np.isnan(u.maps.data[0]), masks[0])
    np.testing.assert_array_equal(np.isnan(v.maps.data[0]), masks[1])
    own = u.spectra.axes_manager.signal_axes[0].axis
    known_axis = truth.spectra.axes_manager.signal_axes[0].axis
    for known in truth.spectra.data:
        on_axis = np.interp(own, known_axis, known)
        assert min(between(s, on_axis) for s in u.spectra.data) < 6


def pair(drift=0.0, lazy=False):
    """Two scans of the same boundary, the first of which drifts."""
    both = [
        data.inclined_boundary(shape=(16, 16), drift=drift, seed=1),
        data.inclined_boundary(shape=(16, 16), seed=2),
    ]
    signals, low_losses = ([getattr(p, name) for p in both] for name in ("signal", "low_loss"))
    if lazy:
        signals, low_losses = ([s.as_lazy() for s in some] for some in (signals, low_losses))
    return signals, low_losses, both[0].truth


def worst_angle(result, truth):
    """Of the phases of a phantom, in degrees."""
    spectra = {name: truth.spectra.inav[i] for i, name in enumerate(truth.names)}
    return float(result.match(spectra).angles.min(0).max())


@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
def test_one_signal_drifts(lazy):
    """Phantom: 5 channels of drift in one of two scans, whose mean energies differ for it.

    Two phases, to the two degrees that 256 pixels of each scan give alone (1.2) with a margin.
    """
    signals, low_losses, truth = pair(5.0, lazy)
    with untouched(*signals, *low_losses):
        u, v = hyperspy_unmix.unmix(signals, low_loss=low_losses)
    assert u.n_components == v.n_components == 2
    for result in (u, v):
        assert worst_angle(result, truth) < 2
        assert np.nanmean(array(result.reduced_chi_square)) == pytest.approx(1, abs=0.05)
        assert result.settings["background"].reason == "power law, window before O-K at 532"
        assert "signal_mask" not in result.settings
    assert v.settings["channels in common"].value > 3
    offset = truth.parameters["drift"]
    assert u.settings["energy offset"].value == pytest.approx(np.median(offset), abs=0.05)
    assert "energy offset" not in v.settings


def test_a_window_that_is_given_is_cut_by_the_alignment():
    """What is said: it is cut; an error where nothing is left of it, which names why."""
    signals, low_losses, truth = pair(5.0)
    u, v = hyperspy_unmix.unmix(signals, low_loss=low_losses, background=(400.0, 525.0))
    assert worst_angle(u, truth) < 2
    for result in (u, v):
        window, reason = result.settings["background"]
        assert 400 < window[0] < 404
        assert window[1] == 525
        assert re.search(r"given; cut to .* \d outside the analysed range left out", reason)
    with pytest.raises(ValueError, match=r"outside the analysed range.*all signals have in common"):
        hyperspy_unmix.unmix(signals, low_loss=low_losses, background=(400.0, 401.5))


@pytest.mark.parametrize("channels", [0, 2, -7])
def test_zero_loss_peaks_that_differ(channels, caplog):
    """Truth: the channels by which core loss and low loss are moved; a hundredth of one."""
    signals, low_losses, truth = pair()
    for signal in (signals[1], low_losses[1]):
        signal.data = np.roll(signal.data, channels, -1)
    u, v = hyperspy_unmix.unmix(signals, low_loss=low_losses)
    assert u.n_components == 2
    assert worst_angle(u, truth) < 2
    if channels:
        assert v.settings["energy offset"].value == pytest.approx(channels, abs=0.01)
    assert ("energy offset" in v.settings) == (channels != 0)
    assert "the zero-loss peaks lie at" not in caplog.text


def test_energies_that_may_not_be_moved_are_said_once(caplog):
    """The zero-loss peaks tell: moved by two channels of 0.5 eV."""
    signals, low_losses, _ = pair()
    for signal in (signals[1], low_losses[1]):
        signal.data = np.roll(signal.data, 2, -1)
    found = hyperspy_unmix.unmix(signals, low_loss=low_losses, energy_shift=None)
    said = [u.settings["WARNING: energies"].reason for u in found]
    assert caplog.text.count("the zero-loss peaks lie at") == 1
    assert "1 eV (signal 1)" in said[0]


def test_few_pixels_beside_a_map():
    """Truth: moved by two channels; of five pixels no drift of their own is looked for."""
    signals, low_losses, truth = pair()
    for some in (signals, low_losses):
        some[1] = some[1].inav[4:9, 8]
        some[1].data = np.roll(some[1].data, 2, -1)
    u, v = hyperspy_unmix.unmix(signals, low_loss=low_losses)
    assert u.n_components == 2
    assert worst_angle(u, truth) < 2
    assert v.settings["energy offset"].value == pytest.approx(2, abs=0.02)


def test_a_low_loss_for_one_of_two(caplog):
    """The warning, and its advice: with neither it is gone."""
    signals, low_losses, _ = pair()
    u, v = hyperspy_unmix.unmix(signals, low_loss=[None, low_losses[1]])
    for result in (u, v):
        reason = result.settings["WARNING: low loss in some"].reason
        assert "taken out of signal 1 and not of 0" in reason
    assert caplog.text.count("one phase then has two spectra") == 1
    u, v = hyperspy_unmix.unmix(signals, low_loss=None)
    assert "WARNING: low loss in some" not in u.settings


@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
def test_energies_that_differ_where_no_peak_tells(lazy, caplog):
    """Truth: moved by two channels; the warning's advice, and what follows, mends it."""
    both = [data.eds_phases((20, 20), phases=3, seed=seed).signal for seed in (0, 1)]
    both[1].data = np.roll(both[1].data, 2, -1)
    signals = [s.as_lazy() for s in both] if lazy else both
    u, v = hyperspy_unmix.unmix(signals)
    said = v.settings["WARNING: energies"].reason
    assert re.search(r"signal 1 need 3 .* moved by -[12]\.?\d* channels, and [4-6] as", said)
    assert caplog.text.count("together with those of signal 0") == 1
    call = re.search(r"offset -= ([\d.]+)", said)
    signals[1].axes_manager[-1].offset -= float(call[1])
    with pytest.raises(ValueError, match=r"signals\[1\]\.isig\[2:") as caught:
        hyperspy_unmix.unmix(signals)
    cuts = re.findall(r"isig\[(\d+):(\d+)\]", str(caught.value))
    cropped = [s.isig[int(a) : int(b)] for s, (a, b) in zip(signals, cuts, strict=True)]
    u, v = hyperspy_unmix.unmix(cropped)
    assert u.n_components == 3
    assert "WARNING: energies" not in v.settings


def test_windows_that_only_some_have():
    """Truth: the background of the phantom taken out of one signal beforehand; found as such."""
    signals, low_losses, truth = pair(5.0)
    signals[1].data = (
        signals[1].data - data.inclined_boundary(shape=(16, 16), seed=2).truth.background.data
    )
    u, v = hyperspy_unmix.unmix(signals, low_loss=low_losses)
    assert u.n_components == 2
    assert worst_angle(u, truth) < 2
    assert u.settings["background"].value[0] == pytest.approx(448)
    assert v.settings["background"].value is None


def test_a_low_loss_with_an_offset_of_its_own(caplog):
    """Truth: the core losses as they are; that of the low loss is not theirs."""
    signals, low_losses, truth = pair()
    low_losses[1].data = np.roll(low_losses[1].data, 3, -1)
    u, v = hyperspy_unmix.unmix(signals, low_loss=low_losses)
    assert u.n_components == 2
    assert worst_angle(u, truth) < 2
    assert "energy offset" not in v.settings
    assert "spectra of signal 1 are not off by as much" in v.settings["energies"].reason
    assert "the zero-loss peaks lie at" not in caplog.text


def test_channels_that_only_one_signal_has():
    """A channel that is empty in one signal is left out of all: NaN in the spectra."""
    a, b = image((0, 1), (20, 22), 2000, 1)[0], image((1, 2), (15, 15), 2000, 2)[0]
    a.data[..., :6] = 0
    u, v = hyperspy_unmix.unmix([a, b])
    assert u.spectra.data.shape == v.spectra.data.shape
    np.testing.assert_array_equal(
        u.pca.prepared.image.blocks.channels, v.pca.prepared.image.blocks.channels
    )
    assert np.isnan(u.spectra.data[:, :6]).all()
    assert np.isfinite(v.spectra.data[:, 6:]).all()
    assert nearest(u)[0].max() < 10


def test_numbers_and_options_reach_all():
    a, b = image((0, 1), (20, 22), 2000, 1)[0], image((1, 2), (12, 30), 600, 2)[0]
    u, v = hyperspy_unmix.unmix([a, b], 4, assume="pure", random_state=3)
    assert u.n_components == v.n_components == 4
    assert u.settings["assume"].value == v.settings["assume"].value == "pure"
    assert (u.stability < 0.5).sum() == 1
    assert hyperspy_unmix.unmix([a, b], 1)[1].n_components == 1


def test_store_fills_all():
    signals = [two_phases(), two_phases((9, 8))]
    results = hyperspy_unmix.unmix(signals, 2, store=True)
    for signal, result in zip(signals, results, strict=True):
        assert signal.learning_results.bss_factors.shape[1] == 2
        assert signal.learning_results.bss_loadings.shape[0] == np.prod(signal.data.shape[:-1])
        assert result.n_components == 2


def test_a_list_that_a_file_was_loaded_as():
    """The spectrum image in it is named; an image and a spectrum beside it are not."""
    s = two_phases()
    loaded = [s.sum(-1).T, s, s.inav[0, 0]]
    with pytest.raises(ValueError, match=r"signal 0 of 3: .*can be unmixed.*unmix\(signals\[1\]\)"):
        hyperspy_unmix.unmix(loaded)


@pytest.mark.parametrize(
    "cut, said",
    [
        (slice(10, None), (r"signals[0].isig[10:80]", r"signals[1].isig[0:70]")),
        (slice(0, 60), (r"signals[0].isig[0:60]", r"signals[1].isig[0:60]")),
    ],
)
def test_the_advice_for_other_channels_works(cut, said):
    """Truth: the calls that the error names."""
    signals = [two_phases(dose=600.0), two_phases((9, 8), dose=600.0).isig[cut]]
    with pytest.raises(ValueError, match="the same energies are needed") as caught:
        hyperspy_unmix.unmix(signals)
    assert all(call in str(caught.value) for call in said)
    cropped = [signals[0].isig[cut], signals[1]]
    assert hyperspy_unmix.unmix(cropped)[1].n_components == 2


def test_errors():
    s = two_phases()
    with pytest.raises(ValueError, match="no signals were given"):
        hyperspy_unmix.unmix([])
    with pytest.raises(TypeError, match=r"signal 1 of 2: .* a HyperSpy signal is needed"):
        hyperspy_unmix.unmix([s, np.zeros((3, 3, 80))])
    with pytest.raises(ValueError, match="signal 1 of 2: signal has no navigation axes"):
        hyperspy_unmix.unmix([s, s.inav[0, 0]])
    shifted = s.deepcopy()
    shifted.axes_manager.signal_axes[0].offset += 1
    with pytest.raises(ValueError, match="the same energies are needed"):
        hyperspy_unmix.unmix([s, shifted])
    with pytest.raises(ValueError, match=r"signals\[1\]\.interpolate_on_axis\(") as caught:
        hyperspy_unmix.unmix([s, s.isig[:40].rebin(scale=(1, 1, 2))])
    assert "isig" not in str(caught.value)
    with pytest.raises(ValueError, match="navigation_mask is a list of 1, one is needed for each"):
        hyperspy_unmix.unmix([s, s], navigation_mask=[np.zeros(SHAPE, bool)])
    with pytest.raises(ValueError, match="algorithm"):
        hyperspy_unmix.unmix([s, s], algorithm="k")
    with pytest.raises(TypeError, match="no option 'low'"):
        hyperspy_unmix.unmix([s, s], low=None)


@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
def test_nothing_but_noise_is_left(lazy):
    """Truth: phantoms of two phases; the maps fit the counts of each as well as noise allows."""
    phantoms = [data.inclined_boundary(shape=(16, 16), seed=seed) for seed in (0, 1)]
    signals, low_losses = [p.signal for p in phantoms], [p.low_loss for p in phantoms]
    if lazy:
        signals, low_losses = ([s.as_lazy() for s in each] for each in (signals, low_losses))
    for u in hyperspy_unmix.unmix(signals, low_loss=low_losses):
        assert u.n_components == 2
        assert u.left_over.greatest < 1.1
        assert "WARNING: residual" not in u.settings
