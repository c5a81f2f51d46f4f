"""Separation and normalisation against mixtures of known sources."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from hyperspy_unmix.numerics.separation import ica
from hyperspy_unmix.numerics.separation.ica import separate
from hyperspy_unmix.numerics.separation.sign_and_scale import LEAST_CONFIDENCE, normalise, signs

SAMPLES = 20_000


def mixture(n, seed, samples=SAMPLES):
    rng = np.random.default_rng(seed)
    sources = rng.laplace(size=(n, samples))
    mixing = rng.standard_normal((n, n)) + 2 * np.eye(n)
    return sources, mixing


def amari(product):
    """Distance of a matrix from a scaled permutation, 0 to 1 (Amari, Cichocki & Yang 1996)."""
    p = np.abs(product)
    n = len(p)
    rows = (p / p.max(1, keepdims=True)).sum() - n
    columns = (p / p.max(0, keepdims=True)).sum() - n
    return (rows + columns) / (2 * n * (n - 1))


def matched(product, atol):
    """Whether ``product`` is the unit matrix up to order, sign and scale."""
    p = np.abs(product) / np.abs(product).max(1, keepdims=True)
    order = p.argmax(1)
    assert sorted(order) == list(range(len(p)))
    np.testing.assert_allclose(p[:, order] - np.eye(len(p)), 0, atol=atol)


# ---------------------------------------------------------------------------------- separation


@pytest.mark.parametrize("algorithm", ["picard", "fastica"])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n", [2, 3, 6])
def test_mixed_laplacian_sources_are_recovered(n, seed, algorithm):
    """Truth: the mixing, up to order, sign and scale.

    An element's standard error is about 1/sqrt(samples) = 0.7 %; five of them.
    """
    sources, mixing = mixture(n, seed)
    found = separate(mixing @ sources, algorithm=algorithm)
    assert found.converged
    assert found.super_gaussian
    matched(found.unmixing @ mixing, 0.035)


def test_as_good_as_scikit_learns_fastica():
    """Independent library: not worse than FastICA (parallel, logcosh) by the Amari distance."""
    from sklearn.decomposition import FastICA

    ours, theirs = [], []
    for seed in range(4):
        sources, mixing = mixture(4, seed)
        signals = mixing @ sources
        ours.append(amari(separate(signals).unmixing @ mixing))
        ica = FastICA(whiten="unit-variance", random_state=0, tol=1e-6, max_iter=1000)
        theirs.append(amari(ica.fit(signals.T).components_ @ mixing))
    assert np.mean(ours) < 1.1 * np.mean(theirs)


def test_not_only_rotations():
    """Sources that are correlated by chance: the maximum of the likelihood is no rotation.

    At it, off-diagonal moments <tanh(y_i) y_j> vanish (the gradient), which those of a rotation
    of whitened signals do not.
    """
    sources, mixing = mixture(3, 0, samples=300)
    signals = mixing @ sources
    found = separate(signals)
    y = found.unmixing @ (signals - signals.mean(1, keepdims=True))
    gradient = np.tanh(y) @ y.T / 300 - np.eye(3)
    np.testing.assert_allclose(gradient, 0, atol=1e-6)
    assert np.abs(np.corrcoef(y) - np.eye(3)).max() > 1e-3


def test_objective_is_the_negative_mean_log_likelihood():
    """Closed form: mean of sum log(2 cosh y) less log |det|, for whitened signals."""
    sources, mixing = mixture(3, 1, samples=2000)
    signals = mixing @ sources
    found = separate(signals)
    centred = signals - signals.mean(1, keepdims=True)
    y = found.unmixing @ centred
    determinant = np.linalg.slogdet(found.unmixing)[1]
    whitening = -0.5 * np.linalg.slogdet(centred @ centred.T / 2000)[1]
    truth = np.log(2 * np.cosh(y)).sum(0).mean() - (determinant - whitening)
    assert found.objective == pytest.approx(truth, abs=1e-8)


def test_same_result_every_time_and_for_every_restart_seed():
    """Deterministic to the bit; other restarts find the same maximum (order and sign aside)."""
    sources, mixing = mixture(4, 2)
    signals = mixing @ sources
    one, two = separate(signals, 3), separate(signals, 3)
    np.testing.assert_array_equal(one.unmixing, two.unmixing)
    other = separate(signals, 4)
    matched(other.unmixing @ np.linalg.inv(one.unmixing), 1e-4)


def test_global_random_state_is_left_alone():
    """Neither read nor changed."""
    sources, mixing = mixture(3, 0, samples=2000)
    np.random.seed(1)  # noqa: NPY002
    first = separate(mixing @ sources).unmixing
    after = np.random.random()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    assert np.random.random() == after  # noqa: NPY002
    np.testing.assert_array_equal(first, separate(mixing @ sources).unmixing)


def test_scale_and_offset_of_the_signals_do_not_matter():
    """Closed form: ``unmixing @ signals`` is the same when a row is multiplied or shifted."""
    sources, mixing = mixture(3, 3)
    signals = mixing @ sources
    scale = np.array([1e-6, 1.0, 1e5])[:, None]
    plain = separate(signals).unmixing
    scaled = separate(scale * (signals + 7)).unmixing * scale.T
    matched(scaled @ np.linalg.inv(plain), 1e-4)


def test_one_component_is_itself():
    found = separate(np.random.default_rng(0).standard_normal((1, 50)))
    np.testing.assert_array_equal(found.unmixing, [[1.0]])
    assert found.converged


def test_input_is_not_modified():
    sources, mixing = mixture(3, 0, samples=500)
    signals = mixing @ sources
    signals.flags.writeable = False
    separate(signals)


FLAT = {
    "uniform": ["uniform", "uniform", "uniform"],
    "one uniform": ["laplace", "uniform", "laplace"],
    "two values": ["laplace", "two values", "uniform"],
}


def sources_of_kinds(kinds, seed, samples=SAMPLES):
    rng = np.random.default_rng(seed)
    # all of variance one
    draw = {
        "laplace": lambda: rng.laplace(size=samples) / np.sqrt(2),
        "uniform": lambda: rng.uniform(-np.sqrt(3), np.sqrt(3), samples),
        "two values": lambda: rng.choice([-1.0, 1.0], samples),
    }
    mixing = rng.standard_normal((len(kinds), len(kinds))) + 2 * np.eye(len(kinds))
    return np.stack([draw[kind]() for kind in kinds]), mixing


@pytest.mark.parametrize("algorithm", ["picard", "fastica"])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kinds", FLAT.values(), ids=FLAT)
def test_sources_flatter_than_a_gaussian_are_recovered(kinds, seed, algorithm):
    """Truth: the mixing, as for Laplacian sources; Picard goes on with sources of either kind."""
    sources, mixing = sources_of_kinds(kinds, seed)
    found = separate(mixing @ sources, algorithm=algorithm)
    assert found.converged
    assert not found.super_gaussian
    matched(found.unmixing @ mixing, 0.035)


def test_uncorrelated_sources_where_one_is_flat():
    """Closed form: an orthogonal unmixing of whitened signals leaves no correlation."""
    sources, mixing = sources_of_kinds(FLAT["one uniform"], 0, samples=2000)
    signals = mixing @ sources
    y = separate(signals).unmixing @ signals
    np.testing.assert_allclose(np.cov(y, bias=True), np.eye(3), atol=1e-8)


def test_mean_log_cosh_of_a_gaussian():
    """Independent library: scipy's quadrature."""
    truth = quad(lambda x: norm.pdf(x) * np.logaddexp(x, -x), -12, 12)[0]
    assert pytest.approx(truth, abs=1e-5) == ica.GAUSSIAN_LOG_COSH


