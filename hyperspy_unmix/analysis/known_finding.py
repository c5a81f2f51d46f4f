"""Components that were given, and how well they fit the data: as facts, and in plain words."""

from __future__ import annotations

from dataclasses import dataclass

from hyperspy_unmix.numerics.types import Floats
from hyperspy_unmix.settings import MISSING, NO_PHASE, WRONG, Choice, Settings, caution

MOST_NOISE = 0.5  # of the squares of a spectrum that is known
MOST_NEGATIVE = 0.05  # of what is in it


@dataclass(frozen=True)
class KnownSpectra:
    """Spectra that are known, on the channels of the image.

    Parameters
    ----------
    names : tuple of str
    spectra : array, shape (known, channels)
        Per channel, in any scale; background and plural scattering out.
    pixels : tuple of int
        Of how many pixels each is the mean; zero for a spectrum that was given.
    scatter : tuple of float
        Covariance of the noise of the scores, over that of one pixel of unit weight; of spectra
        that were given zero.
    variance : array, shape (known, channels)
        Of their noise, that of their sum left out.
    angles : tuple of float
        Degrees between each and what the components of the data hold of it, noise aside.
    fits : tuple of bool
        Whether that is no more than noise, or little.
    offsets : tuple of (float or None)
        By how much the energies of each are too high, where that is why it does not fit.
    broadenings : tuple of (float or None)
        Likewise the width (FWHM) of the Gaussian that broadens it to the resolution of the data,
        or, negative, these to its own.
    noise : tuple of float
        Share of its squares that neighbouring channels have not in common, and the data lack.
    negative : tuple of float
        Share of its sum of magnitudes that is negative, noise aside.
    units : str
        Of the energies.
    """

    names: tuple[str, ...]
    spectra: Floats
    pixels: tuple[int, ...]
    scatter: tuple[float, ...]
    variance: Floats
    angles: tuple[float, ...]
    fits: tuple[bool, ...]
    offsets: tuple[float | None, ...]
    units: str
    broadenings: tuple[float | None, ...] = ()
    noise: tuple[float, ...] = ()
    negative: tuple[float, ...] = ()

    @property
    def are_held(self) -> tuple[bool, ...]:
        """Which are spectra that the components hold exactly: those that were given, and fit."""
        return tuple(fits and not n for fits, n in zip(self.fits, self.pixels, strict=True))


