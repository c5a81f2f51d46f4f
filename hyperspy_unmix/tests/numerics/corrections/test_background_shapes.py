"""Shapes of the background: exact on data that have them, and errors of windows that cannot be."""

from dataclasses import replace

import numpy as np
import pytest

from hyperspy_unmix import pca, preprocess, unmix
from hyperspy_unmix.numerics.compression.low_rank import LowRank
from hyperspy_unmix.numerics.corrections.background_fit import decay_range, subtract_background
from hyperspy_unmix.numerics.corrections.falling_window import Window
from hyperspy_unmix.numerics.noise.whitening import ChannelWhitening
from hyperspy_unmix.tests.scenes import array, calibrated, edge_on_background

ENERGIES = 350.0 + np.arange(400)
WINDOW = Window(60, 160, "given")
TWO = Window(20, 60, "given", others=((110, 170),))
N = 200
EDGE = np.where(ENERGIES >= 532, (ENERGIES / 532) ** -3.0, 0.0)
x = (ENERGIES - 450) / 100
SHAPES = {
    "auto": (ENERGIES / 450) ** -3.3,
    "power law": (ENERGIES / 450) ** -3.3,
    "exponential": np.exp(-x / 1.4),
    "polynomial": 3 + 0.4 * x - 0.25 * x**2,
    "offset": np.ones(400),
}


def low_rank(scores, components):
    rank, m = components.shape
    return LowRank(
        scores=scores,
        components=components,
        weights=np.ones(len(scores)),
        whitening=ChannelWhitening(np.ones(m)),
        noise=np.eye(rank),
        model_error=np.zeros((rank, rank)),
        shape_noise=np.zeros((0, m)),
    )


@pytest.mark.parametrize("window", [WINDOW, TWO], ids=["one window", "two windows"])
@pytest.mark.parametrize("shape", SHAPES)
def test_exact_without_noise(shape, window):
    """Closed form: amounts of one shape and of an edge behind the windows, mixed."""
    rng = np.random.default_rng(0)
    amounts = rng.uniform(0.5, 2, (N, 2))
    mixing = np.array([[1.0, 0.4], [-0.7, 1.0]])
    background, signal = 100 * SHAPES[shape], 30 * EDGE
    spectra = low_rank(amounts @ np.linalg.inv(mixing), mixing @ [background, signal])
    fit = subtract_background(spectra, ENERGIES, window, shape)
    assert fit.shape == ("power law" if shape == "auto" else shape)
    assert fit.misfit < 1e-6
    found = fit.background.scores @ fit.background.components
    np.testing.assert_allclose(found, amounts[:, :1] * background, rtol=1e-7)
    left = fit.spectra.scores @ fit.spectra.components
    np.testing.assert_allclose(left, amounts[:, 1:] * signal, atol=1e-6 * background.max())
    if shape == "exponential":
        assert fit.parameters == pytest.approx((140.0,), rel=1e-6)
    elif shape in ("auto", "power law"):
        assert fit.parameters == pytest.approx((3.3,), rel=1e-6)
    else:
        assert fit.parameters == ()


@pytest.mark.parametrize("decays", [(80.0, 200.0)])
def test_two_exponentials_where_one_is_not_enough(decays):
    """Truth: two exponentials, alone in a quarter of the pixels each; three percent beyond them."""
    share = np.clip(np.linspace(-0.5, 1.5, N), 0, 1)[np.random.default_rng(1).permutation(N)]
    shapes = 1e4 * np.exp(-(ENERGIES - 450) / np.array(decays)[:, None])
    data = np.stack([share, 1 - share], 1) @ shapes
    left, s, right = np.linalg.svd(data, full_matrices=False)
    fit = subtract_background(
        low_rank(left[:, :2] * s[:2], right[:2]), ENERGIES, WINDOW, "exponential"
    )
    assert sorted(fit.parameters) == pytest.approx(decays, rel=0.02)
    found = fit.background.scores @ fit.background.components
    np.testing.assert_allclose(found[:, :300], data[:, :300], rtol=0.03)


