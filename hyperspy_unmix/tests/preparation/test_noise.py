"""Which noise model is taken: what the user says, what the metadata say, or what the data show."""

import logging

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import hyperspy_unmix
from hyperspy_unmix.tests.scenes import (
    PHASES,
    SHAPE,
    array,
    calibrated,
    counts,
    two_phases,
    untouched,
)

PLACE = "metadata.Signal.Noise_properties"
LINEAR = "Signal.Noise_properties.Variance_linear_model"


@pytest.fixture(autouse=True)
def _one_thread():
    """Small decompositions: threads would only wait for each other."""
    with threadpool_limits(1):
        yield


@pytest.fixture(params=[False, True], ids=["eager", "lazy"])
def lazy(request):
    return request.param


def chosen(signal, **kwargs):
    """Value and reason of the setting, and the count; the signal stays as it was."""
    variance = signal.metadata.get_item("Signal.Noise_properties.variance", default=None)
    with untouched(signal, *([variance] if hasattr(variance, "data") else [])):
        result = hyperspy_unmix.pca(signal, **kwargs)
        kept = signal.metadata.get_item("Signal.Noise_properties.variance", default=None)
        assert kept is variance
    value, reason = result.settings["noise"]
    return value, reason, result.count.consensus


def amplified(gain, read=0.0, lazy=False, dose=200.0):
    """Two phases seen by a camera: gain times counts, and read noise."""
    rng = np.random.default_rng(8)
    data = gain * counts((30, 20), dose) + rng.normal(0, read, (30, 20, 80))
    return calibrated(data, lazy=lazy)


def with_variance(variance, lazy=False, signal_lazy=None):
    """The scene with something in HyperSpy's place for the variance."""
    s = two_phases(lazy=lazy if signal_lazy is None else signal_lazy)
    s.metadata.set_item("Signal.Noise_properties.variance", variance)
    return s


def variance_signal(lazy=False, factor=1.0, shape=SHAPE):
    """The expected variance, smooth enough to differ from the counts."""
    data = factor * np.broadcast_to(counts().mean((0, 1)) + 0.5, (*shape, 80))
    return calibrated(np.array(data), "", lazy=lazy)


# ------------------------------------------------------------------------------ variance signal


def test_nothing_stated_is_estimated(lazy):
    """Phantom: Poisson counts; nothing about metadata in the words."""
    value, reason, count = chosen(two_phases(lazy=lazy))
    assert value == "poisson"
    assert PLACE not in reason
    assert count == 2


@pytest.mark.parametrize("signal_lazy", [False, True])
def test_variance_signal_in_the_metadata_is_used(lazy, signal_lazy):
    """Truth: the same signal given as ``noise``, to the bit; any mix of eager and lazy."""
    s = with_variance(variance_signal(lazy), signal_lazy=signal_lazy)
    value, reason, count = chosen(s)
    assert value == "given"
    assert f"(from {PLACE})" in reason
    assert count == 2
    plain = two_phases(lazy=signal_lazy)
    given = variance_signal(lazy)
    with untouched(given):
        other = hyperspy_unmix.pca(plain, noise=given)
    assert other.settings["noise"].value == "given"
    assert PLACE not in other.settings["noise"].reason
    one = hyperspy_unmix.pca(s)
    np.testing.assert_array_equal(one.scree.data, other.scree.data)
    # it is not the estimate that was used all the same
    assert (one.scree.data != hyperspy_unmix.pca(plain).scree.data).any()


def test_variance_signal_of_part_of_the_range(lazy):
    """Truth: signal and variance cut by hand (the last channel is in); ``signal_range`` cuts both.

    Blocks are float32, and a cut array may be summed in another order.
    """
    s = with_variance(variance_signal(), signal_lazy=lazy)
    result = hyperspy_unmix.pca(s, signal_range=(120.0, 200.0))
    truth = hyperspy_unmix.pca(two_phases().isig[10:51], noise=variance_signal().isig[10:51])
    assert result.settings["noise"].value == "given"
    np.testing.assert_allclose(result.scree.data, truth.scree.data, rtol=1e-4, atol=1e-6)
    assert result.count.consensus == truth.count.consensus == 2


