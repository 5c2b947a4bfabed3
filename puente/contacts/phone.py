"""Mexican phone numbers: one form for matching. Sending always uses the id that WhatsApp gave."""

import re

import phonenumbers


def normalise(raw: str) -> str | None:
    """`+52` and ten digits for a Mexican number in any of its spellings, E.164 for others, None if it is no number.

    WhatsApp writes the same Mexican user as 521 + ten digits or 52 + ten digits (facts/dominio.md §7, S85-S87).
    """
    digits = re.sub(r"\D", "", raw)
    digits = re.sub(r"^00", "", digits)
    if re.fullmatch(r"521\d{10}", digits):
        digits = "52" + digits[3:]
    elif re.fullmatch(r"(044|045|01)\d{10}", digits):
        digits = "52" + digits[-10:]
    elif re.fullmatch(r"\d{10}", digits):
        digits = "52" + digits
    if re.fullmatch(r"52\d{10}", digits):
        return "+" + digits
    return _international(digits)


def _international(digits: str) -> str | None:
    try:
        number = phonenumbers.parse("+" + digits)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
