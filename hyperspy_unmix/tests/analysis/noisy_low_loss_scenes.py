"""Dual EELS of fine dispersion on a camera with read noise: a wedge of one phase, or of two."""

import exspy
import numpy as np

from hyperspy_unmix.signals import EELSUnmixSpectrum

N, FWHM, BELOW = 1024, 0.9, 200.0  # channels, eV, eV of the core loss that are before its axis


def plasmon(energies, centre, width):
    """Drude's loss function above 2 eV, of unit sum."""
    function = energies * width / ((energies**2 - centre**2) ** 2 + (energies * width) ** 2)
    function = np.where(energies > 2, function, 0)
    return function / function.sum()


def core(energies, shift):
    """White lines and a step behind them."""
    lines = ((460.5, 0.5, 1.0), (463, 1.0, 1.5), (466.5, 1.0, 1.8), (469, 1.2, 2.2))
    peaks = sum(h * np.exp(-(((energies - e + shift) / w) ** 2)) for e, w, h in lines)
    return 2.5 * peaks + 0.8 / (1 + np.exp(462 - energies))


def wedge(read=100.0, gain=5.0, seed=0, phases=1, shape=(6, 10), scale=0.05, thickest=0.9):
    """Signal, low loss and t/lambda; a second phase grows along the rows."""
    rng = np.random.default_rng(seed)
    t = np.linspace(0.2, thickest, np.prod(shape)).reshape(shape)
    length, below = 8 * N, round(BELOW / scale)
    energies = scale * np.arange(length)
    frequency = np.fft.rfftfreq(length, scale)
    peak = np.exp(-((np.pi * frequency * FWHM) ** 2) / (4 * np.log(2)))
    valence = np.fft.rfft([plasmon(energies, 22, 12), plasmon(energies, 27, 9)])
    losses = 435 - BELOW + energies
    background = 0.5 * (losses / 435) ** -3.0
    edges = [core(losses, 0) + background, core(losses, 1.2) + background]
    share = np.linspace(0, 1, shape[1]) * (phases - 1)
    low_loss, core_loss = np.empty((*shape, N)), np.empty((*shape, N))
    for i in np.ndindex(shape):
        mixed = np.array([1 - share[i[1]], share[i[1]]])
        plural = np.exp(t[i] * (mixed @ valence - 1)) * peak
        recorded = np.fft.irfft(plural, length)
        low_loss[i] = 1.2e6 * np.roll(recorded, round(5 / scale))[:N]
        single = np.fft.rfft(t[i] * (mixed @ edges))
        core_loss[i] = 1500 * np.fft.irfft(single * plural, length)[below : below + N]

    def camera(expected, offset, kind):
        counts = gain * rng.poisson(np.maximum(expected, 0) / gain)
        signal = kind((counts + rng.normal(0, read, expected.shape)).astype(np.float32))
        axis = signal.axes_manager[-1]
        axis.scale, axis.offset, axis.units = scale, offset, "eV"
        return signal

    from_zero = camera(low_loss, -5.0, exspy.signals.EELSSpectrum)
    return camera(core_loss, 435.0, EELSUnmixSpectrum), from_zero, t
