"""What a party keeps: whose it is, which job it is of, and what leaves first when room is needed."""

from __future__ import annotations

import numpy as np
import pytest

from secureframe.engine.kept import KeptShares
from secureframe.errors import KeptLost
from secureframe.mpc.permutation import ShuffleHandle
from secureframe.mpc.program import Kept, Value
from secureframe.mpc.sharing import BitShare

BIT = Value(1, "bits", 1, 640)


def bits(group: str, origin: str = "") -> Kept:
    return Kept(f"bits of {group}", group, origin, BIT)


def share(words: int = 10) -> BitShare:
    return BitShare(np.zeros((1, words), np.uint64), np.ones((1, words), np.uint64), 64 * words)


def test_what_is_kept_is_recalled_by_its_analyst_alone() -> None:
    kept, held = KeptShares(), share()
    kept.keep("ana", "job", [(bits("a"), held)])
    assert kept.held("ana") == {"bits of a": "job"} and kept.held("ben") == {}
    assert kept.recall("ana", [bits("a", "job")]) == {1: held}
    for analyst, wanted in (("ben", bits("a", "job")), ("ana", bits("a", "other job")), ("ana", bits("b", "job"))):
        with pytest.raises(KeptLost):
            kept.recall(analyst, [wanted])


def test_a_later_job_replaces_an_arrangement_as_a_whole() -> None:
    kept = KeptShares()
    other = Kept("order of a", "a", "", Value(2, "order", 1, 10))
    kept.keep("ana", "first", [(bits("a"), share()), (other, np.arange(10))])
    kept.keep("ana", "second", [(bits("a"), share())])
    assert kept.held("ana") == {"bits of a": "second"}


def test_more_is_added_only_to_what_is_still_there() -> None:
    kept = KeptShares()
    kept.keep("ana", "first", [(bits("a"), share())])
    more = Kept("more of a", "a", "first", BIT)
    kept.keep("ana", "second", [(more, share()), (bits("b", "first"), share())])
    assert kept.held("ana") == {"bits of a": "first", "more of a": "first"}
    kept.keep("ana", "third", [(more._replace(digest="others", origin="another"), share())])
    assert "others" not in kept.held("ana")


def test_what_was_used_longest_ago_makes_room() -> None:
    kept = KeptShares(most_bytes=400)
    kept.keep("ana", "one", [(bits("a"), share())])
    kept.keep("ben", "two", [(bits("b"), share())])
    kept.recall("ana", [bits("a", "one")])
    kept.keep("ana", "three", [(bits("c"), share())])
    assert set(kept.held("ana")) == {"bits of a", "bits of c"} and kept.held("ben") == {}
    kept.keep("ana", "four", [(bits("d"), share(words=1000))])
    assert kept.held("ana") == {}, "what is larger than all the room is not kept"


def test_every_job_has_a_handle_of_its_own() -> None:
    kept = KeptShares()
    handle = ShuffleHandle(np.arange(4), np.arange(4), used=True)
    entry = Kept("handle", "a", "", Value(3, "shuffle", 1, 4))
    kept.keep("ana", "job", [(entry, handle)])
    (found,) = kept.recall("ana", [entry._replace(origin="job")]).values()
    assert found is not handle and not found.used and found.previous is handle.previous


def test_forgetting_frees_the_room() -> None:
    kept = KeptShares(most_bytes=200)
    for _ in range(3):
        kept.keep("ana", "job", [(bits("a"), share())])
        kept.forget("ana")
        assert kept.held("ana") == {}
    kept.keep("ben", "job", [(bits("a"), share())])
    assert kept.held("ben")
