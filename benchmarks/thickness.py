"""t/lambda against the truth, and beside exspy's: `python benchmarks/thickness.py`.

Wedges of every phase, t/lambda 0.1 to 1.5, and all other EELS phantoms; the low loss drawn with 300
to 1e6 electrons a pixel. About two minutes; `--quick` takes one seed. Table and figure are written
to docs/benchmarks/. The measured map in ../shared/data is compared with exspy's where it is there.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from common import eels_scenes as eels
from common.eels_scenes import FOILS, PHASES, Floats, percent
from common.tables import ABSENT, MEASURED, markdown, publish, quiet

COUNTS = (300.0, 1e3, 1e4, 1e6)
ENDS = (0.1, 1.5)
BINS = (0.1, 0.2, 0.4, 0.7, 1.0, 1.51)
OURS, SMOOTHED, EXSPY = "each pixel by itself", "smoothed", "exspy"
SCENES = (*(eels.wedge(phase, ENDS) for phase in PHASES), *FOILS)
N_WEDGES = len(PHASES)
MEASURED_MAP = MEASURED / "eels_carbon_calcium_map" / "coreloss_map1_aligned_binned.hspy"


def ours(low_loss: Any) -> dict[str, Any]:
    """The two values of every pixel: from its own counts, and as `Unmixing.thickness` has it."""
    from hyperspy_unmix.numerics.low_loss.analysis import analyse_low_loss
    from hyperspy_unmix.numerics.low_loss.thickness_map import thickness_map
    from hyperspy_unmix.numerics.reading.row_blocks import row_blocks

    energies = np.asarray(low_loss.axes_manager.signal_axes[0].axis, float)
    found = analyse_low_loss(row_blocks(low_loss.data), energies)
    arrays = (found.t_over_lambda, found.t_error, found.zero_loss)
    smoothed = thickness_map(*(values.reshape(low_loss.data.shape[:2]) for values in arrays))
    return {OURS: found.t_over_lambda, SMOOTHED: smoothed.values.ravel()}


def exspy(low_loss: Any, threshold: Any = None) -> Floats:
    """The `estimate_thickness` of exspy, by default with its threshold for the mean spectrum."""
    signal = eels.plain(low_loss)
    if threshold is None:
        threshold = exspy_threshold(signal.mean())
    return np.asarray(signal.estimate_thickness(threshold=threshold).data, float).ravel()


def exspy_threshold(signal: Any) -> float:
    """Threshold that exspy finds for one spectrum, in eV."""
    found = signal.estimate_elastic_scattering_threshold(window=10.0)
    return float(found.data.ravel()[0])


def everybody(low_loss: Any) -> dict[str, Floats]:
    """t/lambda of each pixel by every method."""
    return ours(low_loss) | {EXSPY: exspy(low_loss)}


class Errors:
    """Errors of one scene at one dose, all seeds together."""

    def __init__(self, true: Floats, received: Floats) -> None:
        self.true, self.received = true, received
        self.found: dict[str, list[Floats]] = {}

    def add(self, found: dict[str, Floats]) -> None:
        """Add what one seed gave."""
        for method, values in found.items():
            self.found.setdefault(method, []).append(values)

    def bias(self, method: str, low: float = 0.0, high: float = np.inf) -> float:
        """Mean of found / true - 1 over the pixels between two thicknesses."""
        inside = (self.true >= low) & (self.true < high)
        if method not in self.found or inside.sum() < 20:
            return float("nan")
        return float(np.nanmean([t[inside] / self.true[inside] - 1 for t in self.found[method]]))

    def standard_error(self, low: float, high: float) -> float:
        """Of the bias, from Poisson counts alone."""
        inside = (self.true >= low) & (self.true < high)
        noise = np.expm1(self.true) / self.received / self.true**2
        seeds = max(len(values) for values in self.found.values())
        return float(np.sqrt(noise[inside].mean() / (inside.sum() * seeds)))

    def scatter(self, method: str, low: float = 0.0, high: float = np.inf) -> float:
        """r.m.s. error over that of Poisson counts, sqrt((exp(t) - 1) / N)."""
        inside = (self.true >= low) & (self.true < high)
        if method not in self.found or not inside.any():
            return float("nan")
        noise = np.expm1(self.true) / self.received
        squares = [((t - self.true) ** 2 / noise)[inside] for t in self.found[method]]
        return float(np.sqrt(np.nanmean(squares)))


def study(seeds: range) -> list[dict[float, Errors]]:
    """Errors of every scene and dose."""
    results = []
    for scene in SCENES:
        clean = scene.make(noise=False)
        true, low = clean.truth.thickness.data.ravel(), eels.pixels(clean.low_loss)
        share = low.sum(1) / clean.truth.parameters["low_loss_counts"]
        row = {}
        for counts in COUNTS:
            row[counts] = Errors(true, share * counts)
            for seed in seeds:
                generator = np.random.default_rng([seed, int(counts)])
                row[counts].add(everybody(eels.drawn(clean, counts, generator)))
        results.append(row)
        print(scene.name, [percent(row[c].bias(OURS)) for c in COUNTS], flush=True)
    return results


def bias_table(results: list[dict[float, Errors]]) -> str:
    """Bias over the thickness: mean over the phases, and the worst phase."""
    spans = [f"{low:g} to {min(high, ENDS[1]):g}" for low, high in pairwise(BINS)]
    rows = []
    for method in (OURS, SMOOTHED, EXSPY):
        for counts in COUNTS:
            cells = []
            for low, high in pairwise(BINS):
                values = [row[counts].bias(method, low, high) for row in results[:N_WEDGES]]
                worst = max(values, key=abs)
                cells.append(f"{percent(float(np.mean(values)))} ({percent(worst)})")
            if method in results[0][counts].found:
                rows.append([method, f"{counts:g}", *cells])
    for counts in COUNTS:
        errors = [results[0][counts].standard_error(*span) for span in pairwise(BINS)]
        cells = [f"{100 * error:.2f}" for error in errors]
        rows.append(["standard error of one phase", f"{counts:g}", *cells])
    return markdown(["method", "counts", *spans], rows)


def scene_table(results: list[dict[float, Errors]]) -> str:
    """A line a scene: bias, and scatter over that of the counts."""
    methods = [m for m in (OURS, SMOOTHED, EXSPY) if m in results[0][COUNTS[0]].found]
    header = ["scene", "t/λ", *(f"bias, {m}" for m in methods), *(f"r.m.s., {m}" for m in methods)]
    rows = []
    for scene, row in zip(SCENES, results, strict=True):
        true = row[COUNTS[0]].true
        cells = [f"{true.min():.2f} to {true.max():.2f}"]
        cells += [" / ".join(percent(row[c].bias(m)) for c in COUNTS) for m in methods]
        cells += [" / ".join(f"{row[c].scatter(m):.2f}" for c in COUNTS) for m in methods]
        rows.append([scene.name, *cells])
    return markdown(header, rows)


def effects_table() -> str:
    """What a split of the noise-free low loss at the threshold would miss, in % of t/lambda."""
    from common import oracles

    from hyperspy_unmix.numerics.low_loss.analysis import analyse_low_loss
    from hyperspy_unmix.numerics.reading.row_blocks import row_blocks

    rows = []
    for phase in PHASES:
        clean = eels.wedge(phase, ENDS).make(noise=False)
        axis = clean.low_loss.axes_manager.signal_axes[0]
        peak = oracles._zero_loss(clean.truth.parameters, axis.axis, axis.scale)
        found = analyse_low_loss(row_blocks(clean.low_loss.data), np.asarray(axis.axis))
        split = int(np.searchsorted(axis.axis, found.peak.threshold))
        t, counts = clean.truth.thickness.data[:, 0], clean.truth.parameters["low_loss_counts"]
        low = clean.low_loss.data[:, 0]
        zero = counts * np.exp(-t)
        inside = peak[:split].sum()
        spilled = low[:, :split].sum(1) - zero * inside
        effects = {
            "tail": np.full(len(t), -np.log(inside)),
            "spill": -np.log1p(spilled / (zero * inside)),
            "range": np.log(low.sum(1) / counts),
        }
        error = found.t_over_lambda.reshape(len(low), -1)[:, 0] - t
        pick = [int(np.argmin(np.abs(t - at))) for at in (0.1, 0.7, 1.5)]
        cells = [
            " / ".join(percent(float(values[i] / t[i])) for i in pick)
            for values in (*effects.values(), error)
        ]
        rows.append([phase, f"{found.peak.threshold:.1f}", *cells])
    header = [
        "phase",
        "threshold, eV",
        "tail",
        "inelastic below",
        "beyond the axis",
        "what is left",
    ]
    return markdown(header, rows)


def measured() -> str:
    """The measured map: our value of each pixel over exspy's with different thresholds."""
    if not MEASURED_MAP.exists():
        return ABSENT
    import hyperspy.api as hs

    from hyperspy_unmix.numerics.low_loss.analysis import analyse_low_loss
    from hyperspy_unmix.numerics.reading.row_blocks import row_blocks

    signal = hs.load(MEASURED_MAP)
    plain = eels.plain(signal)
    own = ours(signal)[OURS]
    energies = np.asarray(signal.axes_manager.signal_axes[0].axis, float)
    threshold = analyse_low_loss(row_blocks(signal.data), energies).peak.threshold
    each = plain.estimate_elastic_scattering_threshold(window=10.0)
    mean = exspy_threshold(plain.mean())
    rows = []
    for name, value, used in (
        ("exspy's, of the mean spectrum", f"{mean:.2f}", mean),
        ("exspy's, of each pixel", f"{np.nanmedian(each.data):.2f} (median)", each),
        ("this package's", f"{threshold:.2f}", float(threshold)),
    ):
        peer = exspy(signal, used)
        low, median, high = np.nanpercentile(own / peer, [5, 50, 95])
        span = f"{np.nanmin(peer):.3f} to {np.nanmax(peer):.3f}"
        rows.append([name, value, span, f"{median:.4f}", f"{low:.4f} to {high:.4f}"])
    span = f"{np.nanmin(own):.3f} to {np.nanmax(own):.3f}"
    header = [
        "threshold given to exspy",
        "eV",
        "exspy's t/λ",
        "ours / exspy's, median",
        "5 to 95 %",
    ]
    return f"t/λ here: {span}.\n\n{markdown(header, rows)}"


