"""How sure a result says it is, against how right it is."""

from dataclasses import replace

import hyperspy.api as hs
import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix import data
from hyperspy_unmix.analysis.chance import ChanceOfIndependent
from hyperspy_unmix.analysis.found_by import Independent
from hyperspy_unmix.analysis.separated import LEAST_STABLE
from hyperspy_unmix.numerics.corrections import extrapolation_error
from hyperspy_unmix.tests.scenes import array, component_first, two_phases

eager_and_lazy = pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
PHANTOMS = {
    "boundary": lambda: data.inclined_boundary(shape=(32, 32)),
    "sphere": lambda: data.sphere_on_substrate(shape=(32, 32)),
    "oxides": lambda: data.three_oxides(shape=(32, 32), counts=6e5),
}
ALONE = {"boundary", "oxides"}  # each phase is alone somewhere


def between(found, true):
    """Angle of two spectra in degrees."""
    cosine = found @ true / np.linalg.norm(found) / np.linalg.norm(true)
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


@pytest.fixture(scope="module", params=PHANTOMS)
def phantom(request):
    return request.param, PHANTOMS[request.param]()


def unmix(phantom, *given, **options):
    return hyperspy_unmix.unmix(phantom.signal, *given, low_loss=phantom.low_loss, **options)


def truth_of(result, phantom):
    """True spectra of integral one on the channels that count, and maps, in the result's order."""
    image = result.pca.prepared.image
    axis = phantom.signal.axes_manager.signal_axes[0]
    spectra = phantom.truth.spectra.data[:, image.blocks.channels] * axis.scale
    size = spectra.sum(1)
    maps = component_first(phantom.truth.maps).reshape(len(size), -1) * size[:, None]
    spectra = spectra / size[:, None] / axis.scale
    order = [int(np.argmin([between(s, t) for t in spectra])) for s in result.arrays.spectra]
    return spectra[order], maps[order]


def held(result, phantom):
    """Share of the channels and pixels within two standard deviations of the truth."""
    spectra, maps = truth_of(result, phantom)
    positions = result.pca.prepared.image.positions
    error = np.abs(result.spectra.data[:, positions] - spectra)
    inside = np.mean(error < 2 * result.spectra_uncertainty.data[:, positions])
    map_error = np.abs(result.maps.data.reshape(len(maps), -1) - maps)
    sd = result.maps_uncertainty.data.reshape(len(maps), -1)
    return inside, np.mean(map_error < 2 * sd)


def test_bands_hold_the_truth(phantom, monkeypatch):
    """Phantoms: 90 % of the channels and pixels at least within two standard deviations.

    Their backgrounds are power laws exactly: without the error of that assumption the others are
    95 %, and with it they do not grow much.
    """
    name, made = phantom
    assert min(held(unmix(made), made)) > 0.9
    if name in ALONE:
        u = unmix(made, assume="pure")
        assert all(0.92 < share < 0.99 for share in held(u, made))
        monkeypatch.setattr(extrapolation_error, "EXPONENT_CHANGE", 0.0)
        u = unmix(made, assume="pure")
        assert all(0.92 < share < 0.98 for share in held(u, made))


def test_truth_is_in_what_fits_as_well(phantom):
    """Phantoms: 94 % of the channels at least, granted two standard deviations of their noise."""
    _, made = phantom
    u = unmix(made)
    spectra, _ = truth_of(u, made)
    positions = u.pca.prepared.image.positions
    low, high = (s.data[:, positions] for s in (u.ambiguity.lower, u.ambiguity.upper))
    noise = 2 * np.sqrt(u.separated._noise)
    assert (low <= high).all()
    assert np.mean((spectra > low - noise) & (spectra < high + noise)) > 0.94
    assert (low <= u.spectra.data[:, positions] + 1e-12).all()
    assert (high >= u.spectra.data[:, positions] - 1e-12).all()


def test_too_many_are_flagged_and_real_ones_not(phantom):
    _, made = phantom
    number = len(made.truth.names)
    for more in (1, 2):
        u = unmix(made, number + more)
        spectra, _ = truth_of(u, made)
        real = np.array(
            [between(s, t) < 20 for s, t in zip(u.arrays.spectra, spectra, strict=True)]
        )
        assert real.sum() == number
        assert (u.stability[real] > 0.7).all()
        assert (u.stability[~real] < 0.1).all()
        rows = [line for line in repr(u).splitlines() if line.startswith("  ")]
        said = {line.split()[0] for line in rows if "not reproducible" in line}
        assert said == set(np.array(u.names)[~real])
        assert "UNSTABLE" in u._repr_html_()
        titles = [ax.get_title() for ax in u.plot_overview().axes]
        assert sum("UNSTABLE" in title for title in titles) == more


