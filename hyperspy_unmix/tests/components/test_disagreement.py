"""Another assumption gives another answer: what is said of it, and when it is a warning."""

import hyperspy.api as hs
import numpy as np
import pytest

from hyperspy_unmix import unmix
from hyperspy_unmix.components.disagreement import Disagreement
from hyperspy_unmix.settings import Caution

CHANNEL = np.arange(256.0)


def lines(*centres):
    return 0.02 + sum(np.exp(-0.5 * ((CHANNEL - c) / 2.5) ** 2) for c in centres)


SPECTRA = np.array([lines(40, 90, 200), lines(60, 140, 230)])


def ramp(low, high, dose=5000):
    """One phase turns into the other, as far as ``low`` and ``high`` tell."""
    share = np.broadcast_to(np.linspace(low, high, 40), (40, 40))
    expected = np.stack([1 - share, share], -1) @ SPECTRA
    expected *= dose / expected.sum(-1).mean()
    s = hs.signals.Signal1D(np.random.default_rng(0).poisson(expected).astype(float))
    s.set_signal_type("unmix")
    return s


def test_two_answers_that_nothing_tells_apart_are_a_warning_with_what_decides():
    """Truth: a gradient that ends in mixtures, by 10 and more degrees from the phases."""
    u = unmix(ramp(0.25, 0.75))
    warning = u.findings["WARNING: other answer"]
    assert isinstance(warning, Caution)
    assert 'alternatives["pure"]' in warning.reason and "known=" in warning.reason
    # as far as the answer of the other assumption is from this one
    other = u.alternatives["pure"].spectra.data
    unit = [s / np.linalg.norm(s, axis=1, keepdims=True) for s in (u.spectra.data, other)]
    turn = np.degrees(np.arccos(np.clip(unit[0] @ unit[1].T, -1, 1).max(1))).max()
    assert f"by {turn:.0f} degrees" in warning.reason or turn > 10


def test_nothing_is_said_where_both_agree_within_their_errors():
    """Truth: both phases are alone at the ends, and independent."""
    half = np.where(np.linspace(0, 1, 40) < 0.5, 0.0, 1.0)
    expected = 2000 * np.stack([1 - half, half], -1) @ (SPECTRA / SPECTRA.sum(1, keepdims=True))
    data = np.random.default_rng(1).poisson(np.broadcast_to(expected, (40, 40, 256)))
    s = hs.signals.Signal1D(data.astype(float))
    s.set_signal_type("unmix")
    findings = unmix(s).findings
    assert "WARNING: other answer" not in findings


@pytest.mark.parametrize(
    ("turn", "is_clear", "is_warned"),
    [(30.0, True, False), (30.0, False, True), (8.0, False, False)],
)
def test_warned_of_where_the_evidence_is_weak_and_much_differs(turn, is_clear, is_warned):
    """Closed form: three degrees are said, ten are warned of unless the evidence is clear."""
    one = Disagreement("pure", (("2", turn, 0.5), ("0", 4.0, 1.0)), is_clear, "pixels gather")
    (choice,) = one.choices().values()
    assert isinstance(choice, Caution) == is_warned
    for words in (
        "component 2",
        f"by {turn:.0f} degrees",
        f"{2 * turn:.2g} times",
        "pixels gather",
    ):
        assert words in choice.reason
