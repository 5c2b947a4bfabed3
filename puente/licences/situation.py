"""Reads what families say about their situation: age, insurance, diagnosis, time paid in, who they are.

`volunteered` takes from any message only what it surely says; `read` takes an answer to a question that was asked.
"""

import re
from datetime import datetime

from puente.knowledge import dates, identifiers
from puente.knowledge.spelling import plain, sound, with_numbers, words

_CHILD = (
    r"(?:hij[oa]s?|nin[oa]s?|bebe|bb|peque\w*|chamac[oa]|chiquit[oa]|nen[ea]|huerc[oa]|morr[oa]|mij[oa]|nieto|nieta|"
    r"sobrin[oa]|herman[oa]|plebe|cipote|guerrer[oa]|adolescente|muchach[oa]|criatura|gord[oa])"
)
_AGE = r"(\d{1,2})\s*(?:anos?|anitos?|a\b|meses|mesesitos)"
_CORRECTS = re.compile(r"\b(?:perdon|disculpe|me equivo\w+|quise decir|mas bien|corrij\w+|mejor dicho|digo)\b")
_YES = re.compile(
    r"^(?:si|sii+|sip|simon|claro|asi es|correcto|afirmativo|aja|por supuesto|efectivamente|a huevo)\b|^ya$"
)
_NO = re.compile(r"^(?:no+|nel|nop|nunca|tampoco|para nada|ninguno|todavia no|aun no)\b")
_DOES_NOT_KNOW = re.compile(
    r"\b(?:no se|nose|no lo se|no s[ée]|quien sabe|ni idea|no estoy segur[oa]|no recuerdo|no me acuerdo|sepa|omitir)\b"
)


def volunteered(text: str, now: datetime) -> dict[str, str]:
    """What the message surely says, by topic."""
    said = _spelled(text)
    found = {
        "seguro": _insurance(said),
        "edad": _age_of_the_child(text, said, now),
        "diagnostico": _diagnosis(said),
        "semanas": _weeks_said(said),
        "parentesco": _kinship(said),
        "otro_padre": _other_parent(said),
    }
    return {topic: value for topic, value in found.items() if value}


def read(topic: str, text: str, now: datetime, *, intent: str = "") -> str | None:
    """The answer to a question that was asked about the topic, or None when it is not understood."""
    said = _spelled(text)
    if topic == "edad" and (value := _age_said(said, said)):
        return value
    if topic == "seguro" and (value := _insurance_answered(said)):
        return value
    if topic == "otro_padre" and (value := _licence_of_the_other(said)):
        return value
    if topic == "semanas" and (value := _time_paid_in(said)):
        return value
    if topic == "parentesco" and re.search(r"\b(?:mama|papa|madre|padre)\b", said):
        return "madre_padre"
    if _DOES_NOT_KNOW.search(said):
        return "no_se"
    return _yes_or_no(topic, said, intent)


def corrects(text: str) -> bool:
    """Whether the words take back something said before."""
    return bool(_CORRECTS.search(_spelled(text)))


def age_group(age: str | None) -> str | None:
    """Where an age, as `identifiers.age` writes it, stands against the 16 years of the law."""
    if age is None:
        return None
    years = re.match(r"(\d+) años?", age)
    count = int(years.group(1)) if years else 0
    return "menor_16" if count < 16 else "dieciseis" if count == 16 else "mayor_16"


# ---- one reader for each topic


def _insurance(said: str) -> str | None:
    if re.search(r"\b(?:i?sste|isssteson|iste|issste)\b", said) and not re.search(r"\bimss\b", said):
        return "issste"
    if re.search(r"\b(?:imss bienestar|de bienestar|seguro popular|insabi)\b", said):
        return "bienestar"
    if re.search(
        r"\b(?:honorarios|por mi cuenta|modalidad|pago mi (?:propio )?seguro|seguro voluntario|salud para la familia|"
        r"asimilados|trabajo yo sol[oa]|freelance|independiente)\b",
        said,
    ):
        return "por_su_cuenta"
    if re.search(
        r"\b(?:desemplead[oa]|(?<!si )ya no trabajo|no tengo (?:trabajo|chamba|jale|empleo)|renuncie|me corrieron|"
        r"me despidieron|sin (?:trabajo|chamba|empleo)|deje de trabajar|deje (?:el|mi) trabajo)\b",
        said,
    ):
        return "sin_trabajo"
    if _NOT_INSURED.search(said):
        return "sin_seguro"
    works = re.search(r"\b(?:trabajo|trabajando|laboro|chambeo|jalo) (?:en|de|con|para|como)\b", said)
    insured = re.search(r"\b(?:asegurad[oa]|con (?:seguro|imss)|tengo (?:seguro|imss)|cotizo|cotizando)\b", said)
    return "patron" if works and insured else None