@eager_and_lazy
def test_the_same_bits(lazy):
    """Identity: the same signal, eager or lazy, twice."""
    first, second = (two_phases(lazy=lazy).unmix(3, store=False) for _ in range(2))
    np.testing.assert_array_equal(first.stability, second.stability)
    np.testing.assert_array_equal(first.maps_uncertainty.data, second.maps_uncertainty.data)
    np.testing.assert_array_equal(first.spectra_uncertainty.data, second.spectra_uncertainty.data)
    np.testing.assert_array_equal(first.ambiguity.shares, second.ambiguity.shares)


@pytest.mark.parametrize("options", [{}, {"assume": "pure"}, {"algorithm": "fastica"}])
def test_another_order_another_sign(options):
    """Identity: all findings go with their components; a reversed one turns the signs of shares."""
    u = unmix(PHANTOMS["oxides"](), **options)
    turned = u.reorder([2, 0, 1]).reverse(1)
    order = [2, 0, 1]
    np.testing.assert_array_equal(turned.stability, u.stability[order])
    np.testing.assert_allclose(
        turned.spectra_uncertainty.data, u.spectra_uncertainty.data[order], rtol=1e-9
    )
    np.testing.assert_allclose(
        turned.maps_uncertainty.data, u.maps_uncertainty.data[order], rtol=1e-6
    )
    np.testing.assert_allclose(
        turned.spectra_counts.get_noise_variance().data,
        u.spectra_counts.get_noise_variance().data[order],
        rtol=1e-6,
    )
    sign = np.array([1, -1, 1])
    both = u.ambiguity.shares[np.ix_(order, order)]
    flipped = np.outer(sign, sign)[..., None] < 0
    np.testing.assert_allclose(
        turned.ambiguity.shares, np.where(flipped, -both[..., ::-1], both), rtol=1e-9
    )
    lower = np.where(
        sign[:, None] < 0, -u.ambiguity.upper.data[order], u.ambiguity.lower.data[order]
    )
    np.testing.assert_allclose(turned.ambiguity.lower.data, lower, rtol=1e-9)


@eager_and_lazy
@pytest.mark.parametrize("shape", [(30,), (6, 7), (2, 3, 5)])
def test_signals_and_their_variance(shape, lazy):
    """The variance is the square of the standard deviation, of the shape of its signal."""
    u = two_phases(shape, lazy=lazy).unmix(2, store=False)
    for signal, sd in ((u.spectra, u.spectra_uncertainty), (u.maps, u.maps_uncertainty)):
        variance = signal.get_noise_variance()
        assert variance.data.shape == signal.data.shape == sd.data.shape
        np.testing.assert_allclose(variance.data, sd.data**2, rtol=1e-12)
        assert (sd.data > 0).all()
        assert [a.name for a in sd.axes_manager._axes] == [
            a.name for a in signal.axes_manager._axes
        ]
        assert "standard deviation" in sd.metadata.General.title
    one = u.spectra.inav[1]
    np.testing.assert_array_equal(
        one.get_noise_variance().data, u.spectra.get_noise_variance().data[1]
    )
    assert u.spectra_counts.get_noise_variance().data.shape == u.spectra.data.shape


def test_spectra_in_counts_and_their_errors():
    """Monte Carlo: 30 draws; the scatter of total spectra is that stated, to 25 %."""
    drawn, stated = [], []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        channel = np.arange(100)
        pure = np.exp(-0.5 * ((channel - np.array([30, 70])[:, None]) / 5) ** 2) + 0.02
        share = np.clip(np.linspace(-0.5, 1.5, 30), 0, 1)[:, None] * np.ones((30, 20))
        maps = np.stack([share, 1 - share], -1)
        s = hs.signals.Signal1D(rng.poisson(50 * maps @ pure))
        u = hyperspy_unmix.unmix(s, 2, assume="pure")
        order = np.argsort(u.spectra.data.argmax(1))
        drawn.append(u.spectra_counts.data[order])
        stated.append(u.spectra_counts.get_noise_variance().data[order])
    scatter, known = np.std(drawn, 0), np.sqrt(np.mean(stated, 0))
    assert np.sqrt(np.mean((scatter / known) ** 2)) == pytest.approx(1, rel=0.25)


