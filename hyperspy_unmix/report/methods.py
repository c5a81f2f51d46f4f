"""What was done, as a paragraph for the methods section of a paper, with its references."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperspy_unmix import __version__
from hyperspy_unmix.analysis.evidence_finding import EvidenceFinding
from hyperspy_unmix.analysis.factorisation_finding import (
    FACTORISATION_NAMES,
    START_NAMES,
    FactorisationFinding,
)
from hyperspy_unmix.analysis.found_by import BesideAlone, BesideKnown
from hyperspy_unmix.analysis.separation_findings import IcaFinding, RefinementFinding
from hyperspy_unmix.numerics.separation.pure_pixels import PurePixels
from hyperspy_unmix.preparation.low_loss_report import method_name
from hyperspy_unmix.preparation.metadata import base_type
from hyperspy_unmix.settings import finding_of

if TYPE_CHECKING:
    from hyperspy_unmix.components.components import Components

PACKAGES = ("hyperspy", "exspy", "numpy", "scipy", "scikit-learn", "python-picard", "dask")
REFERENCES = {
    "hyperspy": "F. de la Peña et al., HyperSpy, https://doi.org/10.5281/zenodo.592838",
    "biwhitening": "B. Landa, T. T. C. K. Zhang, Y. Kluger, SIAM J. Math. Data Sci. 4 (2022) 1420, "
    "https://doi.org/10.1137/21M1456807",
    "edge": "I. M. Johnstone, Ann. Statist. 29 (2001) 295, https://doi.org/10.1214/aos/1009210544",
    "elbow": "A. Onatski, Rev. Econ. Stat. 92 (2010) 1004, https://doi.org/10.1162/REST_a_00043",
    "egerton": "R. F. Egerton, Electron Energy-Loss Spectroscopy in the Electron Microscope, 3rd "
    "ed. (2011), https://doi.org/10.1007/978-1-4419-9583-4",
    "picard": "P. Ablin, J.-F. Cardoso, A. Gramfort, IEEE Trans. Signal Process. 66 (2018) 4040, "
    "https://doi.org/10.1109/TSP.2018.2844203",
    "fastica": "A. Hyvärinen, IEEE Trans. Neural Netw. 10 (1999) 626, "
    "https://doi.org/10.1109/72.761722",
    "nmf": "D. D. Lee, H. S. Seung, Nature 401 (1999) 788, https://doi.org/10.1038/44565",
    "mcr-als": "R. Tauler, Chemom. Intell. Lab. Syst. 30 (1995) 133, "
    "https://doi.org/10.1016/0169-7439(95)00047-X",
    "pure": "M. E. Winter, Proc. SPIE 3753 (1999) 266, https://doi.org/10.1117/12.366289",
    "icasso": "J. Himberg, A. Hyvärinen, F. Esposito, NeuroImage 22 (2004) 1214, "
    "https://doi.org/10.1016/j.neuroimage.2004.03.027",
    "ambiguity": "W. H. Lawton, E. A. Sylvestre, Technometrics 13 (1971) 617, "
    "https://doi.org/10.1080/00401706.1971.10488823",
}


def versions() -> dict[str, str]:
    """Versions of this package and of those it stands on."""
    by_package = {"hyperspy_unmix": __version__}
    for package in PACKAGES:
        try:
            by_package[package] = version(package)
        except PackageNotFoundError:
            continue
    return by_package


def methods(result: Components) -> tuple[str, list[str]]:
    """The paragraph, and the references that its numbers in brackets stand for."""
    cited: list[str] = []

    def cite(*names: str) -> str:
        cited.extend(name for name in names if name not in cited)
        return f"[{', '.join(str(cited.index(name) + 1) for name in names)}]"

    sentences = [
        _data_and_program(result, cite("hyperspy")),
        _noise(result, cite("biwhitening")),
        *_physics(result, cite),
        _number(result, cite("edge", "elbow")),
        *_separation(result, cite),
        "Error bands are two standard deviations, of the noise of the data and of components "
        "mixed up with each other; the stability index is that of repeated runs on other noise, "
        f"with these errors {cite('icasso')}, the range of what describes the data as well that "
        f"of spectra and maps non-negative within the noise {cite('ambiguity')}.",
    ]
    return " ".join(sentences), [REFERENCES[name] for name in cited]


def _data_and_program(result: Components, reference: str) -> str:
    image = result.prepared.image
    kind = base_type(image.frame).replace("_TEM", "").replace("_SEM", "")
    pixels, channels = image.blocks.shape
    axis = image.axis
    ends = np.sort(axis.axis[[0, -1]])
    by_package = versions()
    return (
        f"The {kind + ' ' if kind else ''}spectrum image ({pixels} pixels, {channels} channels "
        f"from {ends[0]:.5g} to {ends[1]:.5g}{_units(axis)}) was unmixed with hyperspy_unmix "
        f"{by_package['hyperspy_unmix']}, an extension of HyperSpy {by_package['hyperspy']} "
        f"{reference}."
    )


def _units(axis: Any) -> str:
    """Units of an axis behind a number; HyperSpy's word for missing ones is none."""
    units = str(axis.units)
    return "" if not units or "undefined" in units else f" {units}"


