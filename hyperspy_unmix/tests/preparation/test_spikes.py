"""Spikes and dead channels, planted at known places; none where there are none."""

from dataclasses import replace
from pathlib import Path

import dask
import dask.array as da
import hyperspy.api as hs
import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix import data as phantoms
from hyperspy_unmix.numerics.cleaning import nan_channels
from hyperspy_unmix.numerics.cleaning.dead_channels import bad_channels
from hyperspy_unmix.numerics.cleaning.local_noise import local_noise
from hyperspy_unmix.numerics.cleaning.spikes import find_spikes
from hyperspy_unmix.numerics.reading.block_size import BLOCK_SIZE_SETTING
from hyperspy_unmix.numerics.reading.first_pass import summarise
from hyperspy_unmix.numerics.reading.replaced_values import Spikes
from hyperspy_unmix.numerics.reading.row_blocks import row_blocks
from hyperspy_unmix.preparation.image_reading import read_image
from hyperspy_unmix.tests.scenes import angle, array, calibrated, counts, two_phases, untouched

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
# parts of the height in adjacent channels: a hit on a pixel, and charge that is shared
SHAPES = [[1], [1, 0.5], [0.4, 1, 0.5], [0.2, 0.8, 1, 0.1], [0.3, 1, 0.9, 0.3]]
EELS = ("core_shell", "inclined_boundary", "precipitates", "three_oxides", "wedge_layers")


def examine(data, **reading):
    """The blocks, their summary and noise."""
    blocks = replace(row_blocks(data), **reading)
    summary = summarise(blocks)
    return blocks, summary, local_noise(summary.sample, summary.integers)


def spikes_of(data, **reading):
    return find_spikes(*examine(data, **reading))


def dead_of(data):
    _, summary, noise = examine(data)
    return list(np.flatnonzero(bad_channels(summary, noise)))


def planted(data, number=40, times=3.0, sign=1, seed=0):
    """Spikes ``times`` as high as the threshold: data, truth {(pixel, channel): is the highest}."""
    rng = np.random.default_rng(seed)
    flat = data.reshape(-1, data.shape[-1]).astype(float)
    noise = examine(data)[2]
    truth = {}
    for pixel in rng.choice(len(flat), number, replace=False):
        shape = np.array(SHAPES[rng.integers(len(SHAPES))])
        channels = rng.integers(0, flat.shape[1] - len(shape)) + np.arange(len(shape))
        height = times * noise.threshold(noise.variance_at(channels, flat[pixel, channels])).max()
        flat[pixel, channels] += sign * np.rint(height * shape)
        truth |= {(pixel, c): k == shape.argmax() for k, c in enumerate(channels)}
    return flat.astype(data.dtype).reshape(data.shape), truth


def narrow_zero_loss(jump):
    """A zero-loss peak of two channels that jumps between scan lines, and a long tail."""
    rng = np.random.default_rng(3)
    loss = np.arange(200) - 30 - jump * rng.integers(-2, 3, (24, 1, 1))
    t = np.linspace(0.1, 1.5, 20)[:, None]
    peak = np.exp(-4 * np.log(2) * (loss / 2.0) ** 2 - t)
    rest = 0.03 * t * np.exp(-(((loss - 22) / 5) ** 2)) + 1e-3
    return rng.poisson(1e5 * (peak + rest))


def particles_of_a_pixel(width, seed=0):
    """Raman-like lines, in single pixels only, on a smooth spectrum."""
    rng = np.random.default_rng(seed)
    channel = np.arange(300.0)
    data = np.tile(200 + 100 * np.exp(-channel / 100), (30, 30, 1))
    lines = sum(np.exp(-4 * np.log(2) * ((channel - c) / width) ** 2) for c in (40.3, 120, 201.6))
    y, x = rng.integers(0, 30, (2, 25))
    data[y, x] += 3000 * lines
    return rng.poisson(data)


def gaussian(scale, correlated):
    noise = np.random.default_rng(1).normal(0, scale, (40, 40, 300))
    return noise if not correlated else noise + np.roll(noise, 1, 2) + 0.3 * np.roll(noise, 2, 2)