def test_models_use_the_variance():
    """HyperSpy's own model: reduced chi-square about one where the spectrum is what is fitted."""
    u = two_phases((30, 30), dose=400.0).unmix(2, store=False)
    spectrum = u.spectra_counts.inav[0]
    model = spectrum.create_model()
    fixed = hs.model.components1D.ScalableFixedPattern(u.spectra_counts.inav[0])
    fixed.use_interpolation = False
    model.append(fixed)
    model.fit()
    assert model.red_chisq.data.squeeze() < 0.1
    noisy = u.spectra_counts.inav[0]
    sd = np.sqrt(noisy.get_noise_variance().data)
    noisy.data = noisy.data + sd * np.random.default_rng(0).standard_normal(sd.shape)
    model = noisy.create_model()
    model.append(fixed)
    model.fit()
    assert model.red_chisq.data.squeeze() == pytest.approx(1, abs=0.5)


@eager_and_lazy
def test_edges_are_fitted_to_spectra_with_hot_channels(lazy, tmp_path):
    """Truth: the same fit without the hot channels, to half of its errors; saved and loaded too.

    Two channels at 650 eV, on the lines of manganese, are less to fit to: 0.4 of an error.
    """
    found = []
    for hot in (False, True):
        phantom = data.inclined_boundary(shape=(16, 16))
        s, low_loss = phantom.signal, phantom.low_loss
        if hot:
            s.data[..., 500:502] = 50_000
        s, low_loss = (x.as_lazy() if lazy else x for x in (s, low_loss))
        spectrum = hyperspy_unmix.unmix(s, 2, low_loss=low_loss).spectra_counts.inav[0]
        assert np.isfinite(spectrum.data).all()
        spectrum.save(tmp_path / "spectrum.hspy", overwrite=True)
        for fitted in (spectrum, hs.load(tmp_path / "spectrum.hspy")):
            fitted.add_elements(["Mn", "O"])
            model = fitted.create_model(auto_background=False, GOS="hydrogenic")
            model.fit()
            edges = {edge.name: edge.intensity for edge in model}
            found.append([(edges[e].value, edges[e].std) for e in ("O_K", "Mn_L3")])
    reference, hot = np.array(found[:2]), np.array(found[2:])
    assert np.isfinite(hot).all()
    assert (np.abs(hot - reference)[..., 0] < 0.5 * reference[..., 1]).all()


def test_channels_left_out_have_no_weight():
    """Empty channels: zero in the spectrum, but not as if that were known; masked ones are NaN."""
    s = two_phases()
    s.data[..., :4] = 0
    mask = np.zeros(80, bool)
    mask[10] = True
    u = s.unmix(2, signal_mask=mask, store=False)
    variance = u.spectra.get_noise_variance().data
    assert np.isinf(variance[:, :4]).all()
    assert np.isnan(variance[:, 10]).all()
    assert np.isfinite(variance[:, 11:]).all()


@pytest.mark.parametrize(
    "options",
    [
        {"n_components": 1},
        {"n_components": 2, "refine": None},
        {"n_components": 2, "noise": "uniform"},
        {"n_components": 6},
        {"n_components": 2, "assume": "pure"},
        {"n_components": 3, "algorithm": "fastica"},
    ],
    ids=str,
)
def test_always_an_answer(options):
    """Finite numbers and a summary whatever was asked for."""
    u = two_phases().unmix(store=False, **options)
    n = options["n_components"]
    assert u.stability.shape == (n,)
    assert ((u.stability >= 0) & (u.stability <= 1)).all()
    for signal in (u.spectra_uncertainty, u.maps_uncertainty):
        assert np.isfinite(signal.data).all()
    assert u.ambiguity.shares.shape == (n, n, 2)
    assert np.isfinite(u.ambiguity.shares).all()
    assert "ambiguity" in repr(u.findings)
    assert "Rotational ambiguity" in repr(u.ambiguity)
    if n == 1:
        assert u.ambiguity.pairs == []


