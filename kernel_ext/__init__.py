"""The Jupyter side of SecureFrame: magics, completion, short errors, and the rules shown under a released table.

``%load_ext kernel_ext`` loads it, and the kernelspec "SecureFrame (Python)" starts stock ipykernel with it. Loading connects to
nothing and imports nothing heavy. May import cohort and secureframe. Begin with ``extension.py``.
"""

from __future__ import annotations

from kernel_ext.extension import load_ipython_extension, unload_ipython_extension

__all__ = ["load_ipython_extension", "unload_ipython_extension"]