CLEAN = {
    "sparse": lambda: np.random.default_rng(0).poisson(0.01, (60, 60, 300)),
    "one count": lambda: np.random.default_rng(0).poisson(1.0, (60, 60, 300)).astype(np.uint8),
    "scaled counts": lambda: np.random.default_rng(0).poisson(0.05, (60, 60, 300)) / 7.3,
    "read noise": lambda: gaussian(10, False),
    "shared charge": lambda: gaussian(10, True) + 300,
    "bright": lambda: 1e6 + gaussian(1e3, False),
    "zero loss": lambda: narrow_zero_loss(0),
    "zero loss that jumps": lambda: narrow_zero_loss(1),
    "particles, lines of 2 channels": lambda: particles_of_a_pixel(2.0),
    "particles, lines of 3 channels": lambda: particles_of_a_pixel(3.0),
    "one particle, lines of 3 channels": lambda: particles_of_a_pixel(3.0)[:, :8],
    "constant": lambda: np.full((10, 10, 64), 7.0),
    "ramp without noise": lambda: np.arange(64.0) * np.arange(1, 101)[:, None],
    "two pixels": lambda: np.random.default_rng(0).poisson(9.0, (2, 100)),
    "one pixel": lambda: np.random.default_rng(0).poisson(9.0, (1, 100)),
    "two channels": lambda: np.random.default_rng(0).poisson(9.0, (20, 2)),
}


@pytest.mark.parametrize("make", CLEAN.values(), ids=CLEAN)
def test_no_false_alarm(make):
    data = make()
    assert len(spikes_of(data)) == 0
    assert dead_of(data) == []


@pytest.mark.parametrize("name", EELS)
@pytest.mark.parametrize(
    "kind", [{}, {"detector": "ccd"}, {"noise": False}], ids=["counting", "ccd", "noise-free"]
)
def test_no_false_alarm_on_eels_phantoms(name, kind):
    signal, low_loss, _ = getattr(phantoms, name)(shape=(24, 24), **kind)
    for s in (signal, low_loss):
        assert len(spikes_of(s.data)) == 0
        assert dead_of(s.data) == []


@pytest.mark.parametrize("name", ["eds_core_shell", "eds_phases"])
@pytest.mark.parametrize("noise", [True, False], ids=["noise", "noise-free"])
def test_no_false_alarm_on_eds_phantoms(name, noise):
    s = getattr(phantoms, name)(shape=(32, 32), noise=noise).signal
    assert len(spikes_of(s.data)) == 0
    assert dead_of(s.data) == []


SCENES = {
    "counting": lambda: phantoms.three_oxides().signal.data,
    "ccd": lambda: phantoms.wedge_layers(detector="ccd").signal.data,
    "eds": lambda: phantoms.eds_phases().signal.data.astype(np.uint32),
    "flat": lambda: np.random.default_rng(0).poisson(400.0, (40, 40, 500)).astype(float),
}


@pytest.mark.parametrize("name", SCENES)
def test_nearly_all_are_found_and_nothing_else(name):
    """Three times the threshold: 27 standard deviations, or 80 counts where there are none."""
    data = SCENES[name]()
    spiked, truth = planted(data, number=30, times=3.0)
    spikes = spikes_of(spiked)
    found = set(zip(spikes.pixels.tolist(), spikes.channels.tolist(), strict=True))
    highest = [place for place, is_highest in truth.items() if is_highest]
    assert np.mean([place in found for place in highest]) >= 0.99
    # beside a spike, three standard deviations are taken for its tail
    wrong = found - set(truth)
    assert len(wrong) <= 0.02 * len(truth)
    assert {p for p, _ in wrong} <= {p for p, _ in truth}
    # as close to what was there as noise lets anything be
    flat = data.reshape(-1, data.shape[-1]).astype(float)
    clean = flat[spikes.pixels, spikes.channels]
    scatter = np.sqrt(examine(data)[2].variance_at(spikes.channels, clean))
    error = np.abs(spikes.values - clean) / np.maximum(scatter, 1)
    assert np.median(error) < 1.2
    assert error.max() < 6


def test_values_far_below_are_found():
    spiked, truth = planted(SCENES["flat"](), number=20, times=3.0, sign=-1)
    spikes = spikes_of(spiked)
    found = set(zip(spikes.pixels.tolist(), spikes.channels.tolist(), strict=True))
    assert {place for place, highest in truth.items() if highest} <= found


def test_spikes_at_the_ends():
    data = np.random.default_rng(0).poisson(100.0, (20, 20, 80))
    data[3, 4, 0] = data[19, 19, 79] = data[0, 0, 40] = 5000
    spikes = spikes_of(data)
    assert spikes.pixels.tolist() == [0, 64, 399]
    assert spikes.channels.tolist() == [40, 0, 79]
    assert np.all(np.abs(spikes.values - 100) < 40)