def test_channels_without_neighbours():
    """Every other channel masked, no derivative left: pure pixels still have an index."""
    mask = np.arange(80) % 2 == 0
    u = two_phases(dose=600.0).unmix(2, assume="pure", signal_mask=mask, store=False)
    assert np.isfinite(u.stability).all()
    assert np.isfinite(u.maps_uncertainty.data).all()


def test_noise_alone_is_unstable():
    """Poisson counts of a flat spectrum: two components asked for, the second of noise."""
    counts = np.random.default_rng(0).poisson(20, (20, 20, 60))
    u = hyperspy_unmix.unmix(hs.signals.Signal1D(counts), 2)
    assert u.stability.min() < LEAST_STABLE
    assert "not reproducible" in repr(u)


def test_sentence_names_components():
    u = unmix(PHANTOMS["sphere"]()).rename(["film", "sphere"])
    assert "sphere could contain" in u.ambiguity.sentence
    assert "of film" in u.ambiguity.sentence
    assert array(u.ambiguity.upper).shape == array(u.spectra).shape


def test_stability_is_of_the_component_it_stands_beside():
    """Whichever way the separation numbered its sources: the ICA's rows turned round."""
    u = unmix(PHANTOMS["sphere"](), n_components=3, assume="overlap")
    ica = u.separated.found_by
    turned = replace(u.separated, found_by=replace(ica, unmixing=ica.unmixing[::-1]))
    assert np.ptp(u.stability) > 0.5
    np.testing.assert_allclose(turned.stability, u.separated.stability, atol=1e-9)


def gradient(seed, spectra, low=0.2):
    """Two phases whose share rises evenly along the map, nowhere alone; and their spectra."""
    energy = np.arange(450.0, 850.0)

    def edge(onset, white, lines=()):
        x = energy - onset
        step = 0.5 * (1 + np.tanh(x)) * np.exp(-np.clip(x, 0, None) / 150)
        peaks = ((0.0, white), *lines)
        return step + sum(a * np.exp(-0.5 * ((x - 3 - d) / 1.5) ** 2) for d, a in peaks)

    true = np.array([sum(w * edge(*of) for w, *of in phase) for phase in spectra])
    true = true + 0.5 * (energy / 450) ** -3.0
    share = np.broadcast_to(np.linspace(low, 1 - low, 40), (40, 40))
    maps = np.stack([1 - share, share], -1)
    counts = np.random.default_rng(seed).poisson(60 * maps @ true)
    signal = hs.signals.Signal1D(counts.astype(float))
    signal.set_signal_type("unmix")
    return signal.unmix(2, store=False), true


FEW_EDGES = (
    ((0.5, 456.0, 1.0, ((6.0, 0.8),)), (0.3, 532.0, 1.2)),
    ((0.4, 640.0, 2.5, ((11.0, 1.2),)), (0.4, 534.0, 0.6)),
)


@pytest.mark.parametrize("seed", range(3))
def test_components_of_a_gradient_are_stable(seed):
    """Truth: two phases of few edges, found to five degrees.

    Without the part of the spectrum that holds an edge they would be others, but nobody measures
    without it.
    """
    u, true = gradient(seed, FEW_EDGES)
    angles = [min(between(found, t) for t in true) for found in u.spectra.data]
    assert max(angles) < 5
    assert u.stability.min() > 0.8


def test_runs_stay_as_physical_as_the_answer():
    """Truth: draws of the mixing are no more negative than noise, or than the answer itself."""
    u, _ = gradient(0, FEW_EDGES)
    separated = replace(u.separated, found_by=_independent_of(u))
    leading, _ = separated._separated
    signals = separated.detail.of(leading.components, separated._sd)
    chance = ChanceOfIndependent.of(separated.found_by, leading, signals)
    most = np.maximum(chance.mixture.negativity_ratios(np.eye(2)), 1)
    for generator in np.random.default_rng(0).spawn(20):
        scale = chance.norms / chance.norms[:, None]
        for row, mixed in enumerate((chance.draw(generator) - np.eye(2)) * scale):
            mixing = np.eye(2)
            mixing[row] += mixed
            assert (chance.mixture.negativity_ratios(mixing) <= most + 1e-9).all()


def _independent_of(result):
    """How an ICA found the components, whatever decided."""
    found = result.pca.ica(2, assume="overlap").separated.found_by
    assert isinstance(found, Independent)
    return found
