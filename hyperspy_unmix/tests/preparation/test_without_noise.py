"""Data whose noise is gone: simulated, denoised, smoothed along the energy; said, with help."""

import re

import hyperspy.api as hs
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

import hyperspy_unmix
from hyperspy_unmix.settings import Caution

CHANNELS = np.arange(240.0)
eager_and_lazy = pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])


def expected(seed=0):
    """Three phases, mixed in every pixel."""
    phases = np.array([np.exp(-(((CHANNELS - c) / 8) ** 2)) + 0.1 for c in (48, 120, 192)])
    return 500 * np.random.default_rng(seed).dirichlet([0.7] * 3, (24, 24)) @ phases


def poisson(seed=1):
    return np.random.default_rng(seed).poisson(expected() / 5).astype(float)


def of_rank(values, rank):
    rows = values.reshape(-1, values.shape[-1])
    left, singular, right = np.linalg.svd(rows, full_matrices=False)
    return ((left[:, :rank] * singular[:rank]) @ right[:rank]).reshape(values.shape)


def modelled_by_hyperspy():
    s = hs.signals.Signal1D(poisson())
    s.decomposition(print_info=False)
    return s.get_decomposition_model(3).data


WITHOUT = {
    "simulated": expected,
    "float32": lambda: expected().astype("f4"),
    "with empty channels": lambda: np.where(CHANNELS < 15, 0, expected()),
    "with empty pixels": lambda: expected() * (np.arange(576) % 7 > 0).reshape(24, 24, 1),
    "three principal components": lambda: of_rank(poisson(), 3),
    "HyperSpy's decomposition model": modelled_by_hyperspy,
    "denoised": lambda: hyperspy_unmix.denoise(hs.signals.Signal1D(poisson())).data,
    "whole numbers": lambda: np.rint(100 * expected()).astype("i4"),
}


@eager_and_lazy
@pytest.mark.parametrize("make", WITHOUT.values(), ids=WITHOUT)
def test_data_without_noise_are_called_that(make, lazy):
    """Truth: three phases, and no noise beside the rounding of the numbers."""
    s = hs.signals.Signal1D(make())
    p = hyperspy_unmix.pca(s.as_lazy() if lazy else s)
    assert p.n_components == 3
    choice = p.settings["WARNING: no noise"]
    assert isinstance(choice, Caution)
    assert "add_poissonian_noise" in choice.reason


@pytest.mark.parametrize("steps", [1, 100])
def test_rounded_numbers_without_noise(steps):
    """Truth: no noise; rounding makes components of its own, and that is said."""
    p = hyperspy_unmix.pca(hs.signals.Signal1D(np.rint(expected() / steps).astype("i4")), 3)
    assert "rounding" in p.settings["WARNING: no noise"].reason


def test_the_advice_for_simulations():
    """The noise that is to be added makes counts, of which three components are found."""
    s = hs.signals.Signal1D(expected())
    s.add_poissonian_noise(random_state=0)
    p = hyperspy_unmix.pca(s)
    assert p.settings["noise"].value == "poisson"
    assert p.n_components == 3
    assert not any(name.startswith("WARNING: no noise") for name in p.settings)


NOISY = {
    "counts": poisson,
    "scaled counts": lambda: (0.37 * poisson()).astype("f4"),
    "hardly any noise": lambda: (
        expected() + np.random.default_rng(2).normal(0, 0.01, (24, 24, 240))
    ),
    "many counts": lambda: np.random.default_rng(3).poisson(1e4 * expected()) * 1.1,
}


@pytest.mark.parametrize("make", NOISY.values(), ids=NOISY)
def test_noise_that_is_there_is_not_called_gone(make):
    """Truth: independent noise, however small."""
    settings = hyperspy_unmix.pca(hs.signals.Signal1D(make()), 3).settings
    assert not {"WARNING: no noise", "WARNING: smoothed"} & set(settings)


@eager_and_lazy
@pytest.mark.parametrize("sd", [1, 2])
@pytest.mark.parametrize("kind", ["poisson", "normal"])
def test_smoothed_along_the_energy(kind, sd, lazy):
    """Closed form: a Gaussian of ``sd`` channels gives neighbours a correlation of exp(-1/4 sd^2).

    The sum of channels that is advised has the three components of the truth.
    """
    noise = np.random.default_rng(4).normal(0, 10, (24, 24, 240))
    noisy = poisson() if kind == "poisson" else expected() + noise
    s = hs.signals.Signal1D(gaussian_filter1d(noisy, sd, axis=-1))
    p = hyperspy_unmix.pca(s.as_lazy() if lazy else s, 3)
    reason = p.settings["WARNING: smoothed"].reason
    correlation = float(re.search(r"noise \(([\d.]+)", reason)[1])
    assert correlation == pytest.approx(np.exp(-1 / 4 / sd**2), abs=0.05)
    advised = re.search(r"scale=\(1, 1, (\d+)\)", reason)
    if advised is None:
        assert sd > 1
        return
    summed = hyperspy_unmix.pca(s.rebin(scale=(1, 1, int(advised[1]))))
    assert summed.n_components == 3
    assert "WARNING: smoothed" not in summed.settings
