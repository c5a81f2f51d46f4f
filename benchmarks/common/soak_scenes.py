"""Random spectrum images for `soak.py`: any shape, type of number, dose, rank, and defects."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import dask.array as da
import hyperspy.api as hs
import numpy as np

KINDS = ("EELS_unmix", "EDS_TEM_unmix", "unmix")
NUMBERS = ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8")
WITH = ("low loss", "mask", "zeros", "dead channels", "NaN", "spikes")
MOST_PIXELS = {1: 200, 2: 18, 3: 7}  # along each axis


@dataclass
class Scene:
    """An image and its keywords, and what must come of it.

    ``masked`` (the scan) are the pixels that must be NaN in the maps, ``excluded`` (channels) those
    that may be NaN in the spectra.
    """

    signal: Any
    keywords: dict[str, Any]
    masked: np.ndarray
    excluded: np.ndarray
    kind: str
    numbers: str
    dose: float
    rank: int
    storage: str
    extras: list[str] = field(default_factory=list)

    @property
    def dose_range(self) -> str:
        """The decades of the dose."""
        ends = ["0.3", "1", "10", "100", "1 000", "10 000", "100 000"]
        k = int(np.searchsorted([float(end.replace(" ", "")) for end in ends[1:]], self.dose))
        return f"{k}) {ends[k]} to {ends[k + 1]}"  # the number is for sorting

    def words(self) -> str:
        """The scene in a line."""
        shape = "x".join(map(str, (*self.masked.shape, len(self.excluded))))
        return (
            f"{self.kind} {shape} {self.numbers} {self.storage}, {self.dose:.3g} counts, "
            f"{self.rank} components, {', '.join(self.extras) or 'nothing else'}"
        )

    def forget(self) -> None:
        """Let the arrays go; what stays are words."""
        self.signal, self.keywords = None, {}


def log_uniform(rng: np.random.Generator, least: float, most: float) -> float:
    """A number whose decades are equally likely."""
    return float(np.exp(rng.uniform(np.log(least), np.log(most))))


def spectra(rng: np.random.Generator, kind: str, energies: np.ndarray, rank: int) -> np.ndarray:
    """Spectra (rank, channels) of mean one: edges, X-ray lines, or bands."""
    x = np.linspace(0, 1, len(energies))
    found = []
    for _ in range(rank):
        y = np.full(len(x), rng.uniform(0.02, 0.3))
        for _ in range(rng.integers(1, 4)):
            at = rng.uniform(0.1, 0.9)
            if kind == "EELS_unmix":
                y += rng.uniform(0.3, 2) * np.where(x > at, np.exp(-(x - at) / 0.3), 0)
            width = {"EELS_unmix": 0.02, "EDS_TEM_unmix": 0.012, "unmix": 0.06}[kind]
            y += rng.uniform(0.3, 3) * np.exp(-0.5 * ((x - at) / width) ** 2)
        if kind == "EELS_unmix":
            y += rng.uniform(1, 5) * (energies / energies[0]) ** -rng.uniform(2, 5)
        elif kind == "EDS_TEM_unmix":
            y += rng.uniform(0.1, 1) * np.exp(-4 * x)
        found.append(y / y.mean())
    return np.array(found).reshape(rank, len(x))


def low_loss(rng: np.random.Generator, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Low-loss counts of a scan of thickness ``t`` in t/lambda, and the same without noise."""
    loss = np.arange(-15.0, 75.0)
    peak = np.exp(-0.5 * (loss / rng.uniform(0.6, 1.5)) ** 2)
    plasmon = np.exp(-0.5 * ((loss - rng.uniform(12, 25)) / 3) ** 2)
    peak, plasmon = peak / peak.sum(), plasmon / plasmon.sum()
    orders = [peak]
    for n in range(1, 5):
        orders.append(np.convolve(orders[-1], plasmon)[15 : 15 + len(loss)] / n)
    clean = np.exp(-t)[..., None] * sum(t[..., None] ** n * o for n, o in enumerate(orders))
    return rng.poisson(log_uniform(rng, 1e3, 1e6) * clean).astype(float), clean


