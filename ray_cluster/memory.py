"""Memory of a compute party: what a job frees serves its next step, and goes back to the system when the job ends.

Every step of a protocol makes arrays of megabytes. glibc maps such arrays one by one and unmaps them when they are freed, so that
the system clears the same pages again and again, which takes a third of a large comparison (a page fault costs 4 us on a small
virtual machine). A party keeps freed pages instead, as long as a job runs. Another C library is left as it is.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress

AT_REST = 64 * 1024 * 1024
"""Freed bytes at the end of its heap that a party keeps between jobs."""
_LARGEST = (1 << 31) - 1
_SETTINGS = {
    # From malloc.h. One arena: those of threads consist of pieces that are unmapped as soon as they are empty.
    "M_ARENA_MAX": (-8, 1),
    "M_MMAP_THRESHOLD": (-3, 1 << 30),
    "M_TRIM_THRESHOLD": (-1, _LARGEST),
    "M_TOP_PAD": (-2, 16 * 1024 * 1024),
}


def keep_freed() -> None:
    """Keep freed memory in this process, until `give_back`; called before its first job."""
    library = ctypes.CDLL(None)
    with suppress(AttributeError):
        for parameter, value in _SETTINGS.values():
            library.mallopt(parameter, value)


def give_back() -> None:
    """Give freed memory back to the system, all but ``AT_REST`` bytes."""
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(ctypes.c_size_t(AT_REST))
