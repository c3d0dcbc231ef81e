"""``python -m benchmarks.peers.on_spu WORKLOAD N DIRECTORY``: a workload on SPU, between three processes; a line as JSON.

Protocol ABY3: three parties, one of whom may be corrupt and keeps to the protocol. The ring has 64 bits, and 32 where keys of 32
bits are sorted, which is faster. Numbers have a bit less than the ring, since SPU compares by the sign of a difference. Sorts are
SPU's quick sort, which opens comparisons of shuffled keys and is faster here than its default, the radix sort.

SPU has no join, and its groups by a hidden key do not use that a key has few rows. So they are put together here:

- a join is both sides below each other, sorted by the key with the payload, and every row compared with the one after it;
- groups by a hidden key are sorted with their values, and summed in steps of 1, 2 and 4 rows, since a key has at most 8.

The results stay in the order of the key: ours also puts them back into the order of the left rows, or of the input. The set
intersection (``psi``) is another thing: two parties, who both learn which keys they share (RR22, the fastest protocol there).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.columns import GROUPS, MOST_ROWS, Plain, columns
from benchmarks.peers.parties import LOOPBACK, Parties, measure, script

_SENT = re.compile(r"Link details: total send bytes (\d+)")
_KEY = "key"


def _link(rank: int, ports: Sequence[int]) -> Any:
    from spu import libspu

    about = libspu.link.Desc()
    for number, port in enumerate(ports):
        about.add_party(f"party{number}", f"{LOOPBACK}:{port}")
    # Sorts of a million rows make messages that take a while.
    about.recv_timeout_ms = 600_000
    return libspu.link.create_brpc(about, rank)


class SpuParty:
    """A party of the virtual machine: shares and a compiled program come before the clock starts."""

    def __init__(self, rank: int, ports: Sequence[int], directory: Path) -> None:
        self._log = directory / f"party{rank}.log"
        self._wire = _link(rank, ports)

    def prepare(self, work: Any) -> None:
        import spu

        settings, self._program, shares = work
        # It says what it sent, by operation, at the end of a run.
        settings.enable_pphlo_profile = True
        self._machine = spu.Runtime(self._wire, settings)
        for name, share in zip(self._program.input_names, shares, strict=True):
            self._machine.set_var(name, share)

    def run(self, counted: bool) -> int | None:
        self._machine.run(self._program)
        return self._sent() if counted else None

    def _sent(self) -> int | None:
        found = _SENT.findall(self._log.read_text(encoding="utf-8", errors="replace"))
        return int(found[-1]) if found else None

    def answer(self) -> Any:
        return [self._machine.get_var(name) for name in self._program.output_names]

    def close(self) -> None:
        self._wire.stop_link()


class PsiParty:
    """A side of the set intersection; its keys are a file in a directory of ours, and so are those that both have."""

    def __init__(self, rank: int, ports: Sequence[int], directory: Path) -> None:
        self._rank, self._directory = rank, directory
        self._wire = _link(rank, ports)

    def prepare(self, work: Any) -> None:
        from spu import psi

        given = self._directory / f"keys{self._rank}.csv"
        self._found = self._directory / f"found{self._rank}.csv"
        np.savetxt(given, work, fmt="%d", header=_KEY, comments="")
        self._config = psi.PsiExecuteConfig(
            protocol_conf=psi.PsiProtocolConfig(
                protocol=psi.PsiProtocol.PROTOCOL_RR22, receiver_rank=0, broadcast_result=True
            ),
            input_params=psi.InputParams(path=str(given), selected_keys=[_KEY], keys_unique=True),
            output_params=psi.OutputParams(path=str(self._found)),
        )

    def run(self, counted: bool) -> int | None:
        from spu import psi

        psi.psi_execute(self._config, self._wire)
        return None

    def answer(self) -> Any:
        lines = self._found.read_text(encoding="utf-8").split()
        return np.sort(np.array([line.strip('"') for line in lines[1:]], dtype=np.int64))

    def close(self) -> None:
        self._wire.stop_link()


# -- programs --------------------------------------------------------------------------------------------------------------


def multiply(x: Any, y: Any) -> Any:
    from spu import experimental

    return experimental.reveal(x * y)


def less_than(x: Any, y: Any) -> Any:
    from spu import experimental

    return experimental.reveal(x < y)


def equality(x: Any, y: Any) -> Any:
    return x == y


def inner(x: Any, y: Any) -> Any:
    import jax.numpy as jnp

    return jnp.dot(x, y)


def sort(keys: Any) -> Any:
    import jax.numpy as jnp

    return jnp.sort(keys)


def join(keys: Any, payload: Any) -> Any:
    import jax

    ordered, moved = jax.lax.sort([keys, payload], num_keys=1)
    found = ordered[1:] - ordered[:-1] == 1
    return ordered, found, found * moved[1:]


def group_public(members: Any, values: Any) -> Any:
    import jax.numpy as jnp

    return jnp.dot(values, members.astype(jnp.int64))


def group_codes(levels: Any, values: Any) -> Any:
    import jax.numpy as jnp

    return jnp.dot(values, (levels[:, None] == jnp.arange(GROUPS)).astype(jnp.int64))


def group_hidden(keys: Any, values: Any) -> Any:
    import jax
    import jax.numpy as jnp

    ordered, sums = jax.lax.sort([keys, values], num_keys=1)
    same = (ordered[1:] == ordered[:-1]).astype(jnp.int64)
    reach, step = same, 1
    while step < MOST_ROWS:
        sums = jnp.concatenate([sums[:step], sums[step:] + reach * sums[:-step]])
        reach = reach[step:] * reach[:-step] if 2 * step < MOST_ROWS else reach
        step *= 2
    return ordered, jnp.concatenate([(1 - same) * sums[:-1], sums[-1:]])


@dataclass(frozen=True, slots=True)
class Spu:
    """A program, the bits of the numbers that it takes, and the ring."""

    program: Callable[..., Any]
    bits: int = 63
    field: str = "FM64"


PROGRAMS = {
    "multiply": Spu(multiply),
    "less_than": Spu(less_than),
    "equality": Spu(equality),
    "inner": Spu(inner),
    "sort_64": Spu(sort),
    "sort_32": Spu(sort, bits=31, field="FM32"),
    "join": Spu(join),
    "group_public": Spu(group_public),
    "group_codes": Spu(group_codes),
    "group_hidden": Spu(group_hidden),
}


def on_shares(name: str, n: int, directory: Path) -> dict[str, Any]:
    """Measure a program on shares of three parties."""
    import jax
    import spu
    from spu.utils import frontend

    jax.config.update("jax_enable_x64", True)
    chosen = PROGRAMS[name]
    data = columns(name, n, chosen.bits)
    inputs = [each.astype(np.int32) if chosen.field == "FM32" else each for each in data.inputs]
    settings = spu.RuntimeConfig(protocol=spu.ProtocolKind.ABY3, field=getattr(spu.FieldType, chosen.field))
    settings.sort_method = spu.RuntimeConfig.SortMethod.SORT_QUICK
    with Parties(SpuParty, 3, directory) as parties:
        began = time.perf_counter()
        program, _ = frontend.compile(
            frontend.Kind.JAX,
            chosen.program,
            inputs,
            {},
            [f"in{number}" for number in range(len(inputs))],
            [spu.Visibility.VIS_SECRET] * len(inputs),
            lambda outputs: [f"out{number}" for number in range(len(outputs))],
        )
        compiled = time.perf_counter() - began
        io = spu.Io(3, settings)
        shares = [io.make_shares(each, spu.Visibility.VIS_SECRET) for each in inputs]
        parties.deal([(settings, program, [each[rank] for each in shares]) for rank in range(3)])
        del shares

        def whole(answers: list[Any]) -> list[Plain]:
            return [io.reconstruct(list(each)) for each in zip(*answers, strict=True)]

        found = measure(parties, whole, data.answers)
    about = {"protocol": "ABY3", "ring": chosen.field, "bits": chosen.bits, "compile_seconds": compiled, "parties": 3}
    return {**found, "about": about}


def intersection(n: int, directory: Path) -> dict[str, Any]:
    """Measure the set intersection of two parties."""
    data = columns("psi", n, 63)
    with Parties(PsiParty, 2, directory) as parties:
        parties.deal(data.inputs)
        found = measure(parties, lambda answers: answers[:1] if np.array_equal(*answers) else [], data.answers)
    return {**found, "about": {"protocol": "RR22", "parties": 2}}


def found(name: str, n: int, directory: Path) -> dict[str, Any]:
    return intersection(n, directory) if name == "psi" else on_shares(name, n, directory)


if __name__ == "__main__":
    script(found, ("spu", "jax", "numpy"))
