"""Random scenes of known rank, for counting components: EELS-like and EDS-like, starved to rich."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter


@dataclass(frozen=True)
class Scene:
    """Expected counts (pixels, channels), their rank, what they were made as, and of what."""

    expected: np.ndarray
    rank: int
    kind: str
    shape: tuple[int, int]
    spectra: np.ndarray


def random_scene(generator: np.random.Generator, kind: str, rank: int) -> Scene:
    """A scene of ``rank`` phases on smooth, random maps, of log-uniform size and dose."""
    shape = tuple(int(n) for n in generator.integers(28, 72, 2))
    channels = int(generator.choice([192, 320, 512]))
    spectra = {"EELS": _eels, "EDS": _eds}[kind](generator, rank, channels)
    maps = _maps(generator, rank, shape)
    per_spectrum = {"EELS": (3e3, 3e6), "EDS": (20, 3e3)}[kind]
    counts = np.exp(generator.uniform(*np.log(per_spectrum)))
    expected = maps.reshape(-1, rank) @ spectra
    return Scene(expected * counts / expected.sum(1).mean(), rank, kind, shape, spectra)


def _maps(generator: np.random.Generator, rank: int, shape: tuple[int, int]) -> np.ndarray:
    noise = generator.standard_normal((rank, *shape))
    widths = generator.uniform(1.5, 6, rank)
    fields = np.stack(
        [gaussian_filter(n, w, mode="wrap") for n, w in zip(noise, widths, strict=True)], -1
    )
    fields /= fields.std((0, 1))
    share = np.exp(generator.uniform(0.8, 2.5) * fields)
    share /= share.sum(-1, keepdims=True)
    thickness = 1 + 0.3 * gaussian_filter(generator.standard_normal(shape), 8, mode="wrap")
    return share * np.clip(thickness, 0.3, None)[..., None]


def _eels(generator: np.random.Generator, rank: int, channels: int) -> np.ndarray:
    energy = np.linspace(300, 900, channels)
    onsets = generator.uniform(340, 850, max(rank, 3))
    spectra = []
    for _ in range(rank):
        spectrum = generator.uniform(0.7, 1.3) * (energy / 300) ** -generator.uniform(2.6, 3.4)
        for onset in generator.choice(onsets, 2, replace=False):
            edge = (energy > onset) * (np.maximum(energy, onset) / onset) ** -3.0
            white = np.exp(-0.5 * ((energy - onset - 4) / generator.uniform(2, 6)) ** 2)
            height = generator.uniform(0.05, 0.3) * (onset / 300) ** -3.0
            spectrum = spectrum + height * (edge + generator.uniform(0.3, 3) * white)
        spectra.append(spectrum / spectrum.sum())
    return np.array(spectra)


def _eds(generator: np.random.Generator, rank: int, channels: int) -> np.ndarray:
    energy = np.linspace(0.1, 15, channels)
    lines = generator.uniform(0.3, 12, rank + 4)
    width = 0.04 + 0.004 * lines
    spectra = []
    for _ in range(rank):
        spectrum = 0.02 * np.exp(-energy / 4) / energy * (1 - np.exp(-energy / 0.3))
        for i in generator.choice(len(lines), 3, replace=False):
            line = np.exp(-0.5 * ((energy - lines[i]) / width[i]) ** 2)
            spectrum += generator.uniform(0.1, 1) * line
        spectra.append(spectrum / spectrum.sum())
    return np.array(spectra)
