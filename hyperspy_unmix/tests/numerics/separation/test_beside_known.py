"""Independent sources beside known ones: against Picard's and against planted ones."""

import numpy as np
import pytest

from hyperspy_unmix.numerics.separation.beside_known import scale_to_unit_score, separate_beside
from hyperspy_unmix.numerics.separation.ica import separate

SAMPLES = 4000


def mixed(n, seed=0):
    rng = np.random.default_rng([seed, n])
    sources = rng.laplace(size=(n, SAMPLES))
    return rng.standard_normal((n, n)) @ sources, rng


def cosines(first, second):
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (first, second)]
    return np.abs(unit[0] @ unit[1].T)


@pytest.mark.parametrize(("n", "known"), [(2, 1), (3, 1), (3, 2), (5, 2)])
def test_beside_its_own_rows_it_finds_the_others_of_picard(n, known):
    """Independent library: where some rows are the maximum's, the others are too.

    Picard stops at a gradient of 1e-7, and the search begins beside its answer.
    """
    signals, rng = mixed(n)
    signals = signals - signals.mean(1, keepdims=True)
    picard = separate(signals).unmixing
    start = picard[known:] + 0.1 * np.abs(picard[known:]) * rng.standard_normal((n - known, n))
    found = separate_beside(signals, 5.0 * picard[:known], start)
    assert cosines(found @ signals, picard[known:] @ signals).max(1).min() > 1 - 1e-7


def test_the_equations_of_likelihood_vanish():
    """Closed form: the mean of tanh(y_i) y_j is one for i = j and zero else, j known or not."""
    signals, rng = mixed(4)
    known = rng.standard_normal((2, 4))
    free = separate_beside(signals, known, rng.standard_normal((2, 4)))
    centred = signals - signals.mean(1, keepdims=True)
    sources = np.concatenate([known, free]) @ centred
    sources[:2] /= sources[:2].std(1, keepdims=True)
    equations = np.tanh(sources[2:]) @ sources.T / SAMPLES
    np.testing.assert_allclose(equations, np.eye(4)[2:], atol=1e-5)


def test_scale_of_a_unit_score():
    """Closed form of the condition: the mean of y tanh(y) is one."""
    signals, rng = mixed(3)
    sources = scale_to_unit_score(rng.standard_normal((3, 3)), signals) @ signals
    np.testing.assert_allclose(np.mean(sources * np.tanh(sources), 1), 1, rtol=1e-10)
