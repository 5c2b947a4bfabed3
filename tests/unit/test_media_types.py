"""What bytes say they are, and what is refused."""

import base64
import hashlib

import pytest

from puente.media import types
from tests.fake_media import JPEG, OGG, PDF


@pytest.mark.parametrize(
    ("head", "mime"),
    [
        (JPEG, "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n....", "image/png"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "image/webp"),
        (OGG, "audio/ogg"),
        (b"#!AMR\n", "audio/amr"),
        (b"\xff\xf1\x50\x80", "audio/aac"),
        (b"ID3\x04", "audio/mpeg"),
        (b"\x00\x00\x00\x18ftypmp42", "video/mp4"),
        (b"\x00\x00\x00\x18ftypM4A ", "audio/mp4"),
        (b"\x00\x00\x00\x18ftyp3gp5", "video/3gpp"),
        (PDF, "application/pdf"),
        (b"PK\x03\x04....", "application/zip"),
        ("hojas: niño, fecha\n".encode(), "text/plain"),
        ("ñ".encode()[:1], "text/plain"),  # cut in the middle of a character
        (b"<!DOCTYPE html><script>", types.UNKNOWN),
        (b"<svg onload=x>", types.UNKNOWN),
        (b"\x00\x01\x02", types.UNKNOWN),
        (b"", types.UNKNOWN),
    ],
)
def test_the_bytes_tell_the_type(head: bytes, mime: str) -> None:
    assert types.sniff(head) == mime


@pytest.mark.parametrize(
    ("kind", "head"),
    [("image", PDF), ("image", b"<html>"), ("image", b"MZ\x90\x00"), ("audio", JPEG), ("video", OGG), ("image", b""),
     ("document", b"MZ\x90\x00\x03\x00"), ("document", b"\x7fELF\x02\x01"), ("document", b"")],
)  # fmt: skip
def test_what_is_not_what_it_says_or_runs_is_refused(kind: str, head: bytes) -> None:
    assert types.refusal(kind, head)


@pytest.mark.parametrize(
    ("kind", "head"),
    [("image", JPEG), ("audio", OGG), ("audio", b"\x00\x00\x00\x18ftypmp42"), ("document", PDF), ("document", JPEG),
     ("document", b"\x00\x01"), ("document", b"PK\x03\x04")],
)  # fmt: skip
def test_what_it_may_be_is_kept(kind: str, head: bytes) -> None:
    assert types.refusal(kind, head) is None


def test_office_files_keep_the_name_of_their_kind_and_nothing_else_does() -> None:
    word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    assert types.served_as("document", "application/zip", word) == word
    assert types.served_as("document", "application/zip", "text/html") == "application/zip"
    assert types.served_as("document", types.UNKNOWN, "text/html") == types.UNKNOWN


def test_both_spellings_of_a_hash_are_one() -> None:
    digest = hashlib.sha256(b"x")
    both = (digest.hexdigest().upper(), base64.b64encode(digest.digest()).decode())
    assert {types.hex_digest(value) for value in both} == {digest.hexdigest()}
    assert types.hex_digest("a1b2c3d4e5f6...") is None
    assert types.hex_digest(5) is None