@pytest.mark.parametrize(("shape", "number"), [("polynomial", 3), ("offset", 1), ("power law", 1)])
def test_coefficients_are_the_backgrounds_degrees_of_freedom(shape, number):
    """Closed form: the rank of the backgrounds of spectra that have nothing in common."""
    rng = np.random.default_rng(3)
    fit = subtract_background(
        low_rank(rng.uniform(1, 2, (N, 6)), rng.uniform(1, 2, (6, 400))), ENERGIES, WINDOW, shape
    )
    if shape == "power law" and len(fit.parameters) == 2:
        number = 2
    assert fit.coefficients == np.linalg.matrix_rank(fit.background.components) == number


@pytest.mark.parametrize("unit", [1.0, 1e-15])
def test_the_unit_of_the_counts_does_not_matter(unit):
    """Closed form: the exponent and the spectra of `test_exact_without_noise`, in any unit."""
    amounts = np.random.default_rng(0).uniform(0.5, 2, (N, 1))
    shape = 100 * unit * SHAPES["power law"]
    spectra = replace(
        low_rank(amounts, shape[None]), whitening=ChannelWhitening(np.full(400, unit))
    )
    fit = subtract_background(spectra, ENERGIES, WINDOW)
    assert fit.parameters == pytest.approx((3.3,), rel=1e-6)
    np.testing.assert_allclose(fit.background.components[0], shape, rtol=1e-7)


@pytest.mark.parametrize(
    ("limits", "apart"), [((0.1, 10.0), 0.1), ((1e-3, 1e3), 0.05 * 3.3)], ids=["power", "decay"]
)
def test_rates_of_pixels_that_are_all_alike_are_kept_apart(limits, apart):
    """Closed form: two laws beside the one there is, the same way off on both sides."""
    amounts = np.random.default_rng(0).uniform(0.5, 2, (N, 2))
    spectra = low_rank(amounts, np.stack([SHAPES["power law"], 2 * SHAPES["power law"]]))
    rates = decay_range(spectra, np.log(ENERGIES / 450), WINDOW.channels, limits)
    assert rates == pytest.approx((3.3 - apart, 3.3, 3.3 + apart), rel=1e-6)
    # a sixth of the pixels with another slope: two of twelve groups, beyond the 5th percentile
    few = np.arange(N)[:, None] < N // 6
    pixels = np.where(few, [0.0, 1.0], [1.0, 0.0])
    spectra = low_rank(pixels, np.stack([SHAPES["power law"], (ENERGIES / 450) ** -2.3]))
    rates = decay_range(spectra, np.log(ENERGIES / 450), WINDOW.channels, limits)
    assert rates == pytest.approx((2.3, 3.3, 3.3 + apart), rel=1e-6)


# --------------------------------------------------------------------------------- whole workflow


def scene(shape, edges=True, energies=ENERGIES):
    """Amounts of a background of this shape, and of an edge, with Poisson counts."""
    rng = np.random.default_rng(2)
    level, amount = rng.uniform(0.7, 1.3, (2, 12, 12, 1))
    expected = 300 * level * SHAPES[shape] + edges * 200 * amount * EDGE
    return calibrated(rng.poisson(expected).astype(float), "EELS_unmix", energies[0], 1.0)


@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
@pytest.mark.parametrize("shape", SHAPES)
def test_window_and_shape_given(shape, lazy):
    """Truth: the edge alone. Before it nothing is left, behind it the edge's counts, 3 percent."""
    s = scene(shape)
    s = s.as_lazy() if lazy else s
    options = {"background": (410, 520), "background_type": shape}
    found = preprocess(s, **options)
    # a constant is also known below its window, which the other shapes begin with
    first = int(410 - found.axes_manager[-1].offset)
    assert first == (60 if shape == "offset" else 0)
    flat = array(found)[..., first:]
    before, behind = flat[..., :110].mean(), flat[..., 130:230].mean()
    truth = 200 * EDGE[190:290].mean()
    assert abs(before) < 0.005 * 300
    assert behind == pytest.approx(truth, rel=0.05)
    settings = pca(s, **options).settings
    named = "power law" if shape == "auto" else shape
    assert settings["background"].reason.startswith(named)
    word = {"polynomial": "second degree", "offset": "constant"}.get(shape, named)
    assert word in str(settings["background fit"])
    assert "within its noise" in settings["background fit"].reason


