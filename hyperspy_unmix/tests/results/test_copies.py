"""Results pickled and copied: the same result, whole."""

import copy
import pickle

import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix.storage.missing_counts import CountsMissingError
from hyperspy_unmix.tests.scenes import array, two_phases, wedge


@pytest.fixture(scope="module")
def results():
    core, low_loss, _ = wedge()
    return {
        "map": two_phases().unmix(2, store=False),
        "low loss": hyperspy_unmix.unmix(core, 1, low_loss=low_loss),
        "lazy": two_phases(lazy=True).unmix(2, store=False),
    }


@pytest.mark.parametrize("name", ["map", "low loss", "lazy"])
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda u: pickle.loads(pickle.dumps(u))])
def test_the_copy_is_the_same(results, name, copied):
    u = results[name]
    again = copied(u)
    assert type(again) is type(u)
    assert repr(again) == repr(u)
    assert again.code == u.code
    for part in ("spectra", "maps", "spectra_uncertainty", "maps_uncertainty"):
        np.testing.assert_array_equal(array(getattr(again, part)), array(getattr(u, part)))
    if name == "lazy" and copied is not copy.deepcopy:
        # what they are read from need not be there for another process
        with pytest.raises(CountsMissingError, match="pickle"):
            again.residual()
    else:
        np.testing.assert_array_equal(array(again.residual()), array(u.residual()))


def test_a_copy_of_the_pca_unmixes(results):
    u = results["map"]
    again = pickle.loads(pickle.dumps(u.pca))
    assert repr(again) == repr(u.pca)
    np.testing.assert_array_equal(again.ica().maps.data, u.maps.data)
    assert copy.copy(u) is u


def test_a_result_that_was_loaded(results, tmp_path):
    results["map"].save(tmp_path / "r.hspy")
    loaded = hyperspy_unmix.load(tmp_path / "r.hspy")
    again = copy.deepcopy(pickle.loads(pickle.dumps(loaded)))
    np.testing.assert_array_equal(again.maps.data, loaded.maps.data)
    with pytest.raises(CountsMissingError):
        again.residual()
