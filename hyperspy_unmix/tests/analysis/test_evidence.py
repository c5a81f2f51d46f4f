"""What the data speak for: small scenes of every kind against their true spectra, nothing told."""

import hyperspy.api as hs
import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

import hyperspy_unmix
from hyperspy_unmix.analysis.evidence_finding import EvidenceFinding
from hyperspy_unmix.analysis.found_by import BesideAlone
from hyperspy_unmix.numerics.certainty.evidence import Evidence
from hyperspy_unmix.numerics.separation.corner_population import CornerPopulation
from hyperspy_unmix.settings import finding_of

N = 40
X = np.arange(256.0)


def peak(centre, width):
    return np.exp(-0.5 * ((X - centre) / width) ** 2)


def scene(maps, spectra, dose=5000, seed=0):
    """A signal of Poisson counts, ``dose`` in the mean pixel."""
    expected = maps @ np.asarray(spectra)
    expected *= dose / expected.sum(-1).mean()
    signal = hs.signals.Signal1D(np.random.default_rng(seed).poisson(expected).astype("float32"))
    signal.set_signal_type("unmix")
    return signal


def ramp(low=0.0, high=1.0):
    share = low + (high - low) * np.mgrid[:N, :N][1] / (N - 1)
    return np.stack([1 - share, share], -1)


def stripes(k):
    """Phases side by side, each alone in its stripe, mixed over four pixels."""
    x = np.mgrid[:N, :N][1] * k / N
    shares = np.stack([np.clip(1 - np.abs(x - 0.5 - i) * 1.4 + 0.4, 0, 1) for i in range(k)], -1)
    return shares / shares.sum(-1, keepdims=True)


def particles():
    y, x = np.mgrid[:N, :N]
    places = ((12, 13, 7), (28, 26, 9), (10, 31, 6))
    height = sum(
        np.sqrt(np.clip(r**2 - (y - a) ** 2 - (x - b) ** 2, 0, None)) for a, b, r in places
    )
    return np.stack([np.ones((N, N)), height / 8], -1)


LINES = [sum(peak(c, 2.5) for c in centres) + 0.02 for centres in ((40, 90, 200), (60, 140, 230))]
SHARED = [
    peak(40, 3) * a + peak(90, 3) * b + peak(150, 3) * c + peak(210, 3) * d + 0.03
    for a, b, c, d in ((2, 1, 0, 1), (2, 0, 1, 1.2), (0.3, 1.5, 1, 2))
]
EDGE = 1 / (1 + np.exp(-(X - 120) / 0.8)) * 0.4
VALENCES = [EDGE + sum(peak(c + shift, 2.2) for c in (124, 150)) for shift in (0.0, 3.0)]
SCENES = {
    # maps, spectra, verdicts that are right
    "flat with a peak, ramp": (ramp(), [np.ones(256), 4 * peak(120, 6)], "pure"),
    "exponential with a peak, ramp": (
        ramp(),
        [3 * np.exp(-X / 80), 1.5 * np.exp(-X / 80) + 2 * peak(120, 6)],
        "pure",
    ),
    "broad bands side by side": (stripes(3), [peak(c, 40) for c in (80, 128, 170)], "pure"),
    "lines that phases share": (stripes(3), SHARED, "pure"),
    "two valences": (stripes(2), VALENCES, "pure"),
    "gradient that ends in mixtures": (ramp(0.2, 0.8), LINES, "independent"),
    "particles on a film": (particles(), LINES, "independent"),
}
WRONG_OTHERWISE = (
    *("flat with a peak, ramp", "lines that phases share", "two valences"),
    *("gradient that ends in mixtures", "particles on a film"),
)


def angles(result, spectra):
    found = np.asarray(result.spectra.data)
    unit = [s / np.linalg.norm(s, axis=1, keepdims=True) for s in (found, np.asarray(spectra))]
    angle = np.degrees(np.arccos(np.clip(unit[1] @ unit[0].T, -1, 1)))
    return angle[linear_sum_assignment(angle)]


@pytest.fixture(scope="module")
def unmixed():
    made = {}

    def unmix(name):
        if name not in made:
            maps, spectra, _ = SCENES[name]
            made[name] = hyperspy_unmix.unmix(scene(maps, spectra), background=None)
        return made[name]

    return unmix


@pytest.mark.parametrize("name", SCENES)
def test_the_right_assumption_without_being_told(name, unmixed):
    """Phantom: the true spectra; noise alone gives about one degree at these counts."""
    _, spectra, right = SCENES[name]
    result = unmixed(name)
    assert result.n_components == len(spectra)
    assert angles(result, spectra).max() < 4
    verdict = finding_of(result.separated.findings, EvidenceFinding).verdict
    assert (verdict == "independent") == (right == "independent")
    if name in WRONG_OTHERWISE:
        other = "pure" if right == "independent" else "overlap"
        assert angles(result.alternatives[other], spectra).max() > 6


