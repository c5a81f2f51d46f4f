"""What is left in the residual: said in the settings, warned of, plotted."""

import logging

import hyperspy.api as hs
import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix.numerics.noise.noise_edge import noise_edge
from hyperspy_unmix.settings import Caution
from hyperspy_unmix.tests.scenes import array, two_phases

eager_and_lazy = pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
WARNING = "WARNING: residual"


def greatest_of_the_residual(u):
    """Largest squared singular value of the residual over the roots of the model, in noise edges.

    Rows and columns are scaled until both have the variance of the model (Sinkhorn).
    """
    channels = u.prepared.image.blocks.channels - u.prepared.image.first
    model, residual = (
        array(x).reshape(-1, x.data.shape[-1])[:, channels] for x in (u.model(), u.residual())
    )
    model = np.maximum(model, 1e-9)
    rows, columns = np.ones(len(model)), np.ones(model.shape[1])
    for _ in range(20):
        columns = 1 / np.mean(rows[:, None] * model, 0)
        rows = 1 / np.mean(model * columns, 1)
    white = residual * np.sqrt(rows[:, None] * columns)
    return np.linalg.svd(white, compute_uv=False)[0] ** 2 / noise_edge(*white.shape)


@eager_and_lazy
def test_noise_alone_is_left(lazy):
    """Truth: the singular values of the residual itself; six percent for other weights."""
    s = two_phases()
    u = (s.as_lazy() if lazy else s).unmix(2, store=False)
    assert u.settings["residual"].value == u.left_over.greatest
    assert u.left_over.greatest == pytest.approx(greatest_of_the_residual(u), rel=0.06)
    assert 0.8 < u.left_over.greatest < 1.2
    assert WARNING not in u.settings
    assert "residual" in repr(u.settings)


@eager_and_lazy
def test_a_phase_that_is_missing_is_warned_of(lazy, caplog):
    """Truth: two phases, unmixed as one; and what the advice says makes the warning go."""
    s = two_phases()
    s = s.as_lazy() if lazy else s
    with caplog.at_level(logging.WARNING):
        u = s.unmix(1, store=False)
    assert u.left_over.greatest == pytest.approx(greatest_of_the_residual(u), rel=0.1)
    said = u.settings[WARNING]
    assert isinstance(said, Caution)
    assert said.reason in caplog.text
    assert "unmix(..., n_components=2)" in said.reason
    assert WARNING not in s.unmix(2, store=False).settings


def test_no_pass_over_the_data(monkeypatch):
    """The counts are not read for it."""
    from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks

    u = two_phases().unmix(1, store=False)
    monkeypatch.setattr(RowBlocks, "reduce", lambda *_, **__: pytest.fail("the counts were read"))
    assert u.left_over.greatest > 1.2
    assert WARNING in u.settings


def test_other_results_say_it_too():
    """Renamed, applied and alternative results are looked at by themselves."""
    s = two_phases()
    u = s.unmix(2, store=False)
    renamed = u.rename(["a", "b"])
    assert renamed.settings["residual"].value == u.settings["residual"].value
    applied = u.apply(s)
    assert applied.left_over.greatest == pytest.approx(u.left_over.greatest, rel=0.2)
    assert "residual" in applied.settings
    assert all("residual" in other.settings for other in u.alternatives.values())


def test_residual_where_channels_are_summed():
    """Truth: four phases; all are found, or two are left out. Noise of single channels is none."""
    y, x = np.mgrid[:32, :32] // 16
    maps = np.stack([(y == i) & (x == j) for i in (0, 1) for j in (0, 1)], -1).astype(float)
    energies = np.arange(512)
    spectra = np.stack(
        [np.exp(-(((energies - c) / 6) ** 2) / 2) + 0.02 for c in (80, 180, 290, 400)]
    )
    spectra /= spectra.sum(1, keepdims=True)
    counts = np.random.default_rng(5).poisson(25 * maps @ spectra)
    u = hyperspy_unmix.unmix(hs.signals.Signal1D(counts))
    assert u.n_components == 4
    assert u.settings["summed channels"].value > 1
    assert u.residual_finding.number == 0
    assert 0.5 < u.residual_finding.greatest < 1.2
    assert hyperspy_unmix.unmix(hs.signals.Signal1D(counts), 2).residual_finding.number > 0
