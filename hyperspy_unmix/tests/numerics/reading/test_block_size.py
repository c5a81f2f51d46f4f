"""Sizes that dask is configured with, and what is said where they are too large."""

import dask
import pytest

from hyperspy_unmix.numerics.reading.block_size import (
    BLOCK_SIZE_SETTING,
    CHUNK_SIZE_SETTING,
    configured_bytes,
    short_of_memory,
)


@pytest.mark.parametrize(
    ("value", "size"),
    [("4 MiB", 4 * 2**20), ("1 kB", 1000), (12345, 12345), (1, 1), ("1 B", 1)],
)
def test_sizes_are_those_written(value, size):
    """Definition of the units."""
    with dask.config.set({BLOCK_SIZE_SETTING: value}):
        assert configured_bytes(BLOCK_SIZE_SETTING, "2 MiB") == size


def test_the_default_is_for_what_is_not_set():
    """Definition of the units."""
    assert configured_bytes("hyperspy_unmix.not-set", "2 MiB") == 2 * 2**20


@pytest.mark.parametrize("value", [0, -1, "0 B", "many", None, [1]])
def test_what_is_no_size_is_an_error(value):
    """Truth: nothing can be read in blocks of no bytes."""
    with (
        dask.config.set({BLOCK_SIZE_SETTING: value}),
        pytest.raises(ValueError, match="a size above zero") as error,
    ):
        configured_bytes(BLOCK_SIZE_SETTING, "4 MiB")
    assert BLOCK_SIZE_SETTING in str(error.value)


@pytest.mark.parametrize(
    ("is_lazy", "setting", "size", "now", "smaller"),
    [
        (False, BLOCK_SIZE_SETTING, "4 MiB", "4.00 MiB", "1.00 MiB"),
        (True, CHUNK_SIZE_SETTING, "128 MiB", "128.00 MiB", "32.00 MiB"),
        (False, BLOCK_SIZE_SETTING, "1 B", "1 B", "1 B"),
    ],
)
def test_advice_is_a_quarter_and_never_nothing(is_lazy, setting, size, now, smaller):
    """Truth: a quarter of the size that is set, which dask itself understands."""
    with dask.config.set({setting: size}):
        said = str(short_of_memory(MemoryError("no room"), "first pass", 1200, is_lazy))
    assert "first pass: memory is short (no room)" in said
    assert "1200 spectra" in said
    assert f"{setting} is {now}." in said
    assert f"dask.config.set({ {setting: smaller} })" in said
    assert ("Rechunk" in said) == is_lazy
    with dask.config.set({setting: smaller}):
        assert configured_bytes(setting, "3 MiB") == max(dask.utils.parse_bytes(size) // 4, 1)
