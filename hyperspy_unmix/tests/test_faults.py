"""Faults: an interrupt, a full disk, dead workers, little memory. Nothing lost, nothing left over.

Interrupts come when the work of a stage was done, and before anybody has it. More of saving and
broken files is in `test_storage`, of the report in `test_report`.
"""

import contextlib
import importlib
import logging
import os
import signal as signals
import subprocess
import sys
from dataclasses import replace

import dask
import dask.array as da
import matplotlib.pyplot as plt
import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix import __main__, data
from hyperspy_unmix.numerics.certainty import stability
from hyperspy_unmix.numerics.reading import dask_passes, schedulers
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks
from hyperspy_unmix.numerics.separation import ica
from hyperspy_unmix.tests.scenes import array, two_phases, untouched

eager_and_lazy = pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits of POSIX")
PASSES = (
    "first pass",
    "spikes",
    "first pass over the low loss",
    "zero-loss peak",
    "low loss, lined up",
    "low loss",
    "Gram matrix",
    "scores",
)
STAGES = (
    "preparation.image_reading.drop_defects",
    "preparation.low_loss_reading.measure_low_loss",
    "preparation.low_loss_reading.thickness_map",
    "preparation.aligned.align",
    "preparation.background.background_window",
    "preparation.prepare.choose_noise",
    "numerics.compression.gram_matrix.measure_scree",
    "numerics.corrections.plural_scattering.recompression",
    "analysis.correct_and_count.correct",
    "analysis.correct_and_count.count_components",
    "analysis.separation.choose_width",
    "analysis.answers.separate",
    "analysis.answers.refine",
    "analysis.separation.normalise",
    "storage.learning_results._all_channels",
    "storage.learning_results._flat",
)
LATER = {  # what is computed when it is first asked for
    "analysis.separated.stability_index": repr,
    "numerics.certainty.stability.linear_sum_assignment": repr,
    "analysis.separated.ambiguity": lambda u: u.ambiguity.shares.tobytes(),
    "analysis.separated.changes_of_spectra": lambda u: array(u.spectra_uncertainty).tobytes(),
    "components.uncertainty.map_variance": lambda u: array(u.maps_uncertainty).tobytes(),
    "components.forward_model.goodness": lambda u: array(u.reduced_chi_square).tobytes(),
    "analysis.count_again.thinned_significance": lambda u: u.pca.recounted(),
    "numerics.corrections.plural_scattering.convolve_rows": lambda u: array(
        u.pca.preprocessed()
    ).tobytes(),
}


def in_a_pass(patch, wanted, error=KeyboardInterrupt):
    """Raise when the first block of the pass has been worked on."""
    real = RowBlocks.reduce

    def reduce(self, function, combine, *given, stage, **kwargs):
        def fails(blocks):
            for block in blocks:
                function(iter([block]))
                raise error

        return real(
            self, fails if stage == wanted else function, combine, *given, stage=stage, **kwargs
        )

    patch.setattr(RowBlocks, "reduce", reduce)


def after(patch, name, error=KeyboardInterrupt, calls=1):
    """Raise at the end of a function of the package, of its first call or a later one."""
    module, _, function = f"hyperspy_unmix.{name}".rpartition(".")
    owner = importlib.import_module(module)
    real, left = getattr(owner, function), [calls]

    def fails(*given, **options):
        found = real(*given, **options)
        left[0] -= 1
        if left[0] <= 0:
            raise error
        return found

    patch.setattr(owner, function, fails)


def forget_what_is_known():
    """Let the next call begin with the counts: what was made of a signal last is used again."""
    importlib.import_module("hyperspy_unmix.analysis.reuse")._last.forget()


def state(u):
    """Everything of a result that is computed and printed."""
    values = u.arrays.spectra, u.arrays.maps, array(u.maps_uncertainty), u.ambiguity.shares
    return [v.tobytes() for v in values], repr(u), repr(u.choices)


@contextlib.contextmanager
def undecomposed(*given):
    """Also ``learning_results`` stay as they are, not one of their fields another object."""
    for s in given:
        s.learning_results.factors = s.learning_results.loadings = np.ones(3)
    before = [(s.learning_results, dict(vars(s.learning_results))) for s in given]
    with untouched(*given):
        yield
    for s, (results, fields) in zip(given, before, strict=True):
        assert s.learning_results is results
        assert vars(results).keys() == fields.keys()
        assert all(vars(results)[name] is fields[name] for name in fields)


@pytest.fixture(scope="module")
def drifting():
    """Core loss and low loss that need every stage; eager, and lazy in a few chunks."""
    made = data.inclined_boundary(shape=(14, 14), drift=8.0)
    eager = made.signal, made.low_loss
    return {False: eager, True: tuple(s.as_lazy(chunks=(7, 14, -1)) for s in eager)}


