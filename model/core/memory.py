"""Memory of temporaries: kept by the process instead of being handed back to the system and asked for again."""

from __future__ import annotations

import functools

import numpy as np

#: Just below the largest threshold of glibc, 32 MiB.
_BYTES = 2**25 - 2**15


@functools.cache
def keep_temporaries() -> None:
    """Let the C library keep freed memory for reuse.

    A month makes hundreds of arrays of up to 128 KiB. By default glibc gives memory of that size back at once, and each
    array is paid for with page faults, more than with arithmetic. When a larger block is freed, glibc raises its thresholds
    to that size (mallopt(3), M_MMAP_THRESHOLD): one is freed here. Its pages are never touched; other C libraries ignore it.
    """
    np.empty(_BYTES, dtype=np.uint8)  # made and freed at once
