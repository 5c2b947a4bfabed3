"""Bank data is noticed by its digits, and nothing else is taken for it."""

import pytest

from puente.knowledge import bank

CLABE = "012180001234567891"


@pytest.mark.parametrize(
    "said",
    [
        CLABE,
        f"mi clabe es {CLABE}",
        "le mando mi clabe 012 180 00123456789 1 para el deposito",
        "mi tarjeta 4152 3133 0000 0005",  # plainly fictional; she says that it is a card
        "4111 1111 1111 1111",  # the test card of the networks: its digits check
    ],
)
def test_an_account_or_a_card_is_found_and_left_out(said: str) -> None:
    assert bank.find(said)
    kept = bank.without(said)
    assert bank.OMITTED in kept
    assert not any(len(word) > 3 and word.isdigit() for word in kept.split())


@pytest.mark.parametrize(
    "said",
    [
        "mi numero de seguro es 12345678901",
        "mi telefono 55 5555 0101",
        "5215555550101",
        "folio PU-3467-9AC4",
        "LOOA531113HTCPBN07",  # the specimen CURP
        "del 03/11/2026 al 16/11/2026",
        "123456789012345",  # 15 digits that are no card
        "no",
    ],
)
def test_other_numbers_are_left_alone(said: str) -> None:
    assert bank.find(said) == []
    assert bank.without(said) == said
