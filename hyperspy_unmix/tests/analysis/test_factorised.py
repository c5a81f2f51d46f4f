"""NMF and MCR-ALS as a user asks for them: the same result object, honest about its start."""

import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix.analysis.factorisation_finding import FactorisationFinding
from hyperspy_unmix.settings import finding_of
from hyperspy_unmix.tests.analysis.test_separation import angles
from hyperspy_unmix.tests.scenes import (
    PHASES,
    array,
    calibrated,
    counts,
    edge_on_background,
    two_phases,
)

ALGORITHMS = ["nmf", "mcr-als"]
every = pytest.mark.parametrize("algorithm", ALGORITHMS)


@pytest.fixture(scope="module")
def pca():
    return two_phases().pca(2)


@every
def test_non_negative_and_right(pca, algorithm):
    """Truth: the planted phases, within four stated errors; counts as well described as by ICA."""
    u, ica = pca.ica(algorithm=algorithm), pca.ica()
    assert u.spectra.data.min() >= 0
    assert u.maps.data.min() >= 0
    found = angles(u.spectra.data, PHASES)
    assert (found < 4 * np.maximum(u.separated.mixing_degrees, 0.5)).all()
    chi_square = [float(np.nanmean(array(one.reduced_chi_square))) for one in (u, ica)]
    assert chi_square[0] == pytest.approx(chi_square[1], abs=0.02)
    assert (u.stability > 0.5).all()
    assert u.settings["algorithm"].value in ("NMF, Kullback-Leibler", "MCR-ALS")
    assert "ica" not in u.settings
    assert f'algorithm="{algorithm}"' in u.code.replace("'", '"')


@every
def test_the_same_every_time(pca, algorithm):
    first, second = (pca.ica(algorithm=algorithm) for _ in range(2))
    np.testing.assert_array_equal(first.maps.data, second.maps.data)


@every
def test_assume_says_where_it_starts(pca, algorithm):
    for assume, words in (("pure", "purest pixels"), ("overlap", "ICA")):
        u = pca.ica(algorithm=algorithm, assume=assume)
        assert words in str(u.settings["start"].value)
        assert "asked for" in u.settings["start"].reason
    both = pca.ica(algorithm=algorithm)
    finding = finding_of(both.separated.findings, FactorisationFinding)
    assert finding.other_misfit is not None
    assert set(both.alternatives) == {"pure", "overlap"}
    assert all("algorithm" in one.settings for one in both.alternatives.values())


def test_one_component(algorithm="mcr-als"):
    u = two_phases().unmix(1, algorithm=algorithm, store=False)
    assert u.n_components == 1
    assert u.maps.data.min() >= 0


@every
def test_together(algorithm):
    results = hyperspy_unmix.unmix(
        [two_phases(), calibrated(counts(seed=9))], 2, algorithm=algorithm
    )
    assert all(array(u.maps).min() >= 0 for u in results)
    np.testing.assert_array_equal(results[0].spectra.data, results[1].spectra.data)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"known": {"a": (0, 0, 3, 3)}}, "takes no known"),
        ({"refine": None}, "nothing to refine"),
        ({"noise": "uniform"}, 'not that of counts.*mcr-als.*noise="poisson"'),
    ],
)
def test_what_does_not_go_together(options, words):
    with pytest.raises(ValueError, match=words):
        two_phases().unmix(2, algorithm="nmf", store=False, **options)


def test_no_likelihood_where_something_was_subtracted():
    """Both ways out that it names work."""
    s = edge_on_background()
    with pytest.raises(ValueError, match=r"background was taken.*mcr-als.*background=None"):
        hyperspy_unmix.unmix(s, 1, algorithm="nmf")
    assert hyperspy_unmix.unmix(s, 1, algorithm="mcr-als").n_components == 1
    assert hyperspy_unmix.unmix(s, 1, algorithm="nmf", background=None).n_components == 1


def test_read_noise_is_in_the_likelihood():
    """A CCD's counts: gain 2, read noise of 5; the planted phases within four stated errors."""
    rng = np.random.default_rng(0)
    values = 2.0 * counts(dose=4000.0).astype(float)
    s = calibrated(values + rng.normal(0, 5, values.shape))
    u = hyperspy_unmix.unmix(s, 2, algorithm="nmf")
    assert u.separated.found_by.counts_added > 0
    found = angles(u.spectra.data, PHASES)
    assert (found < 4 * np.maximum(u.separated.mixing_degrees, 0.5)).all()


def test_data_that_are_not_non_negative():
    """Nothing but noise about zero: said in a sentence, with a way out that works."""
    s = calibrated(np.random.default_rng(0).normal(size=(8, 9, 80)))
    with pytest.raises(ValueError, match=r"no 1 non-negative component .*Leave algorithm out"):
        hyperspy_unmix.unmix(s, 1, algorithm="mcr-als")
    assert hyperspy_unmix.unmix(s, 1).n_components == 1


def test_components_that_the_data_do_not_support_stay_beside(pca):
    u = pca.ica(4, algorithm="mcr-als")
    assert u.settings["beyond the counts"].value == 2
    order = np.argsort(u.stability)[-2:]
    assert u.spectra.data[order].min() >= 0
    assert (angles(u.spectra.data[order], PHASES) < 20).all()