@eager_and_lazy
def test_interrupted_unmix(lazy, drifting, monkeypatch):
    """Signals as they were after every stage; then the bits of a call that was not disturbed."""
    s, low = drifting[lazy]
    mask = np.zeros(s.data.shape[:-1], bool)
    known = state(s.unmix(2, low_loss=low, navigation_mask=mask))
    ways = [(in_a_pass, stage) for stage in PASSES]
    for how, stage in ways if lazy else [*ways, *((after, stage) for stage in STAGES)]:
        forget_what_is_known()
        with monkeypatch.context() as patch, undecomposed(s, low), untouched(mask):
            how(patch, stage)
            try:
                s.unmix(2, low_loss=low, navigation_mask=mask)
            except KeyboardInterrupt:
                continue
        pytest.fail(f"{stage} was not reached")
    assert state(s.unmix(2, low_loss=low, navigation_mask=mask)) == known


def test_interrupted_while_computing_what_is_asked_for(drifting, monkeypatch):
    """No value that is remembered is half of one. Truth: a result that was not disturbed."""
    s, low = drifting[False]
    first, other = s.unmix(2, low_loss=low), s.unmix(2, low_loss=low)
    for name, use in LATER.items():
        stability._chance_similarity.cache_clear()
        u = replace(first, separated=replace(first.separated))  # nothing is remembered
        with monkeypatch.context() as patch, undecomposed(s, low):
            after(patch, name)
            with pytest.raises(KeyboardInterrupt):
                use(u)
        assert use(u) == use(other), name
    assert state(u) == state(other)


def test_interrupted_apply(drifting, monkeypatch):
    """Truth: an apply() that was not disturbed."""
    s, low = drifting[False]
    u = s.unmix(2, low_loss=low)
    known, before = state(u.apply(s, low_loss=low)), state(u)
    for name in (
        "results.known_spectra.abundances",
        "analysis.compressed.prepare",
        "analysis.correct_and_count.correct",
    ):
        forget_what_is_known()
        with monkeypatch.context() as patch, undecomposed(s, low):
            after(patch, name)
            with pytest.raises(KeyboardInterrupt):
                u.apply(s, low_loss=low)
    assert state(u) == before
    assert state(u.apply(s, low_loss=low)) == known


def test_interrupted_together(monkeypatch):
    """Neither signal holds anything of it; the next call is as if it were the first."""
    given = [two_phases(), two_phases(shape=(9, 8))]
    known = [state(u) for u in hyperspy_unmix.unmix(given, 2)]
    places = {
        "preparation.together.read_aligned": 2,
        "analysis.compressed.compress": 2,
        "results.joint_unmixing.join": 1,
        "results.joint_unmixing.separate_components": 1,
    }
    for name, calls in places.items():
        with monkeypatch.context() as patch, undecomposed(*given):
            after(patch, name, calls=calls)
            with pytest.raises(KeyboardInterrupt):
                hyperspy_unmix.unmix(given, 2, store=True)
    assert [state(u) for u in hyperspy_unmix.unmix(given, 2)] == known


def test_interrupted_tool(monkeypatch):
    """The last result stays, and the tool goes on to what was there before."""
    s = two_phases()
    tool = hyperspy_unmix.unmix(s, 2, interactive=True, store=True)
    known = tool.result
    choices = (
        lambda: tool.trait_set(assume="pure"),
        lambda: tool.set_background(110.0, 130.0),
        tool.apply,
    )
    for choose in choices:
        with monkeypatch.context() as patch, undecomposed(s):
            after(patch, "analysis.separate_counted.separate_components")
            with pytest.raises(KeyboardInterrupt):
                choose()
        assert tool.result is known
        assert not tool.applied
    tool.subtracts_background, tool.assume = False, "overlap"
    tool.apply()
    assert tool.applied
    assert tool.result.arrays.maps.tobytes() == known.arrays.maps.tobytes()


# ------------------------------------------------------------------------------------ files

WAYS = {
    "r.hspy": lambda u, path: u.save(path, overwrite=True, counts=True),
    "r.zspy": lambda u, path: u.save(path, overwrite=True, counts=True),
    "r.html": lambda u, path: u.report(path, overwrite=True),
    "exported": lambda u, path: u.export(path, overwrite=True),
}


def contents(folder):
    """Every file and folder below, hidden ones too."""
    return {p.relative_to(folder): p.is_file() and p.read_bytes() for p in folder.rglob("*")}