_NOT_INSURED = re.compile(
    r"\bno (?:me |nos )?(?:tienen?|estoy|tengo|han|dan|da|cotizo)\b.{0,14}\b(?:asegurad[oa]|seguro|imss)\b|"
    r"\bno cotizo\b|\bsin (?:seguro|asegurar)\b"
)


def _insurance_answered(said: str) -> str | None:
    if re.search(r"\b(?:imss|seguro) (?:por|de) (?:mi|el|su) (?:trabajo|patron|chamba)\b", said):
        return "patron"
    return "patron" if re.search(r"\b(?:estoy asegurad[oa]|tengo (?:el )?(?:seguro|imss)|cotizo)\b", said) else None


def _licence_of_the_other(said: str) -> str | None:
    if re.search(
        r"\bno (?:la )?(?:tiene|ha sacado|ha pedido|pidio|saco|sabe)\b|\bnadie\b|\bninguno\b|\bsolo yo\b", said
    ):
        return "no"
    return "si" if re.search(r"\bya (?:la )?(?:tiene|saco|pidio|usa)\b", said) else None


def _age_of_the_child(text: str, said: str, now: datetime) -> str | None:
    if re.search(r"\bnacio\b", said):
        return _by_birthday(text, now)
    near = re.search(
        rf"\b{_CHILD}\b(?:(?!\b(?:yo|tengo|llevo|lleva|hace|desde|trabaja)\b)[^.,;\n]){{0,40}}?\b{_AGE}", said
    )
    near = near or re.search(rf"\b{_AGE}(?: y medio)? (?:tiene |cumplidos )?(?:mi|el|la|de) (?:\w+ )?{_CHILD}\b", said)
    if near is None and _CORRECTS.search(said):  # "perdón, tiene 15 años": who else
        near = re.search(
            rf"\b(?:tiene|cumplio|son|eran) (?:como )?{_AGE}(?!.{{0,20}}\b(?:cotiz|trabaj|llev|asegur))", said
        )
    return _age_said(near.group(), said) if near else None


def _age_said(piece: str, said: str) -> str | None:
    """The age of a piece that names it; who "va a cumplir 16" still has 15."""
    number = re.search(r"\d.*", piece, re.DOTALL)
    age = identifiers.age(number.group() if number else piece)
    if age and re.search(
        r"\b(?:va a|vaya a|por|pa) cumplir\b|\bcumplira\b|\bva para\b|\bcumple \d+ (?:\w+ )?en\b", said
    ):
        years = re.match(r"\d+", age)
        return age_group(f"{int(years.group()) - 1} años") if years and int(years.group()) else None
    return age_group(age)


def _by_birthday(text: str, now: datetime) -> str | None:
    born = dates.read_date(text, now, "nació")
    today = now.date()
    if born is None or born > today or not re.search(r"\b(?:19|20)\d\d\b", text):
        return None
    years = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    return age_group(f"{years} años")


def _diagnosis(said: str) -> str | None:
    if re.search(r"\bno (?:es|tiene) (?:un )?(?:cancer|leucemia|tumor)\b", said):
        return "otra_enfermedad"
    if re.search(
        r"\b(?:todavia|aun) no (?:le|nos|tenemos|hay|dan|tiene|sale)\b.{0,20}(?:diagn|estudio|resultado|biopsia)|"
        r"\b(?:apenas|falta|faltan|esperando)\b.{0,25}\b(?:biopsia|estudios?|resultados?|diagnostico)\b|\bsospech",
        said,
    ):
        return "en_estudio"
    if re.search(
        r"\bdiagn\w+.{0,30}\b(?:particular|privad[oa]|otro hospital|hospital civil|hospital infantil|fuera)\b|"
        r"\b(?:particular|privad[oa]|otro hospital)\b.{0,25}\bdiagn",
        said,
    ):
        return "fuera"
    if re.search(r"\bdiagn\w+.{0,40}\b(?:imss|seguro|la raza|siglo xxi|siglo 21)\b|\bimss\b.{0,30}\bdiagn", said):
        return None if re.search(r"\bno\b.{0,12}\bdiagn|\bno en el imss\b", said) else "imss"
    return None


def _weeks_said(said: str) -> str | None:
    """Time paid in that is said to be so: "20 semanas cotizadas", "llevo 4 años cotizando"."""
    paid = (
        r"(?:cotiz\w+|en el seguro|asegurad[oa]|en el imss|de semanas|con (?:este|el) patron|en la (?:fabrica|maquila))"
    )
    near = re.search(rf"\d+\s*(?:semanas?|mes(?:es)?|anos?)[^.,;\n]{{0,25}}{paid}", said) or re.search(
        rf"{paid}[^.,;\n]{{0,20}}\d+\s*(?:semanas?|mes(?:es)?|anos?)", said
    )
    return _time_paid_in(near.group()) if near and not re.search(_CHILD, near.group()) else None