@pytest.mark.parametrize("name", SCENES)
def test_no_share_is_absurd(name, unmixed):
    """Truth: shares of counts are between nothing and all, but for a twentieth of noise."""
    result = unmixed(name)
    shares = result.maps.data.sum((1, 2)) / result.maps.data.sum()
    assert (shares > -0.05).all()
    assert (shares < 1.05).all()


def test_what_decided_is_said(unmixed):
    """Truth: the facts in the finding, for each component in the order of the result."""
    result = unmixed("particles on a film")
    finding = finding_of(result.separated.findings, EvidenceFinding)
    text = result.settings["assume"].reason
    film = int(np.argmax(finding.is_alone))
    assert isinstance(result.separated.found_by, BesideAlone)
    assert finding.is_alone == tuple(i == film for i in range(2))
    assert f"alone in many pixels: {film} in {finding.alone_pixels[film]:,};" in text
    assert f"not seen alone, by independence: {1 - film};" in text
    # As many pixels hold no particle at all.
    empty = int(np.sum(particles()[..., 1] == 0))
    assert finding.alone_pixels[film] == pytest.approx(empty, rel=0.1)


def test_errors_and_stability_of_phases_that_are_alone_beside_others(unmixed):
    """Phantom: 95 % of the channels are expected within two standard deviations, 85 are asked."""
    result = unmixed("particles on a film")
    _, spectra, _ = SCENES["particles on a film"]
    truth = np.asarray(spectra) / np.sum(spectra, axis=1, keepdims=True)
    found, sd = np.asarray(result.spectra.data), np.asarray(result.spectra_uncertainty.data)
    order = np.argmax(found @ truth.T, 1)
    within = np.abs(found - truth[order]) < 2 * sd
    assert within.mean(1).min() > 0.85
    assert (result.stability > 0.5).all()


def test_alternatives_are_what_the_assumptions_give(unmixed):
    """Truth: the same call with the assumption told."""
    name = "particles on a film"
    maps, spectra, _ = SCENES[name]
    for assumed, result in unmixed(name).alternatives.items():
        told = hyperspy_unmix.unmix(scene(maps, spectra), background=None, assume=assumed)
        np.testing.assert_allclose(result.spectra.data, told.spectra.data, rtol=1e-6, atol=1e-12)


def test_no_alternatives_of_several_signals_together():
    """Stated: the advice is to call again."""
    signal = scene(stripes(2), LINES)
    together = hyperspy_unmix.unmix([signal, signal], background=None)
    with pytest.raises(ValueError, match="call unmix again with assume"):
        _ = together[0].alternatives


def test_few_channels_leave_pure_pixels():
    """Stated fallback: a derivative needs neighbours; two of three channels have none."""
    signal = scene(stripes(2), LINES)
    mask = np.ones(256, bool)
    mask[[38, 40, 42, 60, 62, 64]] = False
    result = hyperspy_unmix.unmix(signal, 2, background=None, signal_mask=mask)
    assert "too few channels" in result.settings["assume"].reason


def test_a_corner_that_independence_denies_is_not_held():
    """Rule: particles of one size gather pixels at a mixture, which is no phase."""
    corners = {"share": (0.3, 0.1), "ratio": (50, 9)}
    for turns, held in (((1.0, 5.0), [True, True]), ((1.0, 30.0), [True, False])):
        assert evidence(turns=np.array(turns), **corners).held.tolist() == held