def test_whole_numbers_stay_whole():
    data = np.random.default_rng(0).poisson(20.0, (20, 20, 80)).astype(np.uint16)
    data[3, 4, 30] = 5000
    spikes = spikes_of(data)
    assert np.array_equal(spikes.values, np.rint(spikes.values))
    blocks = replace(row_blocks(data), spikes=spikes)
    read = blocks.rows(lambda block: block.spectra, stage="reading")
    assert np.array_equal(read, np.rint(read))
    assert read[64, 30] == spikes.values[0]


@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
@pytest.mark.parametrize("shifted", [False, True], ids=["", "shifted"])
def test_reading_replaces_before_moving(lazy, shifted):
    rng = np.random.default_rng(0)
    data = rng.normal(size=(6, 7, 20)).astype(np.float32)
    variance = rng.random((6, 7, 20)).astype(np.float32)
    pixels, channels = rng.random(42) > 0.3, np.array([2, 3, 5, 11, 12])
    spikes = Spikes(
        pixels=np.array([0, 5, 5, 41]),
        channels=np.array([3, 11, 12, 4]),
        values=np.arange(4.0),
        change=np.zeros(4),
        variances=np.full(4, 9.0),
    )
    shifts = rng.integers(-2, 3, 42) if shifted else None
    expected = []
    for original, values in ((data, spikes.values), (variance, spikes.variances)):
        whole = original.reshape(42, 20).copy()
        whole[spikes.pixels, spikes.channels] = values
        if shifted:
            whole = np.stack([np.roll(x, s) for x, s in zip(whole, shifts, strict=True)])
        expected.append(whole[pixels][:, channels])
    held = [da.from_array(x, chunks=(2, 3, 7)) if lazy else x for x in (data, variance)]
    before = data.copy()
    blocks = replace(
        row_blocks(*held), pixels=pixels, channels=channels, shifts=shifts, spikes=spikes
    )
    with dask.config.set({"array.chunk-size": 500, BLOCK_SIZE_SETTING: 300}):
        for name, truth in zip(("spectra", "variance"), expected, strict=True):
            found = blocks.rows(lambda block, name=name: getattr(block, name), stage="reading")
            np.testing.assert_array_equal(found, truth)
    np.testing.assert_array_equal(data, before)


@pytest.mark.parametrize("masked", [False, True], ids=["all", "masked"])
def test_eager_and_lazy_find_the_same(masked):
    spiked, _ = planted(SCENES["flat"](), number=30)
    spiked[7, 7, 7], spiked[9, 9, 9] = np.nan, np.inf
    reading = {}
    if masked:
        rng = np.random.default_rng(2)
        reading = {"pixels": rng.random(1600) > 0.2, "channels": np.arange(40, 430)}
    eager = spikes_of(spiked, **reading)
    with dask.config.set({"array.chunk-size": "200 kiB", BLOCK_SIZE_SETTING: "50 kiB"}):
        lazy = spikes_of(da.from_array(spiked, chunks=(7, 11, 90)), **reading)
    assert len(eager) > 15
    for name in ("pixels", "channels", "values"):
        np.testing.assert_array_equal(getattr(eager, name), getattr(lazy, name))
    if masked:
        assert reading["pixels"][eager.pixels].all()
        assert np.isin(eager.channels, reading["channels"]).all()


def test_given_variance_is_that_of_the_neighbours():
    data = np.random.default_rng(0).poisson(100.0, (20, 20, 80)).astype(float)
    data[3, 4, 30] = 5000
    blocks = row_blocks(data, np.maximum(data, 1))
    summary = summarise(blocks)
    spikes = find_spikes(blocks, summary, local_noise(summary.sample, True))
    assert spikes.variances == pytest.approx([100], abs=30)


def channel(at, value):
    def make():
        data = np.random.default_rng(0).poisson(200.0, (20, 20, 100)).astype(float)
        data[..., at] = value if np.isscalar(value) else value(data[..., at])
        return data

    return make


