"""Corrections: what is taken out is what is put back, one by one and all together."""

import numpy as np
import pytest

from hyperspy_unmix.numerics.corrections.background import Background
from hyperspy_unmix.numerics.corrections.chain import Chain
from hyperspy_unmix.numerics.corrections.falling_window import Window
from hyperspy_unmix.numerics.corrections.fractional_shift import FractionalShift
from hyperspy_unmix.numerics.corrections.zero_loss_tail import ZeroLossTail
from hyperspy_unmix.tests.numerics.corrections.test_background import low_rank
from hyperspy_unmix.tests.numerics.corrections.test_plural_scattering import (
    M,
    N,
    kernel,
    shapes,
    thickness,
)

ENERGIES = 300 + 2.0 * np.arange(M)
WINDOW = Window(0, 60, "given")
ENDS = 16  # channels
RNG = np.random.default_rng(0)
TAIL = ZeroLossTail(RNG.uniform(1, 2, (N, 1)), np.exp(-np.arange(M) / 20)[None])
SHIFT = FractionalShift.build(RNG.uniform(-0.5, 0.5, N), np.arange(M), np.zeros(M, bool))
BACKGROUND = Background(ENERGIES, WINDOW)


def recorded():
    """A power law and an edge that begins behind the window, smooth enough to be shifted."""
    edge = 1 / (1 + np.exp(-(np.arange(M) - 100) / 4))
    spectra = np.stack([(ENERGIES / 300) ** -3.0, edge])
    return RNG.uniform(50, 100, (N, 2)), spectra


def chains():
    scattering = kernel(thickness(), shapes())
    return {
        "nothing": Chain(),
        "shift": Chain((SHIFT,)),
        "tail": Chain((TAIL,)),
        "background": Chain((BACKGROUND,)),
        "plural scattering": Chain((scattering,)),
        "all": Chain((SHIFT, TAIL, BACKGROUND, scattering)),
    }


@pytest.mark.parametrize("name", chains())
def test_what_is_taken_out_is_put_back(name):
    """Truth: the counts as recorded. Kernels are known to 1e-3 of what they change.

    Not at the ends of the axis: a shift brings in what was not recorded.
    """
    chain, (scores, components) = chains()[name], recorded()
    corrected, fits = chain.remove(low_rank(scores, components), 1e-9)
    counts = scores @ components
    again_scores, again = chain.restore(corrected.scores, corrected.components, fits)
    np.testing.assert_allclose(
        (again_scores @ again)[:, ENDS:-ENDS], counts[:, ENDS:-ENDS], atol=2e-3 * counts.max()
    )


@pytest.mark.parametrize("name", chains())
def test_counts_that_are_not_compressed_are_corrected_alike(name):
    """Truth: the compressed spectra of the same counts, for all pixels and for some of them."""
    chain, (scores, components) = chains()[name], recorded()
    corrected, fits = chain.remove(low_rank(scores, components), 1e-9)
    per_pixel, remove = chain.removal_from_counts(fits)
    truth = corrected.scores @ corrected.components
    counts = scores @ components
    tolerance = 1e-3 * np.abs(counts).max()
    np.testing.assert_allclose(remove(counts, per_pixel), truth, atol=tolerance)
    rows = slice(3, 11)
    part = remove(counts[rows], tuple(array[rows] for array in per_pixel))
    np.testing.assert_allclose(part, truth[rows], atol=tolerance)


def test_what_is_added_is_the_difference_that_it_makes():
    """Definition: with the additions and without them, of the same components."""
    chain, (scores, components) = chains()["all"], recorded()
    corrected, fits = chain.remove(low_rank(scores, components), 1e-9)
    inside = corrected.scores, corrected.components
    whole, alone = chain.restore(*inside, fits), chain.without_additions.restore(*inside, {})
    added = chain.added((N, M), fits)
    difference = whole[0] @ whole[1] - alone[0] @ alone[1]
    np.testing.assert_allclose(added[0] @ added[1], difference, atol=1e-9 * difference.max())


def test_names_and_fits():
    chain = chains()["all"]
    assert chain.names == ("energy shift", "zero-loss tail", "background", "plural scattering")
    assert set(chain.remove(low_rank(*recorded()), 1e-9)[1]) == {"background"}
    assert chain.without_additions.names == ("energy shift", "plural scattering")
