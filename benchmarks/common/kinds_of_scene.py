"""Small scenes of many kinds of spectroscopy, true to one assumption, to several or to none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Floats = NDArray[np.float64]
N = 48  # pixels along each side


@dataclass(frozen=True)
class Scene:
    """Expected counts ``maps @ spectra`` and one measurement of them.

    ``maps`` (N, N, phases), ``spectra`` (phases, channels), ``axis`` (channels,), ``data``
    (N, N, channels); ``noise`` is what `unmix` is told, ``kind`` the signal type.
    """

    maps: Floats
    spectra: Floats
    axis: Floats
    data: Floats
    noise: str
    kind: str

    def signal(self):
        """The measurement as a HyperSpy signal."""
        import hyperspy.api as hs

        signal = hs.signals.Signal1D(self.data.astype(np.float32))
        axis = signal.axes_manager.signal_axes[0]
        axis.offset, axis.scale = float(self.axis[0]), float(self.axis[1] - self.axis[0])
        signal.set_signal_type(self.kind)
        return signal


def bell(x, centre, width):
    """Gaussian of height one."""
    return np.exp(-(((x - centre) / width) ** 2) / 2)


def lorentzian(x, centre, half_width):
    """Lorentzian of height one."""
    return 1 / (1 + ((x - centre) / half_width) ** 2)


def patches(rng, phases, roughness=4.0):
    """Shares that sum to one; smooth fields, the strongest wins the more, the rougher they are."""
    for _ in range(1000):
        fields = gaussian_filter(rng.standard_normal((phases, N, N)), (0, 6, 6), mode="wrap")
        shares = np.exp(roughness * fields / fields.std((1, 2), keepdims=True))
        shares = np.moveaxis(shares / shares.sum(0), 0, -1)
        if shares.mean((0, 1)).min() > 0.5 / phases:
            return shares
    raise RuntimeError("no field in which every phase has half its share")


def ramp(low=0.0, high=1.0):
    """One phase turns into another along x."""
    share = np.broadcast_to(np.linspace(low, high, N), (N, N))
    return np.stack([1 - share, share], -1)


def grains_on_film(*groups):
    """A film of even thickness, and half spheres (y, x, radius) of one phase a group on it."""
    y, x = np.mgrid[:N, :N]
    heights = [
        sum(np.sqrt(np.clip(r**2 - (y - a) ** 2 - (x - b) ** 2, 0, None)) for a, b, r in group)
        for group in groups
    ]
    return np.stack([np.ones((N, N)), *(height / 8 for height in heights)], -1)


def counted(rng, maps, spectra, axis, counts, kind="unmix"):
    """Poisson counts, so many in the mean pixel; maps are scaled to that."""
    maps = maps * counts / (maps @ spectra).sum(-1).mean()
    data = rng.poisson(maps @ spectra).astype(float)
    return Scene(maps, spectra, axis, data, "auto", kind)


def measured(rng, maps, spectra, axis, sd):
    """Values with even noise."""
    expected = maps @ spectra
    data = expected + sd * rng.standard_normal(expected.shape)
    return Scene(maps, spectra, axis, data, "uniform", "unmix")


CHANNELS = np.arange(256.0)


def flat_ramp(rng):
    """A flat spectrum, and a peak on nothing: one turns into the other."""
    return counted(rng, ramp(), np.stack([np.ones(256), 4 * bell(CHANNELS, 130, 7)]), CHANNELS, 5e3)


def exponential_ramp(rng):
    """An exponential, and half of it with a peak."""
    tail = 3 * np.exp(-CHANNELS / 90)
    spectra = np.stack([tail, tail / 2 + 2 * bell(CHANNELS, 110, 6)])
    return counted(rng, ramp(), spectra, CHANNELS, 5e3)


def broad_bands(rng):
    """Three bands as wide as their distances."""
    spectra = np.stack([bell(CHANNELS, c, 38) for c in (75, 125, 175)])
    return counted(rng, patches(rng, 3), spectra, CHANNELS, 8e3)


def luminescence(rng):
    """Emission of four materials side by side, from narrow to broad."""
    x = np.linspace(300, 800, 512)
    lines = ((370, 6), (455, 28), (525, 33), (645, 42))
    spectra = np.stack([bell(x, c, w) for c, w in lines])
    spectra[0] += 0.2 * bell(x, 560, 70)
    return counted(rng, patches(rng, 4), spectra, x, 3e3)


def luminescence_on_substrate(rng):
    """Narrow emission of two kinds of particles on a substrate with a band."""
    x = np.linspace(300, 800, 512)
    spectra = np.stack([0.3 * bell(x, 560, 55), bell(x, 450, 6), 0.9 * bell(x, 650, 8)])
    maps = grains_on_film(((14, 15, 8), (33, 30, 10)), ((12, 36, 6), (36, 10, 7)))
    return counted(rng, maps, spectra, x, 3e3)


def raman(rng):
    """Three phases, each with its own fluorescence under its lines."""
    x = np.linspace(200, 2000, 600)
    lines = (((520, 6), (950, 20)), ((1080, 10), (1450, 12), (1600, 9)), ((700, 8), (1300, 10)))
    fluorescence = np.array([0.5, 0.3, 0.8])[:, None] * bell(x, 1500, 900)
    spectra = np.stack([3 * sum(lorentzian(x, c, w) for c, w in phase) for phase in lines])
    return counted(rng, patches(rng, 3), spectra + fluorescence, x, 6e4)


INFRARED = np.linspace(900, 1800, 450)
ABSORPTION = np.stack(
    [
        sum(a * bell(INFRARED, c, w) for c, w, a in phase)
        for phase in (
            ((1030, 15, 1.0), (1080, 12, 0.5), (1650, 20, 0.2)),
            ((1240, 15, 0.4), (1540, 18, 0.8), (1655, 16, 1.0)),
            ((1170, 12, 0.6), (1460, 10, 0.4), (1740, 12, 1.0)),
        )
    ]
)


def infrared(rng):
    """Absorption of three phases side by side, even noise."""
    return measured(rng, patches(rng, 3), ABSORPTION, INFRARED, 0.02)


def infrared_gradient(rng):
    """Two of them, from 20 to 80 per cent: alone nowhere."""
    return measured(rng, ramp(0.2, 0.8), ABSORPTION[:2], INFRARED, 0.02)


def plasmon(energy, centre, width):
    """Energy-loss function of a Drude metal."""
    return energy * width / ((energy**2 - centre**2) ** 2 + (energy * width) ** 2)


def plasmons(rng):
    """Three phases side by side, told by the shape of their plasmon."""
    x = np.arange(3, 60, 0.2)
    spectra = np.stack([plasmon(x, c, w) for c, w in ((15, 4), (18.5, 5), (22.5, 7))])
    return counted(rng, patches(rng, 3), spectra / spectra.sum(1, keepdims=True), x, 2e4)


def plasmons_on_film(rng):
    """Particles with a sharp plasmon on a film with a broad one."""
    x = np.arange(3, 60, 0.2)
    spectra = np.stack([plasmon(x, c, w) for c, w in ((24, 12), (15, 2))])
    maps = grains_on_film(((14, 15, 8), (33, 30, 10), (12, 36, 6)))
    return counted(rng, maps, spectra / spectra.sum(1, keepdims=True), x, 2e4)


KEV = 0.01 * np.arange(1, 1001)
LINES = {
    "C": ((0.277, 1.0),),
    "O": ((0.525, 1.0),),
    "Mg": ((1.254, 1.0),),
    "Al": ((1.487, 1.0),),
    "Si": ((1.740, 1.0),),
    "K": ((3.314, 1.0), (3.590, 0.1)),
    "Ca": ((3.692, 1.0), (4.013, 0.12)),
    "Ti": ((0.452, 0.2), (4.511, 1.0), (4.932, 0.14)),
    "Cr": ((0.573, 0.3), (5.415, 1.0), (5.947, 0.14)),
    "Fe": ((0.705, 0.5), (6.404, 1.0), (7.058, 0.14)),
    "Ni": ((0.852, 0.5), (7.478, 1.0), (8.265, 0.14)),
}


def xrays(continuum=0.03, **elements):
    """X-ray spectrum of so much of each element, of integral one."""
    resolution = np.sqrt(0.05**2 + 0.0025 * KEV * 2.35) / 2.35
    lines = sum(
        amount * height * bell(KEV, energy, np.interp(energy, KEV, resolution))
        for element, amount in elements.items()
        for energy, height in LINES[element]
    )
    slowing_down = continuum * np.clip(15 - KEV, 0, None) / np.maximum(KEV, 0.15)
    spectrum = lines + slowing_down * np.exp(-0.3 / np.maximum(KEV, 0.1) ** 1.5)
    return spectrum / spectrum.sum()


MINERALS = np.stack(
    [
        xrays(Si=2, O=2),
        xrays(Mg=1, Fe=0.6, Si=1, O=1.6),
        xrays(Ca=1, Al=1.2, Si=1.3, O=1.8),
        xrays(Fe=2, Ti=1, O=1.2),
        xrays(K=0.6, Al=0.7, Si=2, O=2),
    ]
)


def minerals(rng):
    """Five minerals that share lines, 150 counts a pixel."""
    return counted(rng, patches(rng, 5, 6.0), MINERALS, KEV, 150, "EDS_SEM_unmix")


def minerals_by_xrf(rng):
    """Four of them, 2,000 counts a pixel."""
    return counted(rng, patches(rng, 4, 6.0), MINERALS[:4], KEV, 2000, "EDS_SEM_unmix")


def alloy(rng):
    """Three phases of an alloy that differ by little, 80 counts a pixel."""
    spectra = np.stack(
        [xrays(Ni=2, Cr=0.5, Al=0.1), xrays(Ni=1.6, Al=0.6, Ti=0.2), xrays(Cr=2, Fe=0.4, C=0.3)]
    )
    return counted(rng, patches(rng, 3, 6.0), spectra, KEV, 80, "EDS_TEM_unmix")


def particles_by_eds(rng):
    """Two kinds of oxide particles, some over each other, on carbon."""
    spectra = np.stack([xrays(C=2, Ni=0.3), xrays(Fe=1, O=1.2), xrays(Ti=1, Si=0.3, O=0.5)])
    maps = grains_on_film(((14, 15, 8), (33, 30, 10)), ((12, 36, 6), (36, 10, 7), (28, 38, 8)))
    return counted(rng, maps * [0.6, 1, 1], spectra, KEV, 300, "EDS_TEM_unmix")


EV = np.arange(280.0, 980.0)


def edge(onset, height, lines=()):
    """Edge with near-edge lines (distance, half width, height), as an energy-loss spectrum."""
    continuum = height * np.where(onset <= EV, (np.maximum(EV, onset) / onset) ** -3.0, 0)
    return continuum + sum(a * lorentzian(EV, onset + d, w) for d, w, a in lines)


WHITE_LINES = [(d, 0.9, a) for d, a in ((2, 0.25), (4.2, 0.22), (7.4, 0.2), (9.6, 0.2))]
CORE_LOSSES = gaussian_filter(
    np.stack(
        [
            edge(456, 0.12, WHITE_LINES) + edge(532, 0.06, [(2, 1.2, 0.05), (8, 3, 0.04)]),
            edge(640, 0.05, [(0, 1.5, 0.25), (11, 1.8, 0.1)])
            + edge(532, 0.07, [(4, 2, 0.06), (12, 4, 0.02)]),
            edge(284, 0.35, [(1.5, 1, 0.3), (8, 4, 0.5)]),
        ]
    ),
    (0, 0.6),
)


def losses(rng, maps, spectra):
    """Core losses without background."""
    return counted(rng, maps, spectra, EV, 3e4, "EELS_unmix")


def mixed_oxides(rng):
    """Three phases, alone nowhere."""
    return losses(rng, patches(rng, 3, 1.0), CORE_LOSSES)


def oxide_gradient(rng):
    """Two oxides, from 20 to 80 per cent."""
    return losses(rng, ramp(0.2, 0.8), CORE_LOSSES[:2])


def oxides_on_carbon(rng):
    """Particles of an oxide on a carbon film."""
    maps = grains_on_film(((14, 15, 8), (33, 30, 10), (12, 36, 6)))
    return losses(rng, maps, CORE_LOSSES[[2, 0]])


def layer_between_oxides(rng):
    """Two oxides side by side, and a layer between them that is half of a pixel at most."""
    x = np.linspace(0, 1, N)
    right, layer = np.clip((x - 0.3) / 0.2, 0, 1), 0.5 * bell(x, 0.4, 0.04)
    shares = np.stack([(1 - right) * (1 - layer), right * (1 - layer), layer], -1)
    return losses(rng, np.broadcast_to(shares, (N, N, 3)), CORE_LOSSES)


def valences(rng):
    """One element, its white lines 1.7 eV apart."""
    oxygen = edge(532, 0.1, [(2, 2, 0.06), (9, 4, 0.05)])
    spectra = [oxygen + edge(708 + s, 0.1, [(0, 1.5, 0.3), (13, 1.8, 0.12)]) for s in (0, 1.7)]
    return losses(rng, patches(rng, 2), gaussian_filter(np.stack(spectra), (0, 1)))


KINDS: tuple[Callable[..., Scene], ...] = (
    *(flat_ramp, exponential_ramp, broad_bands, luminescence, luminescence_on_substrate, raman),
    *(infrared, infrared_gradient, plasmons, plasmons_on_film),
    *(minerals, minerals_by_xrf, alloy, particles_by_eds),
    *(mixed_oxides, oxide_gradient, oxides_on_carbon, layer_between_oxides, valences),
)