# A Gaussian between two channels, counted in each: erf of 0, 1, 2 channels over 0.51 sqrt 2.
LINE_OF_1_2_CHANNELS = np.array([0.025, 0.475, 0.475, 0.025])
DEFECTS = {
    "dead": (channel(slice(40, 41), 0.0), [40]),
    "nearly dead": (channel(slice(40, 42), lambda x: np.rint(0.1 * x)), [40, 41]),
    "three dead": (channel(slice(40, 43), 0.0), [40, 41, 42]),
    "stuck": (channel(slice(40, 41), 255.0), [40]),
    "hot": (channel(slice(40, 41), lambda x: x + 2000), [40]),
    "a gap of eight channels": (channel(slice(40, 48), 0.0), []),
    "a third": (channel(slice(40, 41), lambda x: np.rint(0.33 * x)), []),
    "two hot": (channel(slice(40, 42), lambda x: x + np.array([1500, 2000])), [40, 41]),
    "three hot": (channel(slice(40, 43), lambda x: x + 500), [40, 41, 42]),
    "a line of two channels": (
        channel(
            slice(40, 42),
            lambda x: x + np.linspace(0.2, 1.8, 400).reshape(20, 20, 1) * np.array([1500, 2000]),
        ),
        [],
    ),
    "a narrow line, the same everywhere": (
        channel(slice(39, 43), lambda x: x + np.rint(2000 * LINE_OF_1_2_CHANNELS)),
        [],
    ),
    "bright in half of the pixels": (
        channel(slice(40, 41), lambda x: x + 2000 * (np.arange(400) % 2).reshape(20, 20, 1)),
        [],
    ),
}


@pytest.mark.parametrize(("make", "dead"), DEFECTS.values(), ids=DEFECTS)
def test_dead_channels(make, dead):
    assert dead_of(make()) == dead


def test_channels_that_are_empty_by_chance_are_not_dead():
    data = np.random.default_rng(0).poisson(0.002, (20, 20, 300))
    assert dead_of(data) == []


def spiked_phases(**kwargs):
    """Two phases with eight spikes that would each make a component."""
    data = counts(shape=(30, 30)).astype(float)
    clean = data.copy()
    rng = np.random.default_rng(7)
    y, x = rng.choice(30, 8, replace=False), rng.choice(30, 8, replace=False)
    data[y, x, rng.choice(80, 8, replace=False)] += 20000
    return calibrated(clean, **kwargs), calibrated(data, **kwargs)


@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
def test_unmixing_is_nearly_as_without_spikes(lazy):
    clean, s = spiked_phases(lazy=lazy)
    with untouched(s):
        u = hyperspy_unmix.unmix(s)
    reference = hyperspy_unmix.unmix(clean)
    assert u.n_components == reference.n_components == 2
    assert angle(u.spectra.data, reference.spectra.data) < 0.5
    assert u.settings["spikes"].value == 8
    assert "your data are as they were" in u.settings["spikes"].reason


def tracked_phases(**kwargs):
    """A camera's map of two phases with six tracks of 4 to 9 channels, each in one pixel."""
    data = counts(shape=(30, 30)).astype(float)
    clean = data.copy()
    rng = np.random.default_rng(3)
    for k, (y, x) in enumerate(zip(rng.permutation(30)[:6], rng.permutation(30)[:6], strict=True)):
        length = 4 + k
        first = rng.integers(0, data.shape[-1] - length)
        data[y, x, first : first + length] += np.rint(20000 * rng.uniform(0.5, 1, length))
    return calibrated(clean, **kwargs), calibrated(data, **kwargs)


@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
def test_unmixing_is_nearly_as_without_tracks(lazy):
    """Truth: the result without them; the values there are as close as noise allows."""
    clean, s = tracked_phases(lazy=lazy)
    with untouched(s):
        u = hyperspy_unmix.unmix(s)
    reference = hyperspy_unmix.unmix(clean)
    assert u.n_components == reference.n_components == 2
    assert angle(u.spectra.data, reference.spectra.data) < 0.5
    assert "6 tracks of cosmic rays, 4 to 9 channels long" in u.settings["spikes"].reason
    assert u.settings["spikes"].value >= sum(range(4, 10))


def test_a_spike_below_zero_leaves_counts_counts():
    """Once it is replaced the data hold counts only, and "poisson" can be asked for."""
    _, s = spiked_phases()
    s.data[5, 5, 40] = -3000
    u = hyperspy_unmix.unmix(s, noise="poisson")
    assert u.settings["spikes"].value == 9
    assert u.n_components == 2


def test_without_looking_for_them():
    _, s = spiked_phases()
    u = hyperspy_unmix.unmix(s, spikes=None)
    assert u.settings["spikes"].value is None
    assert u.pca.prepared.image.blocks.spikes is None
    assert u.pca.above_noise_edge > 2


def test_spikes_keyword_is_checked():
    with pytest.raises(ValueError, match="spikes='yes'"):
        hyperspy_unmix.unmix(two_phases(), spikes="yes")


