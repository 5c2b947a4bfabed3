"""The webhook's signature: over the raw bytes, nothing else passes."""

import pytest

from puente.whatsapp.signature import sign, verify

BODY = '{"entry":[{"texto":"¡ni\\u00f1a!"}]}'.encode()
SECRET = "secreto-de-prueba"


def test_the_signature_is_the_one_that_meta_documents() -> None:
    # RFC 4231, test case 2
    assert sign(b"what do ya want for nothing?", "Jefe") == (
        "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


def test_a_right_signature_is_accepted() -> None:
    assert verify(BODY, sign(BODY, SECRET), SECRET)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "sha256=",
        "sha256=00",
        sign(BODY, "otro-secreto"),
        sign(BODY, SECRET).removeprefix("sha256="),
        sign(BODY, SECRET).upper(),
        sign(BODY + b" ", SECRET),
        "sha1=" + sign(BODY, SECRET).removeprefix("sha256="),
        "sha256=ñandú",
    ],
)
def test_any_other_header_is_refused(header: str | None) -> None:
    assert not verify(BODY, header, SECRET)


def test_the_same_json_in_other_bytes_is_refused() -> None:
    assert not verify(BODY.replace(b"\\u00f1", "ñ".encode()), sign(BODY, SECRET), SECRET)