@dataclass(frozen=True)
class KnownFinding:
    """Components that were given.

    Parameters
    ----------
    names, pixels, angles, fits, offsets, units, broadenings, noise, negative
        As in `KnownSpectra`.
    places : tuple of int
        Their numbers in the result.
    n_components, n_counted : int
        Components of the result, and those that the counts support.
    held : tuple of bool
        Which are exactly as they were given, and not the nearest that the data hold.
    """

    names: tuple[str, ...]
    places: tuple[int, ...]
    pixels: tuple[int, ...]
    angles: tuple[float, ...]
    fits: tuple[bool, ...]
    offsets: tuple[float | None, ...]
    units: str
    n_components: int
    n_counted: int
    held: tuple[bool, ...] = ()
    broadenings: tuple[float | None, ...] = ()
    noise: tuple[float, ...] = ()
    negative: tuple[float, ...] = ()

    @property
    def are_all(self) -> bool:
        """Whether no component is to be found beside them."""
        return len(self.names) == self.n_components

    def choices(self) -> Settings:
        """In plain words."""
        sources = [
            f"{name}: mean of {n:,} pixel{'s' * (n != 1)}" if n else f"{name}: spectrum given"
            for name, n in zip(self.names, self.pixels, strict=True)
        ]
        others = self.n_components - len(self.names)
        beside = f"; {others} beside them unmixed" if others else "; nothing was unmixed"
        values = {
            name: round(angle, 1) for name, angle in zip(self.names, self.angles, strict=True)
        }
        reason = (
            f"degrees from the nearest that the components of the data hold, noise aside "
            f"({'; '.join(sources)}){beside}"
        )
        settings: Settings = {"known": Choice(values, reason)}
        if self.are_all:
            how = f"({', '.join(self.names)}); maps by Poisson maximum likelihood, non-negative"
            settings["spectra"] = Choice("given", f"given {how}")
        if self.are_all and self.n_counted > self.n_components:
            hint = (
                f"the counts support {self.n_counted} components, {self.n_components} are known "
                "and no other was asked for: what the others hold is in maps or residual. "
                f"n_components={self.n_counted} unmixes the others beside them"
            )
            short = (
                f"The counts support {self.n_counted} components, {self.n_components} are known: "
                f"n_components={self.n_counted} unmixes the others."
            )
            settings |= caution("more components", hint, short, MISSING)
        for i in range(len(self.names)):
            settings |= self._misfit(i)
        return settings

    def _misfit(self, i: int) -> Settings:
        """A warning where a known component is none of the data."""
        name, calibration = self.names[i], self._calibration(i)
        share = self.noise[i] if self.noise else 0.0
        if share > MOST_NOISE and not self.pixels[i]:
            hint = (
                f"known {name!r} is mostly noise: {100 * share:.0f} % of its squares are in single "
                "channels that have nothing in common with their neighbours. Give the mean of more "
                "spectra, a smoothed one, or pixels (a mask or an ROI); or leave it out"
            )
            short = f"Known {name!r} is mostly noise: give the mean of more spectra."
            return caution(f"known {name}", hint, short, WRONG)
        negative = self.negative[i] if self.negative else 0.0
        if self.fits[i] and negative > MOST_NEGATIVE and not self.pixels[i]:
            hint = (
                f"known {name!r} is a sum of what the data hold, but {100 * negative:.0f} % of it "
                "is negative: the difference of phases, or one with too much background taken out. "
                "Give the spectrum of one phase; it was taken as it is"
            )
            short = f"Known {name!r} is negative in part ({100 * negative:.0f} %): no single phase."
            return caution(f"known {name}", hint, short, NO_PHASE)
        if self.fits[i]:
            return {}
        found = (
            f"known {name!r} is {self.angles[i]:.1f} degrees from anything that the components of "
            "the data add up to"
        )
        if calibration:
            taken = (
                "Nothing was shifted or broadened: the fit has it as it was given"
                if self.are_all
                else "Nothing was shifted or broadened: the nearest that the data hold was taken"
            )
            hint = f"{found}: {calibration[0]}, then it fits. {taken}. {calibration[1]}"
        elif self.pixels[i]:
            hint = (
                f"{found}: what these pixels hold is below the noise elsewhere. Ask for more "
                "components, or average more pixels"
            )
        else:
            hint = (
                f"{found}. It must be single scattering without background, recorded with the same "
                "dispersion and resolution; if so, the phase is not in these data, or too faint to "
                "tell: ask for more components, or leave it out"
            )
        short = f"Known {name!r} does not fit the data: see its warning in u.settings."
        return caution(f"known {name}", hint, short, WRONG)

    def _calibration(self, i: int) -> tuple[str, str] | None:
        """What makes it fit, and what to do; None where nothing does."""
        offset = self.offsets[i]
        broadening = self.broadenings[i] if self.broadenings else None
        found, todo = [], []
        if offset is not None:
            direction = "high" if offset > 0 else "low"
            found.append(f"its energies are {abs(offset):.2g} {self.units} too {direction}")
            todo.append(
                f"calibrate one of the two energy axes (the axis's offset, {-offset:+.2g} "
                f"{self.units} of what is known)"
            )
        if broadening is not None:
            width = f"{abs(broadening):.2g} {self.units} (FWHM)"
            if broadening > 0:
                found.append(f"it is sharper than the data, by a Gaussian of {width}")
                todo.append(f"broaden it by {width}")
            else:
                found.append(f"it is broader than the data, by a Gaussian of {width}")
                todo.append("give one that was recorded with the resolution of the data")
        if not found:
            return None
        what = " and ".join(todo)
        return " and ".join(found), what[0].upper() + what[1:]


@dataclass(frozen=True)
class EvenKnown:
    """A known component that was taken to lie evenly under all others."""

    name: str

    def choices(self) -> Settings:
        """In plain words."""
        reason = (
            "known, and even over the scan once the others hold as little of it as they can: taken "
            "to lie under them. How much of it they hold themselves the data do not tell"
        )
        return {"even": Choice(self.name, reason)}