def test_variance_signal_of_a_wrong_shape_is_not_used(lazy, caplog):
    """Definition: said in the log; what the data show is taken."""
    s = with_variance(variance_signal(lazy, shape=(12, 3)), signal_lazy=lazy)
    with caplog.at_level(logging.WARNING, logger="hyperspy_unmix"):
        value, _, count = chosen(s)
    assert (value, count) == ("poisson", 2)
    (record,) = [r for r in caplog.records if "Noise_properties" in r.getMessage()]
    assert record.levelno == logging.WARNING
    assert "(12, 3, 80)" in record.getMessage()
    assert "(12, 10, 80)" in record.getMessage()


@pytest.mark.parametrize("word", ["poisson", "uniform"])
def test_words_of_the_user_override_the_metadata(word, lazy, caplog):
    """Definition: neither used nor complained of, whatever is there."""
    for variance in (variance_signal(), variance_signal(shape=(12, 3)), 1.0):
        with caplog.at_level(logging.WARNING, logger="hyperspy_unmix"):
            value, reason, _ = chosen(with_variance(variance, signal_lazy=lazy), noise=word)
        assert value == word
        assert PLACE not in reason
    s = two_phases(lazy=lazy)
    s.metadata.set_item(f"{LINEAR}.gain_factor", 1.3)
    value, reason, _ = chosen(s, noise=word)
    assert value == word
    assert PLACE not in reason
    assert not caplog.records


def test_variance_of_the_user_overrides_the_metadata(lazy):
    """Definition: another signal than the one in the metadata, which would be refused."""
    s = with_variance(variance_signal(factor=-1.0), signal_lazy=lazy)
    value, reason, count = chosen(s, noise=variance_signal(lazy))
    assert (value, count) == ("given", 2)
    assert PLACE not in reason


def test_hyperspys_own_estimate_gives_the_same_count(lazy):
    """Truth: the count without it; HyperSpy leaves the counts themselves as variance."""
    for dose in (5.0, 60.0):
        s = two_phases(lazy=lazy, dose=dose)
        _, _, before = chosen(s)
        s.estimate_poissonian_noise_variance()
        value, reason, after = chosen(s)
        assert value == "given"
        assert PLACE in reason
        assert after == before == 2


def test_hyperspys_own_estimate_with_the_gain_of_the_camera(lazy):
    """Phantom: gain 4 and read noise; HyperSpy told of both leaves the right variance."""
    s = amplified(4.0, 10.0, lazy)
    _, _, before = chosen(s)
    s.estimate_poissonian_noise_variance(gain_factor=4.0, gain_offset=100.0)
    value, _, after = chosen(s)
    assert value == "given"
    assert after == before == 2


@pytest.mark.parametrize("factor", [-1.0, 0.0, float("nan")])
def test_variance_signal_that_is_none_is_not_used(factor):
    """Definition: ``noise="auto"`` takes nothing from the metadata that does not fit the data."""
    value, _, count = chosen(with_variance(variance_signal(factor=factor)))
    assert (value, count) == ("poisson", 2)


@pytest.mark.parametrize("factor", [17.0, 1 / 17])
def test_variance_signal_17_times_off_is_not_used(factor):
    """Definition: as a number or a gain of the metadata would not be."""
    value, reason, count = chosen(with_variance(variance_signal(factor=factor)))
    assert (value, count) == ("poisson", 2)
    assert "not used" in reason


# -------------------------------------------------------------------------------------- numbers


def test_a_number_is_one_variance_for_all(lazy):
    """Phantom: normal noise of variance 9; near it the number of the metadata is taken."""
    rng = np.random.default_rng(3)
    data = counts((30, 20), 400.0).mean((0, 1)) * rng.uniform(0.5, 1.5, (30, 20, 1))
    data = data + rng.normal(0, 3, data.shape)
    for stated, used in [(9.5, True), (9, True), (90.0, False), (0.9, False)]:
        s = calibrated(data.copy(), lazy=lazy)
        s.metadata.set_item("Signal.Noise_properties.variance", stated)
        value, reason, count = chosen(s)
        assert PLACE in reason
        assert ("not used" in reason) == (not used)
        assert count == 1
        if used:
            assert value == "uniform"
            assert f"{stated:.3g}" in reason


