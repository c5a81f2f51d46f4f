"""How much is read at once, and what to say where that is too much."""

from __future__ import annotations

# Settings in `dask.config` (the second is dask's own, for lazy data), and the sizes used where
# they are not set.
BLOCK_SIZE_SETTING, DEFAULT_BLOCK_SIZE = "hyperspy_unmix.block-size", "4 MiB"
CHUNK_SIZE_SETTING, DEFAULT_CHUNK_SIZE = "array.chunk-size", "128 MiB"


def configured_bytes(setting: str, default: str) -> int:
    """A size in ``dask.config``, in bytes.

    Raises
    ------
    ValueError
        If it is not one.
    """
    import dask
    from dask.utils import parse_bytes

    value = dask.config.get(setting, default)
    try:
        size = int(parse_bytes(value))
    except (ValueError, TypeError, AttributeError):
        size = 0
    if size <= 0:
        raise ValueError(
            f"dask.config has {setting}={value!r}: a size above zero is needed, in bytes or like "
            f"{default!r}."
        )
    return size


def short_of_memory(error: MemoryError, stage: str, pixels: int, is_lazy: bool) -> MemoryError:
    """The same error, with what was done, the size of a block, and the one to try.

    Parameters
    ----------
    error : MemoryError
    stage : str
        What was done.
    pixels : int
        Spectra that were read.
    is_lazy : bool
        Whether they are read in dask's chunks.
    """
    from dask.utils import format_bytes

    setting, default = BLOCK_SIZE_SETTING, DEFAULT_BLOCK_SIZE
    if is_lazy:
        setting, default = CHUNK_SIZE_SETTING, DEFAULT_CHUNK_SIZE
    size = configured_bytes(setting, default)
    smaller = {setting: format_bytes(max(size // 4, 1))}
    advice = (
        f"Rechunk the signal to chunks that are no larger, and try dask.config.set({smaller})"
        if is_lazy
        else f"Try dask.config.set({smaller}), or a lazy signal"
    )
    return MemoryError(
        f"{stage}: memory is short ({error}). The {pixels} spectra are read a block at a time, and "
        f"{setting} is {format_bytes(size)}. {advice}."
    )
