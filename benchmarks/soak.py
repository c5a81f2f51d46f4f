"""Hundreds of random spectrum images unmixed: `python benchmarks/soak.py --number 500 --seed 0`.

Whatever the shape, the type of number, the dose and the defects, an image is unmixed or refused in
a sentence of ours: no other exception, no warning of numpy, no NaN outside the masked pixels, the
input as it was, and no memory kept. ``--only K`` runs the K-th image alone and shows what went
wrong. The table is written to docs/benchmarks/.
"""

from __future__ import annotations

import argparse
import ast
import gc
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from common.soak_scenes import Scene, random_scene
from common.tables import markdown, publish, quiet

import hyperspy_unmix

PACKAGE = Path(hyperspy_unmix.__file__).parent
WARM_UP = 50  # images, before memory is measured
BLOCK = 25  # images, of which the least memory is kept: what is in use for a moment does not count
AGAIN = 50  # images that are done again, twice: caches are filled then, and nothing should be kept
LEAKS = 5.0  # KiB an image done again
SHORTEST, LONGEST = 20, 500  # of an error's words


@dataclass
class Record:
    """What came of an image: the first words of its refusal, and what went wrong."""

    scene: Scene
    refused: str = ""
    faults: list[str] = field(default_factory=list)
    detail: str = ""
    components: int = 0