@pytest.mark.parametrize("algorithm", ["picard", "fastica"])
def test_objective_of_uncorrelated_sources_is_their_distance_from_a_gaussian(algorithm):
    """Closed form: the sum of the differences of mean log(2 cosh y) from that of a Gaussian."""
    sources, mixing = sources_of_kinds(FLAT["two values"], 1, samples=2000)
    signals = mixing @ sources
    found = separate(signals, algorithm=algorithm)
    y = found.unmixing @ (signals - signals.mean(1, keepdims=True))
    truth = -np.abs(np.log(2 * np.cosh(y)).mean(1) - ica.GAUSSIAN_LOG_COSH).sum()
    assert found.objective == pytest.approx(truth, abs=1e-6)
    # a rotation by a few degrees away from it is worse
    for i, j in [(0, 1), (0, 2), (1, 2)]:
        turn = np.eye(3)
        turn[[i, i, j, j], [i, j, i, j]] = np.cos(0.05), -np.sin(0.05), np.sin(0.05), np.cos(0.05)
        worse = np.log(2 * np.cosh(turn @ y)).mean(1) - ica.GAUSSIAN_LOG_COSH
        assert -np.abs(worse).sum() > found.objective


@pytest.mark.parametrize("algorithm", ["picard", "fastica"])
@pytest.mark.parametrize("kinds", [["laplace"] * 3, FLAT["one uniform"]], ids=["peaked", "flat"])
def test_twenty_seeds_give_the_same_components(kinds, algorithm):
    """Truth: the first seed's; order and sign aside, to the algorithms' own tolerance."""
    sources, mixing = sources_of_kinds(kinds, 5, samples=3000)
    signals = mixing @ sources
    back = np.linalg.inv(separate(signals, 0, algorithm).unmixing)
    for seed in range(1, 20):
        found = separate(signals, seed, algorithm)
        assert found.converged
        matched(found.unmixing @ back, 2e-3)


