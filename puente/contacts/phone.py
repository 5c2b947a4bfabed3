"""Mexican phone numbers: one form for matching. Sending always uses the id that WhatsApp gave."""

import re

import phonenumbers


def normalise(raw: str) -> str | None:
    """`+52` and ten digits for a Mexican number in any of its spellings, E.164 for others, None if it is no number.

    WhatsApp writes the same Mexican user as 521 + ten digits or 52 + ten digits (facts/dominio.md §7, S85-S87).
    Only a number without a "+" can be a local one: +45 and eight digits is a Dane, not somebody in Mexico.
    """
    digits = re.sub(r"[^0-9]", "", raw)
    if raw.lstrip().startswith("+"):
        return _international(digits)
    digits = digits.removeprefix("00")
    if re.fullmatch(r"((044|045|01)?[0-9]{10})", digits):
        return "+52" + digits[-10:]
    return _international(digits)


def of_whatsapp(wa_id: str) -> str:
    """The form for matching of WhatsApp's id of a user, which always begins with the country code, "+" left out.

    An id that is no phone number stands for itself: the same sender must always be the same contact.
    """
    return normalise("+" + wa_id.lstrip("+")) or wa_id


def _international(digits: str) -> str | None:
    if re.fullmatch(r"521?[0-9]{10}", digits):
        return "+52" + digits[-10:]
    try:
        number = phonenumbers.parse("+" + digits)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
