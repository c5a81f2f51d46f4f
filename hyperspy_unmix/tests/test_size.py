"""Data of any size: how often they are read, by whom, and that the answer does not depend on it."""

import cloudpickle
import dask
import dask.array as da
import hyperspy.api as hs
import numpy as np
import pytest

import hyperspy_unmix
from hyperspy_unmix import data
from hyperspy_unmix.numerics.reading.row_blocks import RowBlocks
from hyperspy_unmix.preparation import progress

SCAN = (24, 20)


class Reads:
    """A lazy copy of a signal that counts how often each of its chunks is read."""

    def __init__(self, signal, chunks=(5, 20, -1)):
        self.number = {}
        array = da.from_array(np.asarray(signal.data), chunks=chunks)
        counted = array.map_blocks(self._count, dtype=array.dtype, meta=np.empty((0,) * array.ndim))
        self.signal = signal._deepcopy_with_new_data(counted).as_lazy()
        self.number.clear()

    def _count(self, block, block_id=None):
        self.number[block_id] = self.number.get(block_id, 0) + 1
        return block

    @property
    def most(self):
        return max(self.number.values())


def generic():
    rng = np.random.default_rng(0)
    energy = np.arange(200)
    spectra = 20 * np.array([0.2 + np.exp(-(((energy - c) / 15) ** 2)) for c in (50, 100, 150)])
    return hs.signals.Signal1D(rng.poisson(rng.dirichlet(np.ones(3), SCAN) @ spectra))


def x_rays():
    return data.core_shell(shape=SCAN).signal


def eels():
    phantom = data.inclined_boundary(shape=SCAN)
    return phantom.signal, phantom.low_loss


def own_low_loss():
    """A low loss, which holds its own zero-loss peak."""
    return eels()[1]


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.float64, np.int64])
def test_three_passes(dtype):
    """Truth: a counter in every chunk."""
    signal = generic()
    signal.change_dtype(dtype)
    reads = Reads(signal)
    u = hyperspy_unmix.unmix(reads.signal)
    assert u.n_components == 3
    assert reads.most == 3


@pytest.mark.parametrize("make", [x_rays, lambda: eels()[0]], ids=["EDS", "EELS"])
def test_three_passes_of_the_physics(make):
    """Background and energy shift are found and taken out without another look at the data."""
    reads = Reads(make())
    hyperspy_unmix.unmix(reads.signal)
    assert reads.most == 3


def test_three_passes_of_the_core_loss_and_two_of_the_low_loss():
    core, low = map(Reads, eels())
    hyperspy_unmix.unmix(core.signal, low_loss=low.signal)
    assert core.most == 3
    assert low.most == 2


def test_four_passes_of_a_low_loss_that_is_unmixed_itself():
    """One more than others: its zero-loss peaks must be known before its losses are weighed."""
    reads = Reads(own_low_loss())
    u = hyperspy_unmix.unmix(reads.signal, spikes=None)
    assert u.thickness is not None
    assert reads.most == 4


def test_three_passes_and_the_chunks_with_spikes():
    """Only chunks that hold something that stands out are read again."""
    signal = generic()
    signal.data[3, 4, 77] = signal.data[3, 11, 120] = 5000
    reads = Reads(signal)
    u = hyperspy_unmix.unmix(reads.signal)
    assert "spikes" in u.settings
    assert reads.number[0, 0, 0] <= 5
    assert reads.number[1, 0, 0] <= 4  # neighbours of the spikes
    assert {number for place, number in reads.number.items() if place[0] > 1} == {3}


def test_a_stated_variance_that_is_wrong_costs_no_pass():
    signal = generic()
    reads = Reads(signal)
    variance = signal._deepcopy_with_new_data(100.0 * signal.data + 1)
    reads.signal.set_noise_variance(variance.as_lazy())
    u = hyperspy_unmix.unmix(reads.signal)
    assert "not used" in u.settings["noise"].reason
    assert reads.most == 3


def test_results_are_as_lazy_as_the_data():
    """Nothing is read again until the model is asked for its values, and then once."""
    core, low = map(Reads, eels())
    u = hyperspy_unmix.unmix(core.signal, low_loss=low.signal)
    made = [u.model(), u.residual(), u.pca.preprocessed(), u.background]
    assert all(signal._lazy for signal in made)
    assert not u.spectra._lazy
    assert core.most == 3
    made[2].compute()
    assert core.most == 4


