"""A party, and a script as the peers' are, which measures nothing: it says a line, fails, or never ends, with a child beside it.

Processes start with this file, so it imports little.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers.parties import end_with_caller


class Adder:
    """A party that adds one to what it was dealt, and sends eight bytes by its own account."""

    def __init__(self, rank: int, ports: Sequence[int], directory: Path) -> None:
        assert len(set(ports)) == 3
        print(f"party {rank} is there", flush=True)

    def prepare(self, work: Any) -> None:
        self.work = work

    def run(self, counted: bool) -> int | None:
        if self.work is None:
            print("cannot go on", flush=True)
            os._exit(1)
        return 8 if counted else None

    def answer(self) -> Any:
        return self.work + 1

    def close(self) -> None:
        pass


def main() -> None:
    program, n, private = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    end_with_caller()
    # The child outlives the script unless somebody ends it.
    child = subprocess.Popen(["sleep", "600"], stdout=subprocess.DEVNULL)
    about = {"private": str(private), "mode": private.stat().st_mode & 0o777, "path": os.environ.get("PYTHONPATH")}
    Path(os.environ["FAKE_PEER_SAYS"]).write_text(json.dumps({"pids": [os.getpid(), child.pid], **about}), encoding="utf-8")
    if program == "fails":
        print("the reason why", file=sys.stderr)
        sys.exit(3)
    if program == "lasts":
        time.sleep(600)
    line = {"seconds": [0.25, 0.5, 1.0], "bytes_per_party": 8 * n, "rounds": None, "peak_mb": 1.5, "processor_seconds": 0.75}
    print("no measurement" if program == "mumbles" else json.dumps({**line, "versions": {"fake": "1.2"}, "about": {"ring": 64}}))


if __name__ == "__main__":
    main()