def _time_paid_in(said: str) -> str | None:
    if re.search(r"\b(?:mas|mucho mas) de (?:un|1) ano\b|\b(?:muchos|varios|bastantes|un monton de) anos\b", said):
        return "mas_de_52"
    if re.search(r"\bmenos de (?:un|1) ano\b", said) and not re.search(r"\d+ (?:mes|seman)", said):
        return "no_se"
    weeks = _weeks(said)
    if weeks is None:
        return None
    return "mas_de_52" if weeks >= 52 else "entre_30_y_52" if weeks >= 30 else "menos_de_30"


def _weeks(said: str) -> float | None:
    weeks_of = {"semana": 1.0, "mes": 52 / 12, "ano": 52.0, "dia": 1 / 7}
    found = re.findall(r"(\d+|\b(?:un|una)) ?(semana|mes|ano|dia)", said)
    if not found and re.search(r"\bano y medio\b", said):
        return 78
    total = sum((int(count) if count.isdigit() else 1) * weeks_of[unit] for count, unit in found)
    if re.search(r"\b(?:ano|mes) y medio\b", said):
        total += 26 if "ano y medio" in said else 2
    if not found and re.search(r"\bmedio ano\b", said):
        return 26
    return total if found else None


def _kinship(said: str) -> str | None:
    if re.search(
        r"\b(?:tengo|me dieron|con) la (?:guarda y )?(?:custodia|patria potestad|tutela)\b|"
        r"\bsoy (?:su |la |el )?tutora?\b",
        said,
    ):
        return "custodia"
    who = re.search(r"\bsoy (?:yo )?(?:su |la |el |una? )?(?:\w+ )??(mama|madre|papa|padre|mami|papi)\b", said)
    if who:
        return "madre_padre"
    other = re.search(
        r"\bsoy (?:yo )?(?:su |la |el )?(abuel\w+|avuel\w+|tia|tio|herman[oa]|padrastro|madrastra|prim[oa]|vecin[oa]|"
        r"madrina|padrino)\b",
        said,
    )
    if other:
        return "otro"
    # "Mi hija trabaja" is a grandmother; "mi hijo tiene leucemia" is a parent.
    ill = re.search(
        r"\bmi (?:hij[oa]|mij[oa])\b(?:(?!\btrabaj)[^.,;\n]){0,30}(?:leucemia|cancer|tumor|quimio|\d anos)", said
    )
    return "madre_padre" if ill else None


def _other_parent(said: str) -> str | None:
    parent = r"(?:espos[oa]|marido|senora|papa|mama|pareja|ex|viejo|mujer)"
    if re.search(
        rf"\b(?:mi|su|el|la) {parent}\b.{{0,15}}"
        r"\bya (?:la |esta |tiene )?(?:tiene|saco|pidio|usa|de licencia|la licencia)\b",
        said,
    ):
        return "si"
    if re.search(rf"\b(?:mi|su|el|la) {parent}\b.{{0,12}}\bno (?:la )?(?:tiene|ha sacado|ha pedido|la pidio)\b", said):
        return "no"
    if re.search(r"\b(?:soy (?:mama|madre) soltera|soy (?:papa|padre) soltero|soy viud[oa])\b", said):
        return "no"
    return None


def _yes_or_no(topic: str, said: str, intent: str) -> str | None:
    yes = intent == "afirmar" or bool(_YES.search(said))
    no = intent == "negar" or bool(_NO.search(said))
    if yes == no:
        return None
    answers: dict[str, tuple[str, str | None]] = {
        "seguro": ("patron", None),  # a bare "no" does not say what else: it is asked
        "diagnostico": ("imss", "en_estudio" if re.search(r"\b(?:todavia|aun)\b", said) else None),
        "parentesco": ("madre_padre", "otro"),
        "otro_padre": ("si", "no"),
    }
    return answers[topic][0 if yes else 1] if topic in answers else None


_SPELLINGS = {sound(word): word for word in (
    "años", "meses", "semanas", "semana", "cotizando", "cotizadas", "trabajo", "custodia", "honorarios", "diagnóstico",
    "diagnosticaron", "asegurada", "asegurado", "hijo", "hija", "soy", "llevo", "abuelita", "abuela", "todavía", "ya",
    "hospital", "seguro", "bienestar",
)}  # fmt: skip


def _spelled(text: str) -> str:
    """The message in plain words with numbers as digits; the commonest misspellings put right, commas kept."""
    pieces = re.split(r"([.,;\n])", text.replace("ñ", "n").replace("Ñ", "N"))
    return "".join(piece if piece in ".,;\n" else " " + _words_of(piece) for piece in pieces).strip()


def _words_of(piece: str) -> str:
    return " ".join(plain(_SPELLINGS.get(word.key, word.plain)) for word in with_numbers(words(piece), articles=False))