@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
def test_dead_channels_are_left_out(lazy):
    data = counts(shape=(30, 30)).astype(float)
    data[..., 40] = 0
    s = calibrated(data, lazy=lazy)
    u = hyperspy_unmix.unmix(s)
    assert u.settings["dead channels"].value == 1
    assert "40" in u.settings["dead channels"].reason
    for signal in (u.spectra, u.spectra_counts, u.ambiguity.lower, u.model(), s.preprocess()):
        values = array(signal)
        # on the line between those beside it; float32 of the models
        expected = (values[..., 39] + values[..., 41]) / 2
        np.testing.assert_allclose(values[..., 40], expected, rtol=1e-5)
        assert np.isfinite(values).all()
    for signal in (u.spectra_uncertainty, *(x.get_noise_variance() for x in (u.spectra,))):
        assert np.flatnonzero(np.isinf(array(signal)).any(0)).tolist() == [40]
    assert np.isinf(u.spectra_counts.get_noise_variance().data[:, 40]).all()
    assert np.flatnonzero(np.isnan(array(u.residual())).all((0, 1))).tolist() == [40]


@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
@pytest.mark.parametrize(
    ("level", "at"), [(2, [300]), (5, [300]), (50, [300]), (1000, [300]), (50, [60, 61, 62])]
)
def test_hot_channels_of_x_rays_are_left_out_at_any_level(level, at, lazy):
    """Truth: the phantom's phases, as close as without the hot channels, which all pixels share.

    At 50 counts a pixel one channel holds a fifth of all counts; channels 60 to 62 are on a line.
    """
    phantom = hyperspy_unmix.data.eds_phases((32, 32), phases=3)
    s, truth = phantom.signal, phantom.truth
    s.data = s.data.astype("uint16")
    s.data[..., at] += np.uint16(level)
    u = hyperspy_unmix.unmix(s.as_lazy() if lazy else s, 3, assume="pure")
    assert u.pca.prepared.image.masked_channels.nonzero()[0].tolist() == at
    assert u.settings["dead channels"].value == len(at)
    assert "WARNING: saturated" not in u.settings
    references = {name: truth.spectra.inav[i] for i, name in enumerate(truth.names)}
    # without hot channels 1.4 to 2.5 degrees
    assert u.match(references).angles.min(0).max() < 4


def test_nothing_is_summarised_twice(monkeypatch):
    """Nor after spikes are replaced: the summary is told what changed."""
    passes = []

    def counting(blocks, stage):
        passes.append(blocks.spikes)
        return summarise(blocks, stage)

    monkeypatch.setattr(f"{nan_channels.__name__}.summarise", counting)
    clean, s = spiked_phases()
    nothing = dict.fromkeys(("signal_range", "navigation_mask", "signal_mask"))
    read_image(clean, variance=None, **nothing)
    assert passes == [None]
    image, _ = read_image(s, variance=None, **nothing)
    assert passes == [None, None]
    assert image.summary.greatest < 1000


MEASURED = {
    "eels_lao_sto/DMReader_SpectrumImage_SI-EELS.dm3": [],
    "eels_carbon_calcium_map/coreloss_map1_aligned_binned.hspy": [],
    "eels_nmc_dual/EELS_TM_TM+O_EELS_Spectrum_Image.dm3": [],
    "eels_nmc_dual/EELS_ZLP_EELS_Spectrum_Image.dm3": [],
    "eds_silicate/71GPa_subsolidus.hspy": [],
    # the first channel reads zero beside 40 000
    "eels_repeated_reads/T3_B3_region1_SI_HL_cal.dm3": [(71, 0), (90, 0)],
    "eels_repeated_reads/T3_B3_region1_SI_LL_cal.dm3": [],
    "eels_repeated_reads/T3_D3_region1_SI_HL.dm3": [],
    # before the zero-loss peak, 98, 337 and 40 on a noise of ten
    "eels_repeated_reads/T3_D3_region1_SI_LL.dm3": [(31, 52), (31, 53), (31, 54)],
}


@pytest.mark.skipif(
    not DATA.is_dir(), reason="the real measurements (shared/data) are not beside the checkout"
)
@pytest.mark.parametrize("name", MEASURED)
def test_measured(name):
    """Looked at one by one: what is listed is no spectrum, and there is nothing else."""
    s = hs.load(DATA / name)
    s = s[-1] if isinstance(s, list) else s
    spikes = spikes_of(s.data)
    assert list(zip(spikes.pixels, spikes.channels, strict=True)) == MEASURED[name]
    assert dead_of(s.data) == []
