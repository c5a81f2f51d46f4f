"""What a detector makes of expected electrons, on arrays."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d

from ._physics import peak_profile

Array = NDArray[np.float64]
DetectorKind = Literal["counting", "ccd"]


@dataclass(frozen=True)
class Detector:
    """Point spread, gain and read noise.

    Attributes
    ----------
    kind : {"counting", "ccd"}
        A counting detector gives every electron to one channel; on a CCD each electron's charge
        is shared between channels, which correlates their noise.
    psf_fwhm, psf_tail, psf_tail_length : float
        Point spread in channels: a Gaussian with a share of exponential wings.
    gain : float
        Recorded units per electron.
    read_noise : float
        Standard deviation in recorded units.
    """

    kind: DetectorKind
    psf_fwhm: float
    psf_tail: float
    psf_tail_length: float
    gain: float
    read_noise: float

    @property
    def kernel(self) -> Array:
        """Point spread over channels, odd length, summing to one."""
        half = int(np.ceil(max(2 * self.psf_fwhm, 6 * self.psf_tail_length)))
        channels = np.arange(-half, half + 1.0)
        kernel = peak_profile(channels, 1.0, self.psf_fwhm, self.psf_tail, self.psf_tail_length)
        summing_to_one: Array = kernel / kernel.sum()
        return summing_to_one

    @property
    def pad(self) -> int:
        """Channels needed on both sides of the recorded ones."""
        return len(self.kernel) // 2

    def spread(self, electrons: Array) -> Array:
        """Apply the point spread and keep the recorded channels.

        Parameters
        ----------
        electrons : ndarray, shape (..., n_channels + 2 pad)

        Returns
        -------
        ndarray, shape (..., n_channels)
        """
        spread: Array = convolve1d(electrons, self.kernel, axis=-1, mode="constant")
        return spread[..., self.pad : spread.shape[-1] - self.pad]

    def expect(self, electrons: Array) -> Array:
        """Expected recording of expected electrons, in recorded units."""
        return self.gain * self.spread(electrons)

    def record(
        self, electrons: Array, rng: np.random.Generator
    ) -> NDArray[np.uint32] | NDArray[np.float32]:
        """Draw one recording: uint32 from a counting detector, float32 from a CCD."""
        if self.kind == "counting":
            return rng.poisson(self.spread(electrons)).astype(np.uint32)
        recorded = self.expect(rng.poisson(electrons).astype(float))
        recorded += rng.normal(0, self.read_noise, recorded.shape)
        return recorded.astype(np.float32)