@pytest.mark.parametrize("make", [generic, x_rays, lambda: eels()[0]], ids=["any", "EDS", "EELS"])
@pytest.mark.parametrize("seed", range(4))
def test_eager_equals_lazy_for_random_chunks(make, seed):
    """Truth: the same data in memory; 1e-4 of the largest value is asked for."""
    rng = np.random.default_rng(seed)
    signal = make()
    chunks = tuple(_cut(size, rng) for size in signal.data.shape)
    lazy = signal._deepcopy_with_new_data(da.from_array(signal.data, chunks)).as_lazy()
    eager = hyperspy_unmix.unmix(signal)
    with dask.config.set(
        {
            "array.chunk-size": int(rng.integers(1e4, 1e6)),
            "hyperspy_unmix.block-size": int(rng.integers(1e3, 1e6)),
        }
    ):
        found = hyperspy_unmix.unmix(lazy)
    assert found.n_components == eager.n_components
    for name in ("spectra", "maps"):
        a, b = (getattr(u, name).data for u in (eager, found))
        np.testing.assert_allclose(b, a, rtol=0, atol=1e-4 * np.abs(a).max(), err_msg=name)
    assert ("chunks" in found.settings) == (len(chunks[-1]) > 1)


def _cut(size, rng):
    ends = np.unique(rng.integers(1, size + 1, rng.integers(0, 4)))
    return tuple(np.diff([0, *ends[ends < size], size]).tolist())


@pytest.mark.parametrize("make", [generic, eels], ids=["any", "dual EELS"])
def test_tasks_hold_no_data(make, monkeypatch):
    """Truth: the size of what is sent to every worker; the data are 10 times larger."""
    sizes = []
    plain = RowBlocks.reduce

    def weighed(self, function, combine, *given, stage, **kwargs):
        # Passes over means of groups, in memory, are sent nowhere.
        if self.is_lazy:
            sizes.append(len(cloudpickle.dumps((function, combine))))
        return plain(self, function, combine, *given, stage=stage, **kwargs)

    monkeypatch.setattr(RowBlocks, "reduce", weighed)
    signals = make()
    signals = signals if isinstance(signals, tuple) else (signals,)
    signals = [s._deepcopy_with_new_data(np.tile(s.data, (4, 4, 1))) for s in signals]
    lazy = [s.as_lazy() for s in signals]
    hyperspy_unmix.unmix(lazy[0], low_loss=lazy[1] if len(lazy) > 1 else None)
    assert max(sizes) < signals[0].data.nbytes / 10


def test_data_on_a_gpu():
    """Stand-in: an array whose class says that it is one of cupy's."""
    of_cupy = type("ndarray", (np.ndarray,), {"__module__": "cupy"})
    signal = generic()
    signal.data = signal.data.view(of_cupy)
    with pytest.raises(TypeError, match=r"signal\.to_host\(\)"):
        hyperspy_unmix.unmix(signal)


@pytest.mark.parametrize("setting", ["hyperspy_unmix.block-size", "array.chunk-size"])
@pytest.mark.parametrize("value", ["banana", 0, -5, None])
def test_sizes_that_are_none(setting, value):
    """The setting is named, whichever it is."""
    lazy = Reads(generic()).signal
    with dask.config.set({setting: value}), pytest.raises(ValueError, match=setting):
        hyperspy_unmix.unmix(lazy)


def test_chunks_that_are_not_what_they_were_said_to_be():
    array = da.from_array(generic().data, chunks=(5, 20, -1))
    cut = array.map_blocks(lambda b: b[:1], dtype=array.dtype, meta=np.empty((0, 0, 0), int))
    with pytest.raises(ValueError, match="said to hold 100 spectra and holds 20"):
        hyperspy_unmix.unmix(hs.signals.Signal1D(cut).as_lazy())


def test_block_size_is_that_of_the_configuration():
    """Truth: the size of the blocks that a pass gets to see."""

    def largest():
        found = []

        def on_blocks(blocks):
            found.extend(block.spectra.nbytes for block in blocks)
            return None, None

        blocks.reduce(on_blocks, lambda _: None, stage="test")
        return max(found)

    from hyperspy_unmix.numerics.reading.row_blocks import row_blocks

    blocks = row_blocks(np.zeros((4000, 500), np.uint16))
    assert 3e6 < largest() <= 4 * 2**20
    with dask.config.set({"hyperspy_unmix.block-size": "100 kiB"}):
        assert 9e4 < largest() <= 100 * 2**10


@pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])
def test_long_stages_show_their_name(lazy, monkeypatch, capsys):
    """Every stage is long here; the preference and the argument turn the bars off."""
    monkeypatch.setattr(progress, "DELAY", 0)
    signal = generic().as_lazy() if lazy else generic()
    hyperspy_unmix.unmix(signal, show_progressbar=True)
    shown = capsys.readouterr().err
    assert all(stage in shown for stage in ("first pass", "Gram matrix", "scores"))
    assert "100%" in shown
    for asked in (False, None):  # the preference is off in all tests
        hyperspy_unmix.unmix(signal, show_progressbar=asked)
        assert capsys.readouterr().err == ""
    monkeypatch.setattr(hs.preferences.General, "show_progressbar", True)
    hyperspy_unmix.unmix(signal)
    assert "Gram matrix" in capsys.readouterr().err


def test_short_stages_show_nothing(capsys):
    hyperspy_unmix.unmix(generic(), show_progressbar=True)
    assert capsys.readouterr().err == ""
