"""Every protocol with an exact oracle: one row each. A new protocol needs one more row, and has all tests by it.

The rows stand in ``instructions`` (methods of the builder) and ``composed`` (functions that emit instructions). Which tests
they have: ``tests/mpc/test_protocols.py`` (exact at every edge; what parties see), ``tests/mpc/test_traffic.py`` (rounds, bytes).
"""

from tests.mpc.protocols import composed, instructions
from tests.mpc.protocols.registry import ROWS, Row

__all__ = ["ROWS", "Row", "composed", "instructions"]