@pytest.mark.parametrize("stated", [np.float32(14.0), np.int64(14)])
def test_numbers_of_numpy_are_numbers(stated):
    """Definition: the type that a file reader happens to leave makes no difference."""
    rng = np.random.default_rng(3)
    s = calibrated(100 + rng.normal(0, 14**0.5, (30, 20, 80)))
    s.metadata.set_item("Signal.Noise_properties.variance", stated)
    assert PLACE in chosen(s)[1]


@pytest.mark.parametrize("variance", [0.0, -3.0, "unknown", True])
def test_what_is_no_variance_is_left_alone(variance):
    """Definition: no error, what the data show."""
    value, _, count = chosen(with_variance(variance))
    assert (value, count) == ("poisson", 2)


# --------------------------------------------------------------------------------- linear model


def test_a_right_gain_is_used(lazy):
    """Phantom: gain 3; the stated gain is used as it is, the estimated one is not exactly that."""
    s = amplified(3.0, lazy=lazy)
    assert PLACE not in chosen(s)[1]
    for stated in (3.0, 3.2):
        s.metadata.set_item(f"{LINEAR}.gain_factor", stated)
        value, reason, count = chosen(s)
        assert value == "gain"
        assert f"(from {PLACE})" in reason
        assert f"variance = {stated:.3g} x signal +0" in reason
        assert count == 2


def test_gain_and_offset_and_factor(lazy):
    """Closed form (HyperSpy's): variance = (gain * signal + offset) * correlation_factor."""
    s = amplified(4.0, 10.0, lazy)
    for name, value in [("gain_factor", 8.0), ("gain_offset", 200.0), ("correlation_factor", 0.5)]:
        s.metadata.set_item(f"{LINEAR}.{name}", value)
    value, reason, count = chosen(s)
    assert (value, count) == ("gain", 2)
    assert "variance = 4 x signal +100" in reason
    assert f"(from {PLACE})" in reason


@pytest.mark.parametrize("wrong", [0.55, 1.3, 1.9])
def test_a_gain_that_the_data_know_better_is_not_used(wrong):
    """Phantom: gain 3, which 600 pixels tell to 3 %; a stated one beyond three errors is wrong."""
    s = amplified(3.0)
    before = chosen(s)
    s.metadata.set_item(f"{LINEAR}.gain_factor", 3.0 * wrong)
    value, reason, count = chosen(s)
    assert (value, count) == (before[0], before[2]) == ("gain", 2)
    assert reason.startswith(before[1])
    assert "not used), which the data tell to 3 %" in reason


def test_a_gain_that_few_pixels_cannot_judge_is_used():
    """Definition: of six pixels nobody knows the scatter; a gain within a factor of two is used."""
    s = two_phases().inav[:6, 0]
    s.metadata.set_item(f"{LINEAR}.gain_factor", 1.8)
    assert f"(from {PLACE})" in chosen(s)[1]


@pytest.mark.parametrize("seed", [0, 1])
def test_noise_asked_for_that_the_data_contradict(seed):
    """Phantom: gain 1.5, asked for as Poisson: used as asked, and said; the right one is not."""
    rng = np.random.default_rng(seed)
    share = rng.uniform(0, 1, (30, 20, 1))
    expected = 200 * (share * PHASES[0] + (1 - share) * PHASES[1])
    s = calibrated(1.5 * rng.poisson(expected))
    asked = hyperspy_unmix.pca(s, 2, noise="poisson").settings
    assert asked["noise"].value == "poisson"
    ratio = float(asked["WARNING: noise asked for"].reason.split("asked for is ")[1].split()[0])
    assert ratio == pytest.approx(1 / 1.5, rel=0.05)
    told = hyperspy_unmix.pca(s, 2, noise=calibrated(1.5**2 * expected, "")).settings
    assert "WARNING: noise asked for" not in told


