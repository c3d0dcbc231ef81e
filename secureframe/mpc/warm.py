"""``python -m secureframe.mpc.warm``: compile every kernel into the disk cache, or load it from there."""

from __future__ import annotations

import importlib
import time

from secureframe.mpc._numba import cache_directory


def warm() -> float:
    """Load every kernel into this process, compiling what the cache lacks; return the seconds that it took.

    Kernels have explicit signatures, so importing their modules is all there is to do; an actor calls this before its
    first job.
    """
    started = time.perf_counter()
    for name in ("ring", "bitplanes", "randomness", "operations"):
        importlib.import_module(f"secureframe.mpc.{name}")
    return time.perf_counter() - started


if __name__ == "__main__":
    print(f"kernels ready in {warm():.1f} s, kept in {cache_directory()}")
