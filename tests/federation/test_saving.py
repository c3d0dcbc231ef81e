"""Frames under a name: they come back in a later session with their joins paid, and with nothing that is not theirs."""

from __future__ import annotations

import base64
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import secureframe as sf
from secureframe.errors import PlanError, PolicyError
from secureframe.federation import Federation
from secureframe.governance.identity import AnalystIdentity
from secureframe.mpc.permutation import ShuffleHandle
from secureframe.schema.declare import NAME
from tests.disclosure.federations import PURPOSE, people
from tests.federation.session import ANALYST, in_memory, joined, session, sorts, stores

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
VERIFY = ANALYST.public()["verify_key"]


def again(fed: Federation, analyst: AnalystIdentity = ANALYST) -> Federation:
    """A later notebook at the same institutions, whose parties keep nothing any more."""
    in_memory(fed).forget_kept()
    return Federation(in_memory(fed).guest(analyst), purpose=PURPOSE, analyst=analyst, quiet=True)


def files(fed: Federation) -> list[Path]:
    return sorted(p for p in in_memory(fed).directory.rglob("*") if p.is_file() and "saved" in p.parts)


@pytest.fixture
def fed() -> Federation:
    fed = session()
    joined(fed).groupby("male")["w"].mean()
    return fed


def test_a_frame_comes_back_with_its_join(fed: Federation) -> None:
    cohort = joined(fed)[joined(fed)["age"] >= 40]
    wanted = cohort["w"].mean()
    cohort.save("cohort")
    assert fed.saved == ["cohort"]
    later = again(fed)
    assert later.saved == ["cohort"] and in_memory(later).kept() == {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = later.load("cohort")
    assert found.node == cohort.node
    assert found["w"].mean() == wanted and not sorts(later)
    found.groupby("site")["x"].sum()
    assert not sorts(later)


def test_parameters_come_back(fed: Federation) -> None:
    limit = sf.parameter("limit", 45, low=0, high=120)
    cohort = joined(fed)[joined(fed)["age"] >= limit]
    cohort.save("bound")
    assert again(fed).load("bound")["x"].sum() == cohort["x"].sum()


def test_a_frame_of_one_institution_is_its_plan(fed: Federation) -> None:
    old = fed["patients"][fed["patients"]["age"] > 60]
    old.save("old")
    assert again(fed).load("old")["x"].mean() == old["x"].mean()


def test_a_name_is_taken_by_the_last_frame(fed: Federation) -> None:
    joined(fed).save("mine")
    fed["patients"].save("mine")
    assert fed.saved == ["mine"] and fed.load("mine").node == fed["patients"].node


def test_forgetting(fed: Federation) -> None:
    joined(fed).save("cohort")
    assert files(fed)
    fed.forget("cohort")
    assert fed.saved == [] and files(fed) == []
    for act in (fed.forget, fed.load):
        with pytest.raises(PlanError, match="no frame was saved as 'cohort'"):
            act("cohort")


@pytest.mark.parametrize("name", ["", "../cohort", "a b", "__x", "x" * 65, "kohorte/1"])
def test_names_are_plain(fed: Federation, name: str) -> None:
    assert not NAME.fullmatch(name) or len(name) > 64
    for act in (joined(fed).save, fed.load, fed.forget):
        with pytest.raises(PlanError, match="no name for a frame"):
            act(name)


def test_another_analyst_has_names_of_their_own(fed: Federation) -> None:
    joined(fed).save("cohort")
    other = again(fed, AnalystIdentity.generate("ben"))
    assert other.saved == []
    with pytest.raises(PlanError, match="no frame was saved"):
        other.load("cohort")
    other["patients"].save("cohort")
    assert fed.load("cohort").node == joined(fed).node


@pytest.mark.parametrize("changed", ["policy", "data", "nothing"])
def test_changed_data_or_policies_mean_that_it_is_computed_anew(fed: Federation, changed: str, tmp_path: Path) -> None:
    joined(fed).save("cohort")
    frames = people()
    if changed == "data":
        frames["registry"].loc[100, "w"] = 3
    later = session(frames, policy="standard" if changed == "policy" else "open-research")
    for name in ("hospital", "laboratory", "office"):
        # The same institutions, whose disks outlived them.
        in_memory(later)._shelves[name][0].__init__(  # type: ignore[misc]
            in_memory(fed).directory / name, _key(in_memory(fed), name)
        )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = later.load("cohort")
    told = [str(w.message) for w in caught]
    assert bool(told) is (changed != "nothing")
    assert all("computed anew" in text and "have changed" in text for text in told)
    mean = found["w"].mean()
    assert sorts(later) is (changed != "nothing")
    assert mean == joined(later)["w"].mean()
    fresh = session(frames, policy="standard" if changed == "policy" else "open-research")
    assert found["w"].mean() == joined(fresh)["w"].mean()
    assert any(p.suffix == ".shares" for p in files(fed)) is (changed == "nothing")


def _key(backend: Any, name: str) -> bytes:
    from secureframe.engine.saved import storage_key
    from secureframe.governance.identity import InstitutionIdentity

    return storage_key(InstitutionIdentity.load(name, backend.directory / name).signing_key)


def test_a_party_without_its_part(fed: Federation) -> None:
    wanted = joined(fed)["w"].mean()
    joined(fed).save("cohort")
    lost = next(p for p in files(fed) if p.suffix == ".shares")
    lost.unlink()
    later = again(fed)
    with pytest.warns(UserWarning, match="a party has lost its part"):
        found = later.load("cohort")
    assert found["w"].mean() == wanted and sorts(later)


def test_what_lies_on_the_disk_is_sealed(fed: Federation) -> None:
    joined(fed).save("cohort")
    handle = next(
        item for held in stores(fed)[0].groups(VERIFY, in_memory(fed).kept()).values() for item in held.items.values()
        if isinstance(item, ShuffleHandle)
    )  # fmt: skip
    part = handle.previous[:4].astype("<u8").tobytes()
    assert any(part in _opened(fed, p) for p in files(fed) if p.suffix == ".shares"), "the test looks for what is there"
    for path in files(fed):
        raw = path.read_bytes()
        assert part not in raw and b"cohort" not in raw and b"patients" not in raw and "cohort" not in path.name
        assert path.stat().st_mode & 0o777 == 0o600


def _opened(fed: Federation, path: Path) -> bytes:
    name = path.relative_to(in_memory(fed).directory).parts[0]
    found = in_memory(fed)._shelves[name][0].read(VERIFY, "cohort", "shares")
    return found or b""


def test_changed_and_exchanged_files_open_no_more(fed: Federation) -> None:
    joined(fed).save("cohort")
    fed["patients"].save("other")
    (place, _) = in_memory(fed)._shelves["hospital"]
    plans = [p for p in files(fed) if p.suffix == ".plan" and "hospital" in p.parts]
    first, second = (p.read_bytes() for p in plans)
    plans[0].write_bytes(second)
    plans[1].write_bytes(first[:-1] + bytes([first[-1] ^ 1]))
    assert place.read(VERIFY, "cohort", "plan") is None and place.read(VERIFY, "other", "plan") is None
    assert place.names(VERIFY) == []


def test_institutions_give_back_only_what_the_analyst_signed(fed: Federation, monkeypatch: pytest.MonkeyPatch) -> None:
    joined(fed).save("cohort")
    fed["patients"].save("people")
    backend = in_memory(fed)
    load = backend.load
    monkeypatch.setattr(backend, "load", lambda name: load("people"))
    with pytest.raises(PlanError, match="not what this analyst has saved"):
        fed.load("cohort")
    eve = AnalystIdentity.generate("eve")

    def forged(name: str) -> list[dict[str, Any]]:
        copies = load(name)
        for copy in copies:
            copy["signature"] = base64.b64encode(eve.sign(base64.b64decode(copy["body"]))).decode()
        return copies

    monkeypatch.setattr(backend, "load", forged)
    with pytest.raises(PlanError, match="not what this analyst has saved"):
        fed.load("cohort")
    with pytest.raises(PolicyError, match="not signed by who sends it"):
        backend.save(b"{}", eve.sign(b"{}"))


def test_shares_come_back_as_they_were(fed: Federation) -> None:
    from secureframe.engine.kept import arrays_of
    from secureframe.engine.saved import pack, unpack

    held = stores(fed)[1].groups(VERIFY, in_memory(fed).kept())
    found = unpack(pack(held))
    assert held and found.keys() == held.keys()
    for group, arrangement in held.items():
        assert found[group].origin == arrangement.origin and found[group].items.keys() == arrangement.items.keys()
        for digest, item in arrangement.items.items():
            other = found[group].items[digest]
            assert type(other) is type(item)
            for a, b in zip(arrays_of(item), arrays_of(other), strict=True):
                assert a.dtype == b.dtype and np.array_equal(a, b)