@contextlib.contextmanager
def full_disk(size):
    """Files can hold so many bytes: the writes themselves fail, in whichever library."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(scope="module")
def two_results():
    u = two_phases().unmix(2, store=False)
    return u, u.rename(["new", "one"]).reverse(0)


@posix
@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("r.zspy", 0),
        ("r.zspy", 1500),
        ("r.html", 12_000),
        ("exported", 0),
        ("exported", 400),
    ],
)
def test_full_disk(name, size, two_results, tmp_path, caplog):
    """Truth: every byte of the folder before."""
    WAYS[name](two_results[0], tmp_path / name)
    before = contents(tmp_path)
    with full_disk(size), pytest.raises(OSError):
        WAYS[name](two_results[1], tmp_path / name)
    assert contents(tmp_path) == before
    assert not [r for r in caplog.records if r.name.startswith("hyperspy_unmix")]


IN_A_PROCESS = """
import sys, time, hyperspy_unmix
from hyperspy_unmix.storage import containers
from hyperspy_unmix.tests.scenes import two_phases
from hyperspy_unmix.tests.test_faults import full_disk
u, put = two_phases().unmix(2, store=False), containers._put
def slowly(*given):
    put(*given)
    print("saving", flush=True)
    time.sleep(0.1)
try:
    with full_disk(9000):
        u.save(sys.argv[1], overwrite=True)
except OSError:
    print("full", flush=True)
containers._put = slowly
u.save(sys.argv[1], overwrite=True)
print("saved", flush=True)
"""


@posix
def test_full_disk_and_a_real_interrupt_of_hdf5(two_results, tmp_path):
    """A process of its own: HDF5 keeps what it could not write. Truth: the old file's bytes."""
    two_results[0].save(tmp_path / "r.hspy")
    before = contents(tmp_path)
    given = [sys.executable, "-c", IN_A_PROCESS, str(tmp_path / "r.hspy")]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(given, **pipes) as running:
        for line in running.stdout:
            if line == "full\n":
                break
        else:
            pytest.fail(running.stderr.read())
        for line in running.stdout:
            if line == "saving\n":
                break
        assert len(contents(tmp_path)) > len(before)
        running.send_signal(signals.SIGINT)
        out, error = running.communicate(timeout=300)
    assert "saved" not in out
    assert "KeyboardInterrupt" in error
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("name", "place", "calls"),
    [
        ("r.hspy", "storage.containers._save", 2),
        ("r.zspy", "storage.containers._copy_group", 2),
        ("r.hspy", "storage.containers.write", 1),
        ("r.html", "report.page._figure", 1),
        ("exported", "storage.export._write_msa", 2),
        ("exported", "storage.export._write_image", 2),
    ],
)
def test_interrupted_writing(name, place, calls, two_results, tmp_path, monkeypatch):
    """Truth: every byte of the folder before."""
    WAYS[name](two_results[0], tmp_path / name)
    before = contents(tmp_path)
    after(monkeypatch, place, calls=calls)
    with pytest.raises(KeyboardInterrupt):
        WAYS[name](two_results[1], tmp_path / name)
    assert contents(tmp_path) == before
    assert plt.get_fignums() == []


def test_interrupt_between_two_moves(two_results, tmp_path, monkeypatch):
    """The old folder is away, the new one not yet there: Ctrl-C comes just then."""
    path, real = tmp_path / "r.zspy", os.replace
    two_results[0].save(path)
    before = contents(tmp_path)

    def replace_and_stop(source, target):
        real(source, target)
        if source == path:
            raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", replace_and_stop)
    with pytest.raises(KeyboardInterrupt):
        two_results[1].save(path, overwrite=True)
    assert contents(tmp_path) == before


@posix
@pytest.mark.parametrize(
    ("error", "status", "said"),
    [(OSError(28, "No space left"), 1, "No space left"), (KeyboardInterrupt(), 130, "interrupt")],
    ids=["full disk", "interrupt"],
)
def test_command_line(error, status, said, tmp_path, capsys, monkeypatch):
    """One line that says it, and every file of the last run as it was."""
    two_phases().save(tmp_path / "s.hspy")
    given = [str(tmp_path / "s.hspy"), "-o", str(tmp_path / "out")]
    assert __main__.main(given) == 0
    before = contents(tmp_path)
    after(monkeypatch, "storage.containers._put", error)
    assert __main__.main([*given, "--overwrite", "--components", "1"]) == status
    assert contents(tmp_path) == before
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("hyperspy_unmix: ")
    assert said in line


# -------------------------------------------------------------------------- ICA, memory, workers