def draw(results: list[dict[float, Errors]]) -> str:
    """Bias and scatter against the thickness."""
    figure, (left, right) = eels.subplots(1, 2, figsize=(10, 4.2))
    steps = np.linspace(*ENDS, 15)
    middle = (steps[1:] + steps[:-1]) / 2
    for colour, counts in enumerate(COUNTS):
        for method, style in ((OURS, "o-"), (SMOOTHED, "s-."), (EXSPY, "x--")):
            rows = [row[counts] for row in results[:N_WEDGES] if method in row[counts].found]
            if not rows:
                continue
            label, look = f"{method}, {counts:g}", {"color": f"C{colour}", "ms": 4, "lw": 1}
            spans = list(pairwise(steps))
            bias = [100 * eels.mean_of([r.bias(method, *span) for r in rows]) for span in spans]
            scatter = [eels.mean_of([r.scatter(method, *span) for r in rows]) for span in spans]
            left.plot(middle, bias, style, label=label, **look)
            right.plot(middle, scatter, style, **look)
    left.axhspan(-1, 1, color="k", alpha=0.08, lw=0)
    left.set(xlabel="t/λ", ylabel="mean of found / true − 1 (%)", ylim=(-3, 3))
    right.axhline(1, color="k", lw=0.7)
    right.set(xlabel="t/λ", ylabel="r.m.s. error over that of Poisson counts", yscale="log")
    ticks = [0.05, 0.1, 0.2, 0.5, 1, 2, 5]
    right.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    right.minorticks_off()
    figure.legend(loc="outside right center", fontsize="small", title="method, counts")
    return eels.save(figure, "thickness")


