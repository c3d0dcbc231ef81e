"""Keys of institutions: one key in a private directory, from which the one that opens results follows."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ray_cluster.identities import ProcessIdentity
from secureframe.errors import SecureFrameError
from secureframe.governance.identity import IDENTITY_FILE, AnalystIdentity, InstitutionIdentity, is_sealing_key, verify


def test_the_keys_of_an_institution_follow_from_one() -> None:
    key = Ed25519PrivateKey.generate()
    first, second = InstitutionIdentity.of("registry", key), InstitutionIdentity.of("registry", key)
    assert first.public() == second.public()
    other = InstitutionIdentity.of("registry", Ed25519PrivateKey.generate())
    assert first.public()["sealing_key"] != other.public()["sealing_key"]
    assert is_sealing_key(first.public()["sealing_key"]) and first.sealing_key.private_bytes_raw() != key.private_bytes_raw()
    assert (first.name, first.affiliation) == ("registry", "registry"), "its own rows never count towards a threshold"
    assert verify(first.public()["verify_key"], first.sign(b"plan"), b"plan")


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = InstitutionIdentity.of("registry", Ed25519PrivateKey.generate())
    written.save(tmp_path)
    assert stat.S_IMODE((tmp_path / IDENTITY_FILE).stat().st_mode) == 0o600
    assert InstitutionIdentity.load("registry", tmp_path).public() == written.public()
    with pytest.raises(FileExistsError):
        written.save(tmp_path)


def test_the_key_of_a_running_institution_is_the_same(tmp_path: Path) -> None:
    """The file that holds its certificate too."""
    running = ProcessIdentity.generate("registry")
    running.save(tmp_path / IDENTITY_FILE)
    assert InstitutionIdentity.load("registry", tmp_path).public() == InstitutionIdentity.of("registry", running.key).public()


def test_what_is_no_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SecureFrameError, match="cannot be read"):
        InstitutionIdentity.load("registry", tmp_path)
    (tmp_path / IDENTITY_FILE).write_text("secret")
    with pytest.raises(SecureFrameError, match="cannot be read") as caught:
        InstitutionIdentity.load("registry", tmp_path)
    assert "secret" not in str(caught.value)
    other = generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / IDENTITY_FILE).write_bytes(other)
    with pytest.raises(SecureFrameError, match="no Ed25519 key"):
        InstitutionIdentity.load("registry", tmp_path)


def test_no_key_is_shown() -> None:
    for identity in (AnalystIdentity.generate("ana"), InstitutionIdentity.of("registry", Ed25519PrivateKey.generate())):
        assert "key" not in repr(identity) and type(identity).__name__ in repr(identity)
