"""The Jupyter side of SecureFrame: a thin extension that shows, under a released table, the rules it was released by.

``%load_ext kernel_ext`` loads it. Begin with ``extension.py``.
"""

from __future__ import annotations

from kernel_ext.extension import load_ipython_extension, unload_ipython_extension

__all__ = ["load_ipython_extension", "unload_ipython_extension"]