@pytest.mark.parametrize("algorithm", ["picard", "fastica"])
def test_ica_that_does_not_converge(algorithm, monkeypatch, caplog):
    """Said in settings, summary and log; the result is there, finite and whole."""
    monkeypatch.setattr(ica, "MOST_ITERATIONS", 1)
    u = hyperspy_unmix.unmix(two_phases(), 2, algorithm=algorithm)
    assert "did NOT converge" in u.settings["ica"].reason
    assert "did not converge" in repr(u)
    assert np.isfinite(u.arrays.maps).all()
    assert u.arrays.maps.shape == (120, 2)


def test_ica_that_does_not_converge_is_logged(monkeypatch, caplog):
    monkeypatch.setattr(ica, "MOST_ITERATIONS", 1)
    u = hyperspy_unmix.unmix(two_phases(), 2)
    assert "Picard nor FastICA" in u.settings["WARNING: not converged"].reason
    (record,) = [r for r in caplog.records if "converge" in r.getMessage()]
    assert record.levelno == logging.WARNING
    assert "fewer components" in record.getMessage()


@pytest.mark.parametrize("algorithm", ["picard", "fastica"])
def test_other_algorithm_where_one_does_not_converge(algorithm, monkeypatch):
    """Truth: the other algorithm, asked for by name; the one that failed is named."""
    other = {"picard": "fastica", "fastica": "picard"}[algorithm]
    known = hyperspy_unmix.unmix(two_phases(), 2, algorithm=other)
    for name in {"picard": ("_picard", "_picard_extended"), "fastica": ("_fastica",)}[algorithm]:
        run = getattr(ica, name)
        monkeypatch.setattr(
            ica, name, lambda *given, run=run: replace(run(*given), converged=False)
        )
    found = hyperspy_unmix.unmix(two_phases(), 2, algorithm=algorithm)
    assert found.arrays.maps.tobytes() == known.arrays.maps.tobytes()
    assert found.separated.found_by.algorithm == other
    assert "did NOT converge" in found.settings["ica"].reason


@eager_and_lazy
@pytest.mark.parametrize("stage", ["first pass", "Gram matrix", "scores"])
def test_memory_short(stage, lazy, monkeypatch):
    """What was asked for, the size of a block now, and the one to try."""
    s = two_phases(lazy=lazy)
    in_a_pass(monkeypatch, stage, MemoryError("Unable to allocate 3.00 GiB"))
    setting = "array.chunk-size" if lazy else "hyperspy_unmix.block-size"
    with dask.config.set({setting: "1 MiB"}), pytest.raises(MemoryError) as caught, untouched(s):
        s.unmix(2)
    words = str(caught.value)
    for part in (stage, "3.00 GiB", "120 spectra", f"{setting} is 1.00 MiB", "'256.00 kiB'"):
        assert part in words
    assert isinstance(caught.value.__cause__, MemoryError)


def slow_counts(lazy=True):
    s = two_phases(shape=(12, 10), lazy=lazy)
    s.data = s.data.rechunk((3, 5, -1))
    return s


def dies(block):
    os._exit(1)


@posix
def test_workers_that_die(monkeypatch):
    """One, in the middle of a pass: the result of those left; all, again and again: an error.

    Truth: the threads of this process.
    """
    distributed = pytest.importorskip("distributed")
    s = slow_counts()
    known = hyperspy_unmix.unmix(s, 2)
    ended, real = [], schedulers.compute_on_cluster

    def ends_one(client, graph, keys, sizes, done):
        def after_some(number):
            if not ended and "Gram" in str(keys[0]):
                pids = client.run(os.getpid)
                ended.append(next(iter(pids.values())))
                os.kill(ended[0], signals.SIGKILL)
            done(number)

        return real(client, graph, keys, sizes, after_some)

    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    small = {"array.chunk-size": "1 kiB", "distributed.scheduler.allowed-failures": 0}
    with (
        dask.config.set(small),
        distributed.LocalCluster(**options) as cluster,
        distributed.Client(cluster),
    ):
        monkeypatch.setattr(dask_passes, "compute_on_cluster", ends_one)
        cluster.scheduler.allowed_failures = 3
        found = hyperspy_unmix.unmix(s, 2)
        assert ended
        for name in ("spectra", "maps"):
            a, b = (getattr(u, name).data for u in (known, found))
            np.testing.assert_allclose(b, a, rtol=0, atol=1e-4 * np.abs(a).max())
        cluster.scheduler.allowed_failures = 0
        s.data = da.map_blocks(dies, s.data, dtype=float, meta=np.empty((0, 0, 0)))
        with pytest.raises(Exception, match=r"workers|worker") as caught:
            hyperspy_unmix.unmix(s, 2)
        assert type(caught.value).__name__ in ("KilledWorker", "MemoryError")