@cache
def raising_lines(path: str) -> frozenset[int]:
    """Lines of a file on which a ``raise`` statement stands."""
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    raises = [node for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    return frozenset(line for node in raises for line in range(node.lineno, node.end_lineno + 1))


def is_ours(error: BaseException) -> bool:
    """A ValueError or TypeError that a ``raise`` of the package made, in a sentence."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    words = str(error)
    return (
        isinstance(error, (ValueError, TypeError))
        and Path(last.filename).is_relative_to(PACKAGE)
        and last.lineno in raising_lines(last.filename)
        and SHORTEST <= len(words) <= LONGEST
        and " " in words
    )


def where(error: BaseException) -> str:
    """Type, words and place of an exception, without anything of this machine."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    words = str(error).splitlines()[0] if str(error) else ""
    return f"{type(error).__name__}: {words[:80]} ({Path(last.filename).name}, {last.name})"


def of_numpy(category: type[Warning]) -> bool:
    """Whether a warning says that numbers went wrong; deprecations are no business of this."""
    numpys = category.__module__.startswith("numpy") and "Deprecation" not in category.__name__
    return issubclass(category, RuntimeWarning) or numpys


def fingerprint(thing: Any) -> tuple[Any, ...]:
    """Bytes, axes and metadata of a signal, or those of an array."""
    if not hasattr(thing, "axes_manager"):
        return (np.asarray(thing).tobytes(),)
    values = thing.data.compute() if hasattr(thing.data, "dask") else thing.data
    told = thing.axes_manager.as_dictionary(), thing.metadata.as_dictionary()
    return values.tobytes(), values.dtype, values.strides, repr(told), repr(thing.learning_results)


def computed(signal: Any) -> np.ndarray:
    """The data of a signal."""
    return np.asarray(signal.data.compute() if hasattr(signal.data, "dask") else signal.data)


def misplaced(result: Any, scene: Scene) -> list[str]:
    """Signals that hold NaN where pixels or channels count, or none where they are masked."""
    found = []
    for name in ("maps", "maps_uncertainty"):
        values = computed(getattr(result, name))
        values = np.moveaxis(values, max(values.ndim - 3, 0), 0)
        if (np.isnan(values).reshape(len(values), -1) != scene.masked.ravel()).any():
            found.append(f"NaN in {name}")
    energies = result.spectra.axes_manager.signal_axes[0].axis
    axis = scene.signal.axes_manager.signal_axes[0].axis
    channels = np.abs(energies[:, None] - axis).argmin(1)
    dead = result.settings["dead channels"].value if "dead channels" in result.settings else 0
    shift = result.settings["energy shift"].value if "energy shift" in result.settings else 0
    for name in ("spectra", "spectra_uncertainty"):
        missing = np.isnan(computed(getattr(result, name))).any(0)
        # where spectra are moved along the axis, their excluded channels are wider
        if not shift and (missing & ~scene.excluded[channels]).sum() > dead:
            found.append(f"NaN in {name}")
    return found


def look(result: Any, scene: Scene, rng: np.random.Generator, folder: Path) -> list[str]:
    """Everything that a result can be asked for, some of it now and then."""
    found = misplaced(result, scene)
    if len(repr(result)) < SHORTEST:
        found.append("nothing printed")
    if rng.random() < 0.3:
        model, residual = computed(result.model()), computed(result.residual())
        kept = ~scene.masked & np.isfinite(model).any(-1)
        if (kept != ~scene.masked).any():
            found.append("NaN in model")
        data = computed(scene.signal)[..., -model.shape[-1] :].astype(float)
        both = np.isfinite(model) & np.isfinite(residual)
        scale = max(np.abs(data[both]).max(initial=0), 1e-30)
        if result.settings.get("signal_range") is None and both.any():
            gap = np.abs(model[both] + residual[both] - data[both]).max()
            if gap > 1e-4 * scale:
                found.append("model and residual are not the data")
    if rng.random() < 0.15:
        path = folder / "r.hspy"
        result.save(path, overwrite=True)
        back = hyperspy_unmix.load(path)
        if any(
            computed(getattr(back, name)).tobytes() != computed(getattr(result, name)).tobytes()
            for name in ("spectra", "maps")
        ):
            found.append("another result loaded than saved")
    if rng.random() < 0.15:
        given = {name: value for name, value in scene.keywords.items() if name != "n_components"}
        again = computed(result.apply(scene.signal, **given).maps)
        if np.isinf(again).any():
            found.append("infinity in the maps of apply()")
    return found


def examine(scene: Scene, rng: np.random.Generator, folder: Path) -> Record:
    """Unmix an image and look at the result."""
    record = Record(scene)
    given = [
        scene.signal,
        *(v for v in scene.keywords.values() if hasattr(v, "shape") or hasattr(v, "axes_manager")),
    ]
    before = [fingerprint(thing) for thing in given]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = hyperspy_unmix.unmix(scene.signal, **scene.keywords)
            record.components = result.n_components
            record.faults += look(result, scene, rng, folder)
        except Exception as error:
            if is_ours(error):
                record.refused = str(error)
            else:
                record.faults.append(where(error))
                record.detail = traceback.format_exc()
    told = [w for w in caught if of_numpy(w.category)]
    places = {f"{w.category.__name__}: {w.message} ({Path(w.filename).name})" for w in told}
    record.faults += sorted(places)
    if [fingerprint(thing) for thing in given] != before:
        record.faults.append("the input was changed")
    return record


def memory() -> float:
    """Resident memory in MiB, after everything that can be given back was."""
    import ctypes
    import sys

    import psutil

    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)
    return psutil.Process().memory_info().rss / 2**20


def slope(used: list[float]) -> tuple[float, float]:
    """Growth in KiB an image and its standard error, of the least in each block of images."""
    blocks = [min(used[k : k + BLOCK]) for k in range(WARM_UP, len(used) - BLOCK + 1, BLOCK)]
    if len(blocks) < 3:
        return float("nan"), float("nan")
    x = np.arange(len(blocks)) * BLOCK
    (rate, _), covariance = np.polyfit(x, np.array(blocks) * 1024, 1, cov=True)
    return float(rate), float(np.sqrt(covariance[0, 0]))


def kept(seed: int, number: int, folder: Path) -> float:
    """KiB that an image done again leaves behind: growth from the second time to the third."""
    used = []
    for _ in range(2):
        for k in range(number):
            rng = np.random.default_rng([seed, k])
            examine(random_scene(rng), rng, folder)
        used.append(memory())
    return (used[1] - used[0]) * 1024 / number