@pytest.mark.parametrize("algorithm", ["picard", "fastica"])
def test_too_few_steps_are_reported_and_not_warned_about(algorithm, monkeypatch, recwarn):
    """No silent failure: one step does not do, and the caller is told in the result alone."""
    sources, mixing = mixture(4, 1, samples=1000)
    monkeypatch.setattr(ica, "MOST_ITERATIONS", 1)
    found = separate(mixing @ sources, algorithm=algorithm)
    assert not found.converged
    assert np.isfinite(found.unmixing).all()
    assert not recwarn.list


@pytest.mark.parametrize(
    "runs, expected",
    [
        ([(True, 2.0), (True, 1.0), (True, 3.0)], 1),
        ([(False, 0.0), (True, 5.0), (False, -1.0)], 1),  # what converged before what did not
        ([(False, 2.0), (False, 1.0)], 1),
        ([(True, 1.0 + 3e-8), (True, 1.0 - 3e-8), (True, 1.0)], 0),  # equal up to rounding
    ],
)
def test_the_likeliest_restart_is_taken(runs, expected):
    """Closed form: converged before not, then the least objective, then the earliest."""
    given = [ica.Separation(np.full((1, 1), i), *run) for i, run in enumerate(runs)]
    found = ica._find_likeliest(
        lambda _, start: given[int(start[0, 0])], None, [g.unmixing for g in given]
    )
    assert found is given[expected]


# ------------------------------------------------------------------------------- normalisation

N, M = 200, 60


def scene(seed=0):
    """Positive spectra and maps, hidden in components as a PCA and an ICA leave them."""
    rng = np.random.default_rng(seed)
    channel = np.arange(M)
    centres = np.array([12, 30, 48])[:, None]
    spectra = np.exp(-(((channel - centres) / 5.0) ** 2)) + 0.05
    maps = rng.uniform(0, 1, (N, 3)) * [10, 1000, 100]
    mixing = rng.standard_normal((3, 3)) + np.eye(3)
    scores, components = maps @ np.linalg.inv(mixing), mixing @ spectra
    unmixing = np.diag([-3.0, 0.2, -0.01]) @ np.linalg.inv(mixing)
    return spectra, maps, scores, components, unmixing