def evidence(**changes):
    """Two corners at which nothing gathers, and an ICA without fault."""
    population = CornerPopulation(
        share=np.array(changes.pop("share", (0.0, 0.0))),
        likelihood_gain=np.array(changes.pop("gain", (0.0, 0.0))),
        density_ratio=np.array(changes.pop("ratio", (1.0, 1.0))),
        pixels=changes.pop("pixels", 0),
    )
    fields = dict(
        population=population,
        nearest=np.array([0, 1]),
        turns=np.array([5.0, 20.0]),
        ica_error=5.0,
        ica_negativity=1.0,
        pure_negativity=1.0,
        ica_moved=0.0,
        variation=1.0,
        pure_variation=1.0,
    )
    return Evidence(**(fields | changes))


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "independent"),
        ({"share": (0.3, 0.2), "ratio": (50, 9)}, "alone"),
        ({"share": (0.3, 0.2), "ratio": (50, 9), "pure_least_share": -0.1}, "impossible"),
        ({"share": (0.3, 0.0), "ratio": (50, 1)}, "independent"),
        ({"share": (0.3, 0.0), "ratio": (50, 1), "turns": np.array([30.0, 1.0])}, "independent"),
        (
            {
                "share": (0.3, 0.1),
                "ratio": (50, 1),
                "gain": (99, 99),
                "turns": np.array([30.0, 1.0]),
            },
            "refuted",
        ),
        (
            {"share": (0.3, 0.1), "ratio": (50, 9), "turns": np.array([30.0, 20.0])},
            "alone",
        ),
        ({"ica_negativity": 50.0}, "contradictory"),
        ({"ica_negativity": 50.0, "pure_negativity": 40.0}, "independent"),
        ({"ica_error": 50.0}, "uninformed"),
        (
            {"ica_error": 50.0, "variation": 0.05, "share": (0.3, 0.0), "ratio": (50, 1)},
            "independent",
        ),
        ({"ica_moved": 12.0}, "independent"),
        ({"ica_moved": 12.0, "share": (0.1, 0.1), "gain": (20, 20)}, "strained"),
        ({"turns": np.array([40.0, 5.0]), "share": (0.05, 0.02)}, "extrapolated"),
        ({"turns": np.array([40.0, 5.0]), "share": (0.05, 0.0)}, "independent"),
        (
            {"turns": np.array([40.0, 5.0]), "share": (0.05, 0.0), "ica_error": 16.0},
            "extrapolated",
        ),
        (
            {
                "turns": np.array([40.0, 5.0]),
                "share": (0.05, 0.0),
                "ica_error": 16.0,
                "variation": 0.2,
            },
            "independent",
        ),
        ({"turns": np.array([25.0, 5.0]), "share": (0.05, 0.02)}, "independent"),
        (
            {"turns": np.array([40.0, 5.0]), "share": (0.05, 0.02), "variation": 0.2},
            "independent",
        ),
        (
            {"turns": np.array([40.0, 5.0]), "share": (0.05, 0.02), "pure_negativity": 13.0},
            "independent",
        ),
        (
            {
                "turns": np.array([40.0, 5.0]),
                "share": (0.05, 0.1),
                "gain": (3, 0),
                "pixels": 1000,
            },
            "extrapolated",
        ),
        (
            {
                "turns": np.array([40.0, 20.0]),
                "share": (0.05, 0.1),
                "gain": (3, 0),
                "pixels": 1000,
            },
            "independent",
        ),
        ({"turns": np.array([1.0, 1.0]), "share": (0.1, 0.1), "gain": (20, 20)}, "alike"),
    ],
)
def test_verdicts(changes, verdict):
    """Truth: the rules as the theory page states them."""
    assert evidence(**changes).verdict == verdict


@pytest.mark.parametrize(
    ("changes", "is_clear"),
    [
        # pixels may be at both corners, and nothing contradicts either answer
        ({"share": (0.1, 0.1)}, False),
        ({"share": (0.1, 0.0)}, True),
        ({"share": (0.1, 0.1), "pure_negativity": 13.0}, True),
        ({"share": (0.3, 0.2), "ratio": (50, 9)}, True),
        ({"ica_error": 50.0}, False),
        ({"pure_least_share": -0.1}, True),
        # neither answer can be
        ({"pure_least_share": -0.1, "ica_negativity": 50.0}, False),
    ],
)
def test_what_decides_clearly(changes, is_clear):
    """Truth: the rules as the theory page states them."""
    assert evidence(**changes).is_clear == is_clear


def islands_on_a_film():
    """Truth: a film without detail everywhere, and islands of two kinds on it."""
    y, x = np.mgrid[:N, :N]
    height = [np.exp(-((y - a) ** 2 + (x - b) ** 2) / 40) for a, b in ((10, 12), (27, 29))]
    maps = np.stack([np.ones((N, N)), *(np.where(h > 0.05, h, 0) for h in height)], -1)
    film = np.full(len(X), 0.5)
    spectra = [film, peak(100, 5) + 0.6 * peak(180, 8), peak(140, 6) + 0.5 * peak(182, 8)]
    return scene(maps, spectra), spectra


def test_a_film_that_may_lie_under_others_is_said_with_what_to_type():
    """Truth: the film's spectrum is in all pixels. As it is said, the islands come out alone."""
    signal, spectra = islands_on_a_film()
    u = signal.unmix(3)
    (name,) = [name for name in u.findings if name.startswith("WARNING: component")]
    film = int(name.split()[-1])
    assert (
        angles(u, [spectra[0]]).min() < 3 and f"u.spectra.inav[{film}]" in u.findings[name].reason
    )
    told = signal.unmix(3, known={"film": u.spectra.inav[film]})
    assert angles(told, spectra).max() < angles(u, spectra).max() / 3
    assert not [name for name in told.findings if name.startswith("WARNING: component")]


@pytest.mark.parametrize("name", SCENES)
def test_a_film_is_suspected_only_of_spectra_without_detail(name, unmixed):
    """Truth: the exponential may lie under its peak, all others have detail or nothing on them."""
    suspected = any(key.startswith("WARNING: component") for key in unmixed(name).findings)
    assert suspected == (name == "exponential with a peak, ramp")