def by_kind(records: list[Record]) -> list[list[Any]]:
    """Rows of the table: how many of each kind were unmixed, refused, or went wrong."""
    rows = []
    for name, kinds in KINDS.items():
        of = [kinds(r.scene) for r in records]
        for value in sorted({kind for several in of for kind in several}):
            some = [r for r, several in zip(records, of, strict=True) if value in several]
            refused, wrong = (sum(bool(getattr(r, x)) for r in some) for x in ("refused", "faults"))
            done = sum(not r.refused and not r.faults for r in some)
            rows.append([name, value.split(") ")[-1], len(some), done, refused, wrong])
            name = ""
    return rows


def first_words(words: str) -> str:
    """The beginning of a sentence, without its numbers."""
    plain = "".join("#" if c.isdigit() else c for c in words[:70].rsplit(" ", 1)[0])
    while "##" in plain:
        plain = plain.replace("##", "#")
    return plain.replace("|", "\\|")


def counted(words: list[tuple[str, int]]) -> list[list[Any]]:
    """Rows of words, how often they came, and in which images first."""
    often = Counter(w for w, _ in words)
    return [
        [w, n, ", ".join([str(k) for x, k in words if x == w][:5])] for w, n in often.most_common()
    ]


def main() -> None:
    """Unmix all of them, print and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int)
    asked = parser.parse_args()
    quiet()
    records, used, start = [], [], time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        for k in range(asked.number) if asked.only is None else [asked.only]:
            rng = np.random.default_rng([asked.seed, k])
            record = examine(random_scene(rng), rng, Path(folder))
            record.scene.forget()
            records.append(record)
            used.append(memory())
            for fault in record.faults:
                print(f"{k}: {record.scene.words()}: {fault}", flush=True)
            if asked.only is not None:
                print(record.scene.words(), record.refused, record.detail)
        if asked.only is None:
            minutes = (time.perf_counter() - start) / 60
            again = kept(asked.seed, min(AGAIN, asked.number), Path(folder))
            report(records, used, again, minutes)


def report(records: list[Record], used: list[float], again: float, minutes: float) -> None:
    """Print and write what came of the images; exit status 1 where something went wrong."""
    rate, error = slope(used)
    grows = again > LEAKS
    wrong = sum(bool(r.faults) for r in records)
    refusals = [(first_words(r.refused), k) for k, r in enumerate(records) if r.refused]
    faults = [(f.replace("|", "\\|"), k) for k, r in enumerate(records) for f in r.faults]
    done = sum(not r.refused and not r.faults for r in records)
    parts = [
        f"Of {len(records)} random images {done} were unmixed without a fault, {len(refusals)} "
        f"were refused in a sentence of ours, and {wrong} went wrong; {minutes:.1f} minutes.",
        markdown(
            ["", "", "images", "unmixed", "refused", "wrong"],
            by_kind(records),
        ),
        "## Refused, by the first words\n\n"
        + (markdown(["error", "images", "which"], counted(refusals)) if refusals else "None."),
        "## Went wrong\n\n"
        + (markdown(["what", "images", "which"], counted(faults)) if faults else "None."),
        f"## Memory\n\n{used[min(WARM_UP, len(used) - 1)]:.0f} MiB after {WARM_UP} images, "
        f"{used[-1]:.0f} MiB at the end: growth {rate:.1f} ± {error:.1f} KiB an image of another "
        f"shape (least of every {BLOCK} images). The first {AGAIN} images, done a third time: "
        f"{again:.1f} KiB an image, {'MEMORY IS KEPT' if grows else 'nothing is kept'}.",
    ]
    publish("soak", "Soak: hundreds of random images", *parts)
    if wrong or grows:
        raise SystemExit(1)


KINDS: dict[str, Callable[[Scene], list[str]]] = {
    "signal": lambda s: [s.kind],
    "navigation axes": lambda s: [str(s.masked.ndim)],
    "numbers": lambda s: [s.numbers.lstrip(">"), *(["big-endian"] if ">" in s.numbers else [])],
    "data": lambda s: [s.storage],
    "counts per channel": lambda s: [s.dose_range],
    "components in it": lambda s: [str(s.rank)],
    "with": lambda s: s.extras or ["nothing else"],
}


if __name__ == "__main__":
    main()