def run(scores, components, unmixing, width=None, component_sd=None, sd=None):
    return normalise(
        scores,
        components,
        unmixing,
        np.ones(M) if width is None else width,
        np.full(len(components), 1e-6) if component_sd is None else component_sd,
        np.ones(M) if sd is None else sd,
    )


@pytest.mark.parametrize("uneven", [False, True])
def test_signs_scales_and_order(uneven):
    """Truth: the scene: positive, integral one, most counts first."""
    spectra, maps, *hidden = scene()
    width = np.linspace(0.2, 3, M) if uneven else np.full(M, 0.5)
    found = run(*hidden, width=width)
    order = [1, 2, 0]
    counts = spectra.sum(1)
    np.testing.assert_allclose(found.spectra, (spectra / width / counts[:, None])[order], rtol=1e-8)
    np.testing.assert_allclose(found.maps, (maps * counts)[:, order], rtol=1e-7)
    np.testing.assert_allclose(found.spectra @ width, 1)
    assert found.unit_integral.all()
    np.testing.assert_allclose(found.confidence, 1)


@pytest.mark.parametrize("uneven", [False, True])
@pytest.mark.parametrize("positive", [False, True])
def test_product_and_unmixing_stay_consistent(uneven, positive):
    """Identities of the docstring: counts unchanged, unmixing gives spectra times width."""
    rng = np.random.default_rng(3)
    _, _, scores, components, unmixing = scene()
    if not positive:
        scores, components = rng.standard_normal((N, 3)), rng.standard_normal((3, M))
    width = rng.uniform(0.5, 2, M) if uneven else np.full(M, 0.1)
    found = run(scores, components, unmixing, width=width, component_sd=np.ones(3))
    np.testing.assert_allclose(
        found.maps @ (found.spectra * width), scores @ components, atol=1e-9 * np.abs(scores).max()
    )
    np.testing.assert_allclose(found.unmixing @ components, found.spectra * width, atol=1e-10)
    rounding = 1e-9 * np.abs(scores).max()
    np.testing.assert_allclose(found.maps @ found.unmixing, scores, atol=rounding)


def test_spectra_without_an_integral_have_norm_one():
    """Closed form: an integral within three standard deviations of zero cannot be a scale."""
    channel = np.arange(M)
    peak = np.exp(-(((channel - 30) / 6.0) ** 2))
    wave = np.sin(2 * np.pi * channel / M)
    components = np.stack([peak, wave])
    scores = np.random.default_rng(0).uniform(1, 2, (N, 2))
    width = np.full(M, 0.5)
    found = run(scores, components, np.eye(2), width=width, component_sd=np.full(2, 1e-3))
    np.testing.assert_array_equal(found.unit_integral, [True, False])
    np.testing.assert_allclose(found.spectra[0] @ width, 1)
    np.testing.assert_allclose(np.sum(found.spectra[1] ** 2), 1)


@pytest.mark.parametrize("times, expected", [(2.7, False), (3.3, True)])
def test_three_standard_deviations_of_the_integral(times, expected):
    """Closed form: sd of the sum is the root of the sum of the channels' variances."""
    components = np.stack([np.full(M, 2.0), np.sin(np.arange(M))])
    unmixing = np.array([[0.5, 0.0], [0.3, 1.0]])
    sd = np.linspace(0.5, 2, M)
    # first spectrum: 0.5 times component 0, so its noise is half of that of the component
    noise = M * 1.0 / (times * np.sqrt(np.sum(sd**2)) * 0.5)
    scores = np.random.default_rng(0).uniform(1, 2, (N, 2)) @ unmixing
    found = run(scores, components, unmixing, component_sd=np.array([noise, 1e-9]), sd=sd)
    flat = np.argmin(np.ptp(found.spectra, axis=1))
    assert found.unit_integral[flat] == expected


