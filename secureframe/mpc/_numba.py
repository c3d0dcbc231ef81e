"""The one door to numba: where compiled kernels are kept, and the decorator that compiles them.

numba's disk cache does not notice an edited callee in another file, so the cache directory is named after the hash of all
kernel sources, the processor and numba's version. Kernels have explicit signatures: importing their module compiles or
loads them, and an array of another layout is refused instead of being compiled for anew.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import platformdirs
from numba import extending as numba_extending

KERNEL_SOURCES = (
    "_numba.py",
    "ring.py",
    "limbs.py",
    "bitplanes.py",
    "gates.py",
    "ordering.py",
    "randomness.py",
    "gathered.py",
    "lowmc.py",
    "tags.py",
)

Function = TypeVar("Function", bound=Callable[..., Any])


def _processor() -> str:
    from llvmlite import binding

    return f"{platform.machine()}-{binding.get_host_cpu_name()}"


def cache_directory() -> Path:
    """Return the directory of compiled kernels for these sources, this processor and this numba."""
    digest = hashlib.sha256()
    for name in KERNEL_SOURCES:
        digest.update((Path(__file__).parent / name).read_bytes())
    digest.update(_processor().encode())
    digest.update(importlib.metadata.version("numba").encode())
    return Path(platformdirs.user_cache_dir("secureframe")) / "kernels" / digest.hexdigest()[:24]


_CACHE = cache_directory()


def kernel(signatures: str | Sequence[str], *, any_order: bool = False) -> Callable[[Function], Function]:
    """Compile a kernel for its signatures, from the disk cache where possible; it releases the GIL while it runs.

    ``any_order`` lets sums and products of reals be rounded in any order: only so can vector units add them up.
    """

    def decorate(function: Function) -> Function:
        config = cast(Any, numba).config
        before = config.CACHE_DIR
        config.CACHE_DIR = str(_CACHE)
        try:
            wanted = signatures if isinstance(signatures, str) else list(signatures)
            compiled = cast(Any, numba).njit(
                wanted,
                cache=True,
                nogil=True,
                boundscheck=False,
                error_model="numpy",
                fastmath={"reassoc", "contract"} if any_order else False,
            )(function)
        finally:
            config.CACHE_DIR = before
        return cast(Function, compiled)

    return decorate


def _high_product(typing: Any, x: Any, y: Any) -> tuple[Any, Callable[..., Any]]:
    """The upper 64 bits of the product of two unsigned words: one instruction of the processor."""
    word = cast(Any, numba).types.uint64

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        from llvmlite import ir

        wide = ir.IntType(128)
        left, right = (builder.zext(argument, wide) for argument in arguments)
        return builder.trunc(builder.lshr(builder.mul(left, right), ir.Constant(wide, 64)), ir.IntType(64))

    return word(word, word), code


high_product: Any = cast(Any, numba_extending).intrinsic(_high_product)
