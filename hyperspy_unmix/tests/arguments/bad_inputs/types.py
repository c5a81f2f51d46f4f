"""Bad input: every type of number, byte order, memory layout, and chunks of lazy signals."""

from __future__ import annotations

import tempfile

import dask.array as da
import hyperspy.api as hs
import numpy as np

from hyperspy_unmix.tests.arguments.bad_inputs.rows import FULL, Accepted, Refused, Truth, of
from hyperspy_unmix.tests.scenes import calibrated, counts, two_phases

DOSE = 30.0  # its brightest value is below 127
AS_FLOATS = Truth(
    words="the same counts as 64-bit floating-point numbers",
    signal=lambda: two_phases(dose=DOSE),
)
PLAIN = Truth(words="the same counts in an array of their own")
KINDS = {"u": "unsigned whole numbers", "i": "whole numbers with a sign", "f": "floating-point"}


def typed(dtype):
    """A row for a type of number, in the byte order of most machines and in the other one."""
    number = np.dtype(dtype)
    order = ", big-endian" if number.byteorder == ">" else ""
    return Accepted(
        given=f"{KINDS[number.kind]} of {8 * number.itemsize} bits{order}",
        signal=lambda: two_phases(dose=DOSE, dtype=dtype),
        truth=AS_FLOATS,
    )


def masked_array(dtype=float):
    """A bright pixel is masked in the array itself."""
    data = counts().astype(dtype)
    data[2, 3] = 10_000
    mask = np.zeros(FULL, bool)
    mask[2, 3] = True
    s = two_phases()
    s.data = np.ma.array(data, mask=mask)
    return s


def lazy_masked_array():
    s = two_phases(lazy=True)
    s.data = da.ma.masked_array(s.data, mask=da.from_array(np.asarray(s.data > 150)))
    return s


def read_only():
    s = two_phases()
    s.data.flags.writeable = False
    return s


def memory_mapped(mode):
    def make():
        # the file goes when the last array that looks at it does
        with tempfile.TemporaryFile() as file:
            counts().astype("f4").tofile(file)
            file.flush()
            return calibrated(np.memmap(file, "f4", mode, shape=FULL))

    return make


def chunked(*chunks):
    def make():
        s = two_phases(lazy=True)
        s.data = da.from_array(counts().astype(float), chunks=chunks)
        return s

    return make


def unknown_chunks():
    """Pixels chosen by their values: dask does not know how many there are."""
    s = two_phases(lazy=True)
    s.data = s.data[s.data.sum((1, 2)) > -1]
    return s


def broken_file():
    """A lazy signal whose file is gone."""

    def fails(block):
        raise OSError("the file is truncated")

    s = two_phases(lazy=True)
    s.data = s.data.map_blocks(fails, dtype=float, meta=np.empty((0, 0, 0)))
    return s


TYPES = [
    *[typed(dtype) for dtype in ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8")],
    *[typed(">" + dtype) for dtype in ("u2", "u4", "u8", "i2", "i4", "i8", "f2", "f4", "f8")],
    Accepted(
        given="floating-point numbers beyond 64 bits (`longdouble`)",
        signal=lambda: two_phases(dose=DOSE, dtype=np.longdouble),
        truth=AS_FLOATS,
    ),
    Accepted(
        given="yes and no (`bool`): a count or none",
        signal=of(counts(dose=1.0) > 0),
        truth=Truth(words="the same as 0 and 1", signal=of((counts(dose=1.0) > 0).astype(float))),
    ),
    Refused(
        given="complex numbers",
        signal=lambda: two_phases(dtype=complex),
        error=TypeError,
        says="complex128, real numbers",
    ),
    Refused(
        given="a complex signal",
        signal=lambda: hs.signals.ComplexSignal1D(np.ones(FULL) * 1j),
        error=TypeError,
        says="real numbers",
    ),
    Refused(
        given="Python objects",
        signal=lambda: two_phases(dtype=object),
        error=TypeError,
        says="object, real numbers",
    ),
    Refused(
        given="dates", signal=of(np.zeros(FULL, "M8[s]")), error=TypeError, says="real numbers"
    ),
    Accepted(
        given="an array in Fortran order",
        signal=lambda: calibrated(np.asfortranarray(counts().astype(float))),
        truth=PLAIN,
    ),
    Accepted(
        given="every second value of a larger array, backwards",
        signal=lambda: calibrated(np.repeat(counts().astype(float)[::-1], 2, axis=1)[::-1, ::2]),
        truth=PLAIN,
    ),
    Accepted(given="an array that is read-only", signal=read_only, truth=PLAIN),
    Accepted(given="a memory-mapped file, read-only", signal=memory_mapped("r"), truth=PLAIN),
    Accepted(
        given="a memory-mapped file that could be written to",
        signal=memory_mapped("r+"),
        truth=PLAIN,
    ),
    Refused(
        given="a masked array of numpy, with a bright pixel masked",
        signal=masked_array,
        lazy=False,
        error=TypeError,
        says="masked array.*navigation_mask",
    ),
    Refused(
        given="a masked array of whole numbers",
        signal=lambda: masked_array(int),
        lazy=False,
        error=TypeError,
        says="masked array.*navigation_mask",
    ),
    Refused(
        given="a masked array, lazy",
        signal=lazy_masked_array,
        error=TypeError,
        says="masked array.*navigation_mask",
    ),
    Accepted(
        given="lazy, each value a chunk of its own along the energy",
        signal=chunked(6, 5, 1),
        setting="chunks",
        value=80,
        says="cut the signal axis",
        truth=PLAIN,
    ),
    Accepted(
        given="lazy, chunks of one pixel",
        signal=chunked(1, 1, -1),
        truth=PLAIN,
    ),
    Accepted(
        given="lazy, chunks of very different sizes that cut the energy axis",
        signal=chunked((1, 11), (3, 3, 4), (79, 1)),
        setting="chunks",
        value=2,
        says="cut the signal axis",
        truth=PLAIN,
    ),
    Refused(
        given="lazy, of a size that dask does not know",
        signal=unknown_chunks,
        says="compute_chunk_sizes",
    ),
    Refused(
        given="lazy, from a file that cannot be read",
        signal=broken_file,
        error=OSError,
        says="the file is truncated",
        readable=False,
    ),
]