def _noise(result: Components, reference: str) -> str:
    noise = result.prepared.noise
    return (
        f"Rows and columns were weighted so that their noise is white {reference}; noise model: "
        f"{noise.describe()}."
    )


def _physics(result: Components, cite: Callable[..., str]) -> list[str]:
    """A sentence for each correction that was made."""
    prepared, sentences = result.prepared, []
    fit, book = result.pca.background_fit, "egerton"
    if fit is not None:
        spans = " and ".join(f"{a:g} to {b:g}" for a, b in prepared.background.ranges)
        units = _units(prepared.image.axis)
        sentences.append(
            f"The background ({fit.law}) was fitted from {spans}{units} and subtracted "
            f"{cite(book)}."
        )
    if prepared.drift is not None and prepared.drift.applied:
        sentences.append(f"Energy drift was taken out ({prepared.drift.described}).")
    if prepared.kernel is not None:
        name = method_name(prepared.kernel.method)
        sentences.append(
            f"Plural scattering was taken out by the {name} method {cite(book)} with the low loss, "
            f"in compressed form; maps are in single-scattering {prepared.unit}."
        )
    return sentences


def _number(result: Components, reference: str) -> str:
    n, count = result.n_components, result.pca.count
    taken = f"{n} component{'s were' if n != 1 else ' was'} taken"
    together = result.settings.get("together")
    if together is not None:
        taken += f", of {together.value} signals together"
    support = f"the data support {count.consensus}"
    if together is not None:
        support = f"this signal alone supports {count.consensus}"
    elif count.automatic < count.consensus:
        support += f", {count.automatic} of them stable when separated"
    parts = [
        f"{support}: the median of those above the noise edge ({count.noise_edge}), before the "
        f"elbow of the scree ({count.elbow}) {reference}, and found again in an independent share "
        f"of the data ({count.split_half})"
    ]
    if count.drift:
        parts.append(f"less {count.drift} made by an energy drift")
    if result.prepared.corrections.corrections:
        parts.append(f"at most those left after the corrections ({count.after_physics})")
    return f"{taken}; {', '.join(parts)}."


def _of_corners(cite: Callable[..., str]) -> str:
    return f"that differ from a corner of the data's simplex {cite('pure')} by noise only"


def _separation(result: Components, cite: Callable[..., str]) -> list[str]:
    found_by, findings = result.separated.found_by, result.separated.findings
    sentences = []
    if isinstance(found_by, BesideKnown) and found_by.before is not None:
        names = ", ".join(found_by.known.names)
        sentences.append(f"The spectra of {names} were given and held, the others found beside.")
        found_by = found_by.before
    if result.are_spectra_given:
        return [f"The spectra were {result.settings['spectra'].reason}."]
    if isinstance(found_by, PurePixels):
        evidence = finding_of(findings, EvidenceFinding)
        assumed = "was assumed to be" if evidence is None else "is, on the evidence of the data,"
        return [
            *sentences,
            f"Every component {assumed} alone in some pixels: its spectrum is the mean of those "
            f"{_of_corners(cite)}.",
        ]
    factorised = finding_of(findings, FactorisationFinding)
    if factorised is not None:
        name = FACTORISATION_NAMES[factorised.algorithm]
        return [
            f"The components are those of {name} {cite(factorised.algorithm)}: "
            f"{factorised.material}, from {START_NAMES[factorised.start]}."
        ]
    if result.n_components == 1:
        return ["One component needs no separation."]
    if isinstance(found_by, BesideAlone):
        number = int(found_by.is_alone.sum())
        sentences.append(
            f"{number} component{'s are' if number != 1 else ' is'} alone in many pixels; the "
            f"spectrum is the mean of those {_of_corners(cite)}."
        )
    ica = finding_of(findings, IcaFinding)
    used = "picard" if ica is None else ica.used
    reference = cite("picard" if used == "picard" else "fastica")
    details = "" if ica is None else f" ({ica.method}) {ica.material}"
    which = "The others" if isinstance(found_by, BesideAlone) else "They"
    sentences.append(
        f"{which} were separated by independent component analysis {reference}{details}."
    )
    refined = finding_of(findings, RefinementFinding)
    if refined is not None and refined.before <= 1:
        sentences.append(
            "No spectrum or map is more negative than its noise, and none was changed for that."
        )
    elif refined is not None:
        sentences.append(
            "The components were then mixed as little as needed to make spectra and maps "
            "non-negative within their noise (spectra turned by "
            f"{max(refined.moved):g} degrees at most)."
        )
    return sentences