def test_sign_is_decided_by_spectrum_and_map_together():
    """Closed form: positivity p and q give the sign of p + q and a confidence of |p + q| / 2.

    A difference spectrum with as much below as above zero says nothing; its positive map does.
    """
    spectrum = np.where(np.arange(M) % 2 == 0, 1.0, -1.0)
    spectrum[0] = 3.0  # power 9 + 29 above, 30 below
    positivity = 8 / 68
    for sign in (1, -1):
        scores = -sign * np.random.default_rng(0).uniform(1, 2, (N, 1))
        found = run(scores, sign * spectrum[None], np.eye(1))
        assert (found.maps > 0).all()
        assert found.confidence[0] == pytest.approx((1 - positivity) / 2)


def test_sign_counts_spectra_in_units_of_their_noise():
    """Closed form: a large negative value in a noisy channel does not decide."""
    spectrum = np.ones((1, M))
    spectrum[0, 5] = -50.0
    sd = np.ones(M)
    sd[5] = 1000.0
    maps = np.random.default_rng(0).choice([-1.0, 1.0], (N, 1))
    maps[: N // 2], maps[N // 2 :] = 1, -1  # says nothing
    found = run(maps, spectrum, np.eye(1), sd=sd)
    assert found.spectra[0, 0] > 0
    assert run(maps, spectrum, np.eye(1)).spectra[0, 0] < 0


def test_order_is_by_the_size_of_the_counts():
    """Closed form: a positive spectrum whose map is mostly negative counts with their number."""
    spectra, scores = np.eye(3, M) + 1, np.full((N, 3), [30.0, 1.0, 10.0])
    scores[:, 0] = np.where(np.arange(N) % 10 == 0, 90.0, -30.0)
    found = run(scores, spectra, np.eye(3))
    counts = found.maps.sum(0)
    assert counts[0] < 0
    np.testing.assert_allclose(np.abs(counts), np.array([18, 10, 1]) * N * (M + 1))


def test_order_is_falling():
    """Truth: the scene's own counts."""
    spectra, maps, scores, components, unmixing = scene()
    found = run(scores, components, unmixing)
    share = np.abs(found.maps.sum(0) * found.spectra.sum(1))
    assert (np.diff(share) <= 0).all()
    assert share[0] == pytest.approx(maps[:, 1].sum() * spectra[1].sum())


def test_single_component():
    """One component is kept, with the integral one."""
    spectrum = np.linspace(1, 2, M)[None]
    found = run(np.full((N, 1), -4.0), spectrum * -1, np.eye(1), width=np.full(M, 2.0))
    np.testing.assert_allclose(found.spectra @ np.full(M, 2.0), 1)
    np.testing.assert_allclose(found.maps, 4 * spectrum.sum())


# ------------------------------------------------------------------ single components, by hand


def test_signs_against_their_closed_form():
    """Closed form: shares of the power, (above - below) / all, averaged over spectrum and map."""
    spectra = np.array([[3.0, -1.0, 0.0], [-2.0, -1.0, 1.0], [1.0, 2.0, 5.0]])
    maps = np.array([[1.0, -3.0, -1.0], [1.0, 1.0, -2.0]])
    sd = np.array([1.0, 1.0, 2.0])
    sign, evidence = signs(spectra, maps, sd)
    truth = [
        ((9 - 1) / 10 + 1) / 2,
        ((-4 - 1 + 0.25) / 5.25 + (-9 + 1) / 10) / 2,
        (1 - 1) / 2,
    ]
    np.testing.assert_allclose(evidence, truth, atol=1e-15)
    np.testing.assert_array_equal(sign, [1, -1, 1])


@pytest.mark.parametrize("flip", [1, -1])
def test_signs_that_are_not_clear_are_those_of_a_positive_spectrum(flip):
    """Closed form: evidence of ``(0.1 +- 0.1) / 2`` is below the limit, and the integral decides.

    Many small positive channels and one large negative one: a positive integral, a power of -0.1.
    """
    spectrum = np.ones((1, 91))
    spectrum[0, 0] = -np.sqrt(110)
    maps = flip * np.where(np.arange(20) < 11, 1.0, -1.0)[:, None]
    sign, evidence = signs(spectrum, maps, np.ones(91))
    assert evidence[0] == pytest.approx((-0.1 + flip * 0.1) / 2)
    assert abs(evidence[0]) < LEAST_CONFIDENCE
    assert sign[0] == 1
    assert signs(-spectrum, maps, np.ones(91))[0][0] == -1


def test_signs_turn_with_the_components():
    """Identity: turning spectrum and map together turns sign and evidence, and nothing else."""
    rng = np.random.default_rng(0)
    spectra, maps, sd = rng.standard_normal((5, 30)), rng.standard_normal((40, 5)), np.ones(30)
    spectra[:3], maps[:, :3] = np.abs(spectra[:3]), np.abs(maps[:, :3])
    sign, evidence = signs(spectra, maps, sd)
    again, opposite = signs(-spectra, -maps, sd)
    np.testing.assert_array_equal(again, -sign)
    np.testing.assert_allclose(opposite, -evidence)


def test_nothing_at_all_has_a_positive_sign():
    """A spectrum and a map of zeros: no division by zero."""
    sign, evidence = signs(np.zeros((1, 5)), np.zeros((4, 1)), np.ones(5))
    assert (sign[0], evidence[0]) == (1, 0)


FIELDS = ("spectra", "maps", "unmixing", "confidence", "unit_integral")


def three():
    _, _, *hidden = scene()
    return run(*hidden, width=np.full(M, 0.5)), hidden[0] @ hidden[1]


@pytest.mark.parametrize("order", [[2, 0, 1], [1], [0, 2], [0, 1, 2]])
def test_taken(order):
    """Closed form: row i of everything is row order[i] of before; maps have columns instead."""
    whole, _ = three()
    before = {name: getattr(whole, name).copy() for name in FIELDS}
    part = whole.select_components(order)
    for name in FIELDS:
        axis = 1 if name == "maps" else 0
        np.testing.assert_array_equal(getattr(part, name), before[name].take(order, axis))
        np.testing.assert_array_equal(getattr(whole, name), before[name])


@pytest.mark.parametrize("component", [0, 1, 2])
def test_reversed(component):
    """Closed form: minus one spectrum, map and row of the unmixing; the counts stay."""
    whole, product = three()
    before = {name: getattr(whole, name).copy() for name in FIELDS}
    turned = whole.reversed(component)
    sign = np.where(np.arange(3) == component, -1, 1)
    np.testing.assert_array_equal(turned.spectra, whole.spectra * sign[:, None])
    np.testing.assert_array_equal(turned.maps, whole.maps * sign)
    np.testing.assert_array_equal(turned.unmixing, whole.unmixing * sign[:, None])
    np.testing.assert_allclose(
        turned.maps @ (turned.spectra * 0.5), product, atol=1e-9 * np.abs(product).max()
    )
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(whole, name), before[name])


def test_reversed_twice_is_what_it_was():
    """Identity, for everything that is known of a component."""
    whole, _ = three()
    again = whole.reversed(1).reversed(1)
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(again, name), getattr(whole, name))


def test_of_runs_that_agree_the_first_and_of_others_the_likeliest():
    """Definition: objectives closer than a millionth are one maximum, found again."""

    def chosen(*objectives, converged=(True, True)):
        runs = iter(
            ica.Separation(np.eye(2), done, objective, True)
            for objective, done in zip(objectives, converged, strict=True)
        )
        return ica._find_likeliest(
            lambda *_: next(runs), np.zeros((2, 3)), [np.eye(2)] * 2
        ).objective

    assert chosen(0.3000004, 0.3000001) == 0.3000004
    assert chosen(0.300004, 0.300001) == 0.300001
    assert chosen(0.2, 0.3) == 0.2
    # one that has not converged is the last choice
    assert chosen(0.2, 0.3, converged=(False, True)) == 0.3