def test_several_windows():
    """Truth: a second edge lies between them, which a single long window would take for it."""
    rng = np.random.default_rng(3)
    amounts = rng.uniform(0.5, 1.5, (12, 12, 1))
    early = 0.6 * np.exp(-0.5 * ((ENERGIES - 440) / 6) ** 2)
    expected = 300 * SHAPES["power law"] + amounts * (150 * EDGE + 450 * early)
    s = calibrated(rng.poisson(expected).astype(float), "EELS_unmix", 350.0, 1.0)
    flat = preprocess(s, background=[(480, 525), (352, 400)])
    apart, together = array(flat), array(preprocess(s, background=(352, 525)))
    truth = (150 * EDGE)[250:350].mean()
    first = int(flat.axes_manager[-1].offset - 350)
    assert apart[..., 250 - first : 350 - first].mean() == pytest.approx(truth, rel=0.05)
    assert abs(together[..., 248:348].mean() / truth - 1) > 0.1
    found = pca(s, background=[(480, 525), (352, 400)]).settings["background"]
    assert found.value == ((352, 400), (480, 525))
    assert "2 windows given" in found.reason


def test_windows_of_one_pair_or_a_list_of_it_are_the_same():
    s = scene("power law")
    one, listed = (unmix(s, 1, background=b) for b in ((410, 520), [(410, 520)]))
    np.testing.assert_array_equal(one.maps.data, listed.maps.data)
    assert one.settings["background"].value == listed.settings["background"].value == (410, 520)


@pytest.mark.parametrize(
    ("background", "message"),
    [
        ([(400, 450), (440, 500)], "overlap"),
        ([(400, 450), (400, 450)], "overlap"),
        ([(300, 450)], r"holds .* channels of the analysed range"),
        ([(400, 450), (500, 501)], "holds 2 channels"),
        ([(450, 400)], "450"),
        ([], "background"),
        ([(400, 450, 500)], "background"),
        ("before", "not understood"),
        ([("a", "b")], "background"),
    ],
)
def test_windows_that_cannot_be(background, message):
    with pytest.raises((ValueError, TypeError), match=message):
        pca(scene("power law"), background=background)


@pytest.mark.parametrize("shape", ["linear", "", None, "Power law"])
def test_shapes_that_are_none(shape):
    with pytest.raises((ValueError, TypeError), match="background_type"):
        pca(scene("power law"), background=(410, 520), background_type=shape)


@pytest.mark.parametrize("shape", ["auto", "power law", "exponential"])
def test_what_falls_needs_counts(shape):
    """A window whose mean is negative has no power law and no exponential; others can be."""
    s = edge_on_background()
    s.data -= 1000
    with pytest.raises(ValueError, match="positive energies and counts"):
        pca(s, background=(440, 520), background_type=shape)
    for other in ("polynomial", "offset"):
        assert pca(s, background=(440, 520), background_type=other).settings["background"].value


def test_background_of_energies_that_are_not_positive():
    """A power law has none there, as the message says; polynomial and exponential do."""
    rng = np.random.default_rng(4)
    shape = np.exp(-np.arange(200) / 90) + 0.5 * (np.arange(200) > 90)
    s = calibrated(rng.poisson(500 * shape, (8, 9, 200)).astype(float), "EELS_unmix", -60.0, 1.0)
    for falls in ("auto", "power law"):
        with pytest.raises(ValueError, match="background_type='polynomial'"):
            pca(s, background=(-50, 20), background_type=falls, low_loss=None)
    for other in ("exponential", "polynomial"):
        flat = preprocess(s, background=(-55, 25), background_type=other, low_loss=None)
        assert abs(array(flat)[..., :80].mean()) < 3