def main() -> None:
    """Run the study and write its tables."""
    options = eels.arguments(__doc__)
    quiet()
    results = study(options.seeds)
    publish(
        "thickness",
        "t/lambda",
        f"Low loss of {' / '.join(f'{c:g}' for c in COUNTS)} incident electrons a pixel, Poisson, "
        f"{len(options.seeds)} seeds. Compared is the t/λ of every pixel with the truth of the "
        "phantom, from the thicknesses averaged over the probe: exp(-t) is not averaged. "
        f'"{SMOOTHED}" is what `Unmixing.thickness` holds, "{OURS}" what that is smoothed from, '
        "where it is worth it. exspy: `estimate_thickness` with the "
        "threshold that `estimate_elastic_scattering_threshold` finds for the mean spectrum.",
        "Bias, mean of found / true - 1 in %, over t/λ: mean over the wedges of all phases, and "
        "that of the worst phase in brackets.",
        bias_table(results),
        "By scene: bias in %, and r.m.s. error over sqrt((exp(t) - 1) / N), N the counts of the "
        "pixel's low loss.",
        scene_table(results),
        draw(results),
        "What a split of the noise-free low loss at the threshold misses, in % of t/λ at 0.1 / 0.7 "
        "/ 1.5: the zero-loss peak's tail above it, inelastic electrons below it, those beyond the "
        "end of the axis; and what is left of the three.",
        effects_table(),
        "A measured map, zero loss to 600 eV in one spectrum; the truth is not known. Each pixel "
        "by itself over exspy's with the threshold named.",
        measured(),
    )


if __name__ == "__main__":
    main()
