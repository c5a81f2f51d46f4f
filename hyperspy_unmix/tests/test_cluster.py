"""An active `dask.distributed` client is used, and gives what the threads of one process give."""

import dask
import hyperspy.api as hs
import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix.tests.test_size import eels, generic

distributed = pytest.importorskip("distributed")
diagnostics = pytest.importorskip("distributed.diagnostics")


class Who(diagnostics.plugin.SchedulerPlugin):
    """Remembers which worker did something of which stage."""

    name = "who"

    def __init__(self):
        self.done = set()

    def transition(self, key, start, finish, *_, worker=None, **__):
        if (start, finish) == ("processing", "memory") and isinstance(key, tuple):
            self.done.add((worker, str(key[0]).split("-")[0]))


@pytest.fixture(scope="module")
def two_processes():
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        client.register_plugin(Who())
        yield client


def test_processes_give_what_threads_give(two_processes):
    """Truth: the same in this process; the scheduler sees the tasks done by both workers."""
    core, low = (s.as_lazy() for s in eels())
    for s in (core, low):
        s.data = s.data.rechunk((3, 5, -1))
    with dask.config.set({"array.chunk-size": "100 kiB"}):
        found = hyperspy_unmix.unmix(core, low_loss=low)
        with dask.config.set(scheduler="threads"):
            truth = hyperspy_unmix.unmix(core, low_loss=low)
        single = found.pca.preprocessed()
        of_workers = single.data.compute()
    for name in ("spectra", "maps"):
        a, b = (getattr(u, name).data for u in (truth, found))
        np.testing.assert_allclose(b, a, rtol=0, atol=1e-4 * np.abs(a).max(), err_msg=name)
    with dask.config.set(scheduler="threads"):
        np.testing.assert_allclose(of_workers, truth.pca.preprocessed().data.compute(), atol=1e-3)
    done = two_processes.run_on_scheduler(lambda dask_scheduler: dask_scheduler.plugins["who"].done)
    assert {stage for _, stage in done} >= {"first_pass", "Gram_matrix", "low_loss", "scores"}
    assert len({worker for worker, _ in done}) == 2


def test_data_that_cannot_be_sent(two_processes, tmp_path):
    """HDF5 files cannot be opened twice from one handle: that is said, with what to do."""
    generic().save(tmp_path / "counts.hspy")
    with pytest.raises(TypeError, match="zspy"):
        hyperspy_unmix.unmix(hs.load(tmp_path / "counts.hspy", lazy=True))