@pytest.mark.parametrize("wrong", [17.0, 1 / 17])
def test_a_gain_17_times_off_is_not_used(wrong, lazy):
    """Phantom: gain stated the wrong way round or in other units; the words say how far off."""
    s = amplified(3.0, lazy=lazy)
    before = chosen(s)
    s.metadata.set_item(f"{LINEAR}.gain_factor", 3.0 * wrong)
    value, reason, count = chosen(s)
    assert (value, count) == (before[0], before[2]) == ("gain", 2)
    # known to 4 %, as the gain itself, and written with two digits
    ratio = float(reason.split("states ")[1].split(" times")[0])
    assert ratio == pytest.approx(wrong, rel=0.1)
    assert "not used" in reason
    assert reason.startswith(before[1])


def test_poisson_counts_of_a_stated_gain_17_times_off(lazy):
    """Phantom: counts that are Poisson stay Poisson."""
    s = two_phases(lazy=lazy)
    s.metadata.set_item(f"{LINEAR}.gain_factor", 17.0)
    value, reason, count = chosen(s)
    assert (value, count) == ("poisson", 2)
    assert f"({PLACE} states 17 times the scatter of the data: not used)" in reason


def test_hyperspys_defaults_say_nothing(lazy):
    """Definition: gain 1, offset 0 is what HyperSpy writes where nothing is known."""
    s = amplified(3.0, lazy=lazy)
    before = chosen(s)
    for name, value in [("gain_factor", 1.0), ("gain_offset", 0.0), ("correlation_factor", 1.0)]:
        s.metadata.set_item(f"{LINEAR}.{name}", value)
    assert chosen(s) == before


@pytest.mark.parametrize("name", ["gain_factor", "correlation_factor"])
@pytest.mark.parametrize("value", [-2.0, 0.0, float("nan")])
def test_a_linear_model_that_is_not_noise_is_not_used(name, value, caplog):
    """Definition: said in the log."""
    s = two_phases()
    s.metadata.set_item(f"{LINEAR}.{name}", value)
    with caplog.at_level(logging.WARNING, logger="hyperspy_unmix"):
        kind, reason, count = chosen(s)
    assert (kind, count) == ("poisson", 2)
    assert PLACE not in reason
    assert "Variance_linear_model" in caplog.text


def test_channels_that_share_charge_keep_their_estimated_correlation(lazy):
    """Phantom: charge shared 1:2:1; the stated gain is that of a channel's variance, 3/8 of 6.

    Truth: two phases, and one more at most for a correlation known to a few percent only. Without
    the correlation, which nothing in the metadata states, the right variance gives many more.
    """
    rng = np.random.default_rng(1)
    share = rng.uniform(0, 1, (40, 30, 1))
    expected = 400 * (share * PHASES[0] + (1 - share) * PHASES[1])
    electrons = rng.poisson(np.pad(expected, ((0, 0), (0, 0), (1, 1)), mode="edge"))
    shared = 6 * (electrons[..., :-2] + 2 * electrons[..., 1:-1] + electrons[..., 2:]) / 4
    s = calibrated(shared, lazy=lazy)
    s.metadata.set_item(f"{LINEAR}.gain_factor", 6 * 3 / 8)
    value, reason, count = chosen(s)
    assert value == "gain"
    assert count in (2, 3)
    assert f"(from {PLACE})" in reason
    assert "variance = 2.25 x signal" in reason
    assert "correlated" in reason
    right = calibrated(6 * 6 * 3 / 8 * expected, "")
    assert hyperspy_unmix.pca(s, noise=right).count.noise_edge > 8


def test_user_data_survive_it_all(lazy):
    """Definition: values and metadata, after every stage, with a variance and a linear model."""
    s = with_variance(variance_signal(lazy), signal_lazy=lazy)
    s.metadata.set_item(f"{LINEAR}.gain_factor", 1.2)
    told, values = repr(s.metadata.as_dictionary()), array(s).copy()
    variance = s.metadata.Signal.Noise_properties.variance
    kept = array(variance).copy()
    hyperspy_unmix.unmix(s)
    hyperspy_unmix.denoise(s)
    hyperspy_unmix.preprocess(s)
    assert repr(s.metadata.as_dictionary()) == told
    assert s.metadata.Signal.Noise_properties.variance is variance
    np.testing.assert_array_equal(array(s), values)
    np.testing.assert_array_equal(array(variance), kept)