def scattered(core: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Spectra convolved with the low loss of their pixels, whose zero is channel 15."""
    n = core.shape[-1] + kernel.shape[-1]
    both = np.fft.rfft(core, n) * np.fft.rfft(kernel, n)
    return np.fft.irfft(both, n)[..., 15 : 15 + core.shape[-1]].clip(0)


def as_stored(data: np.ndarray, numbers: str) -> np.ndarray:
    """In another type of number, saturated where it ends."""
    kind = np.dtype(numbers)
    if kind.kind in "ui":
        limits = np.iinfo(kind)
        top = np.nextafter(float(limits.max), 0) if limits.max > 2**53 else limits.max
        return np.clip(np.rint(data), limits.min, top).astype(kind)
    clipped = np.clip(data, float(np.finfo(kind).min), float(np.finfo(kind).max))
    return np.where(np.isfinite(data), clipped, data).astype(kind)


def cut(rng: np.random.Generator, size: int) -> tuple[int, ...]:
    """Chunks of an axis: one, or up to five of different sizes."""
    if size < 3 or rng.random() < 0.4:
        return (size,)
    number = int(rng.integers(1, min(5, size - 1) + 1))
    at = np.sort(rng.choice(np.arange(1, size), number, replace=False))
    return tuple(int(n) for n in np.diff([0, *at, size]))


def signal_of(
    data: np.ndarray, kind: str, offset: float, scale: float, lazy: bool, rng: np.random.Generator
) -> Any:
    """A signal of these data; lazy ones in random chunks, a third of them through the energy."""
    s = hs.signals.Signal1D(data)
    axis = s.axes_manager[-1]
    axis.name, axis.offset, axis.scale = "Energy", offset, scale
    axis.units = "eV" if kind.startswith("EELS") else "keV"
    s.set_signal_type(kind)
    if lazy:
        chunks = [cut(rng, n) for n in data.shape[:-1]]
        energy = cut(rng, data.shape[-1]) if rng.random() < 0.33 else (data.shape[-1],)
        s = s.as_lazy()
        s.data = da.from_array(data, chunks=(*chunks, energy))
    return s


def random_scene(rng: np.random.Generator) -> Scene:
    """A spectrum image of any kind."""
    kind, lazy = str(rng.choice(KINDS)), bool(rng.random() < 0.4)
    n_axes = int(rng.integers(1, 4))
    shape = tuple(int(log_uniform(rng, 1, MOST_PIXELS[n_axes] + 1)) for _ in range(n_axes))
    channels, dose = int(log_uniform(rng, 8, 301)), log_uniform(rng, 0.3, 1e5)
    rank, numbers = int(rng.integers(0, 7)), str(rng.choice(NUMBERS))
    extras = [name for name in WITH if rng.random() < (0.5 if name == "low loss" else 0.2)]
    if kind != "EELS_unmix" and "low loss" in extras:
        extras.remove("low loss")
    if "NaN" in extras and numbers[0] != "f":
        extras.remove("NaN")
    if rank == 0 and numbers[0] == "u":
        numbers = "i" + numbers[1]
    if rng.random() < 0.25:
        numbers = ">" + numbers
    scale = {"EELS_unmix": 1.0, "EDS_TEM_unmix": 0.02, "unmix": 0.5}[kind]
    offset = float(rng.uniform(100, 900)) if kind == "EELS_unmix" else 0.2
    if channels > 1 and kind == "unmix" and rng.random() < 0.2:
        scale, offset = -scale, 500.0
    energies = offset + scale * np.arange(channels)
    shares = rng.dirichlet(np.full(max(rank, 1), 0.5), shape) * rng.uniform(0.3, 1, (*shape, 1))
    t = rng.uniform(0.05, 1.2) * rng.uniform(0.5, 1, shape)
    keywords: dict[str, Any] = {}
    clean = dose * shares @ spectra(rng, kind, energies, rank) if rank else None
    if "low loss" in extras:
        low, kernel = low_loss(rng, t)
        clean = None if clean is None else scattered(clean, kernel)
        keywords["low_loss"] = signal_of(low, "EELS", -15.0, 1.0, lazy, rng)
    data = (
        rng.normal(0, np.sqrt(dose), (*shape, channels))
        if clean is None
        else (rng.poisson(clean).astype(float))
    )
    masked, excluded = spoil(rng, data, extras, keywords)
    s = signal_of(as_stored(data, numbers), kind, offset, scale, lazy, rng)
    if rng.random() < 0.2:
        keywords["n_components"] = int(rng.integers(1, 4))
    storage = "lazy" if lazy else "in memory"
    return Scene(s, keywords, masked, excluded, kind, numbers, dose, rank, storage, extras)


def spoil(
    rng: np.random.Generator, data: np.ndarray, extras: list[str], keywords: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Put the defects into the data, and masks into the keywords: masked pixels, channels."""
    shape, channels = data.shape[:-1], data.shape[-1]
    masked, excluded = np.zeros(shape, bool), np.zeros(channels, bool)

    def some(share: float) -> np.ndarray:
        return rng.random(shape) < share

    if "zeros" in extras:
        data[some(0.1)] = 0
        data[tuple(slice(0, 1) if rng.random() < 0.5 else slice(None) for _ in shape)] *= (
            rng.random() < 0.5
        )
    if "dead channels" in extras:
        first = int(rng.integers(0, channels))
        data[..., first : first + int(rng.integers(1, 6))] = 0
    if "spikes" in extras:
        for _ in range(int(rng.integers(1, 5))):
            place = (*(int(rng.integers(n)) for n in shape), int(rng.integers(channels)))
            data[place] += log_uniform(rng, 1e2, 1e6)
    if "mask" in extras:
        pixels = some(0.2)
        keywords["navigation_mask"], masked = pixels, masked | pixels
        if rng.random() < 0.5:
            first = int(rng.integers(0, channels))
            excluded[first : first + max(channels // 10, 1)] = True
            keywords["signal_mask"] = excluded.copy()
    if "NaN" in extras:
        bad = some(0.1)
        data[(*np.nonzero(bad), rng.integers(0, channels, int(bad.sum())))] = rng.choice(
            [np.nan, np.inf, -np.inf]
        )
        masked = masked | ~np.isfinite(data[..., ~excluded]).all(-1)
    return masked, excluded
