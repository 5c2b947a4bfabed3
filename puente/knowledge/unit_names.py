"""Which hospital or clinic people mean: by nickname, by type and number, by city, and when it cannot be known."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field

from puente.knowledge import catalogs
from puente.knowledge.names import Names
from puente.knowledge.spelling import Word, listed, plain, sound, with_j, with_numbers, words

# What people say or write for each type of unit.
_TYPES = {
    "hgz": "HGZ", "hgzmf": "HGZ", "hz": "HGZ", "hjz": "HGZ", "jgz": "HGZ", "zona": "HGZ", "hgs": "HGZ",
    "hgr": "HGR", "hr": "HGR", "regional": "HGR", "rejional": "HGR", "reg": "HGR",
    "umae": "UMAE", "t": "UMAE", "especialidades": "UMAE", "gineco": "GINECO", "ginecopediatria": "GINECO",
    "hgp": "GINECO", "umf": "UMF", "familiar": "UMF", "hgsz": "HGSZ", "subzona": "HGSZ",
}  # fmt: skip
_TYPE_MEMBERS = {
    "HGZ": {"HGZ", "HGZ/MF"}, "HGR": {"HGR"}, "UMAE": {"UMAE"}, "GINECO": {"UMAE", "HGP"}, "UMF": {"UMF", "HGZ/MF"},
    "HGSZ": {"HGSZ"},
}  # fmt: skip
_HOSPITAL = listed("hospital hosp ospital hospi clinica klinica clinika cli hg hgral nosocomio")
_CHAIN = listed("la el de del general gral numero num no nro n unidad medica mf con medicina imss seguro")
# Words that say nothing about which unit it is.
_EMPTY = listed(
    "el la los las de del en al a hospital hosp ospital hospi clinica klinica imss seguro social unidad dr dra numero "
    "num no nro doctor"
)
_EXPANSIONS = {
    "pedia": "pediatria", "pediatrico": "pediatria", "gral": "general", "onco": "oncologia", "infecto": "infectologia",
    "esp": "especialidades", "espec": "especialidades", "especialidad": "especialidades", "cardio": "cardiologia",
    "trauma": "traumatologia", "cd": "ciudad", "sta": "santa", "rejional": "regional", "reg": "regional",
}  # fmt: skip
_SPECIALTIES = frozenset(
    sound(word) for word in listed("oncologia cardiologia especialidades infectologia gineco traumatologia ortopedia")
)
# What also comes after "la 25 de …" without being a city.
_NOT_A_CITY = listed(
    "oncologia pediatria urgencias hematologia quimio quimioterapia consulta farmacia piso cirugia terapia laboratorio "
    "ahi aqui alla aca aki mi tu su ustedes siempre infectologia oncopediatria hemato ninos infantil zona"
)
# Before a number these make it something else.
_NOT_A_UNIT_BEFORE = listed("piso cama cuarto consultorio ciclo dosis quimio ley articulo folio tel")
_NOT_A_UNIT_AFTER = listed(
    "de_la_tarde de_la_manana de_la_noche am pm hrs horas hora y_media y_cuarto en_punto bis semana semanas dia dias "
    "mes meses ano anos quimio quimios dosis mg ml grados vez veces de_enero de_febrero de_marzo de_abril de_mayo "
    "de_junio de_julio de_agosto de_septiembre de_octubre de_noviembre de_diciembre"
)
# Place names that are ordinary words: inside a sentence they say nothing about where.
_NOT_A_PLACE = frozenset(
    sound(word) for word in listed("ver sin son col mor tab mich pue mexico baja puerto bc camp chis")
)
_NOT_A_PLACE_AFTER = listed("un una mi mis su sus mami mama papa hija hijo nina nino ese este gran guerrera")


@dataclass(frozen=True, slots=True)
class Answer:
    """The units meant: one (known), several (ask which), or none. `sure` is false when one must still be confirmed."""

    units: tuple[catalogs.Unit, ...] = ()
    sure: bool = True

    @property
    def unit(self) -> catalogs.Unit | None:
        return self.units[0] if self.sure and len(self.units) == 1 else None


@dataclass(slots=True)
class _Place:
    """Somewhere: the units in that very city, those in its state, and whether the name is a state's."""

    city: set[str] = dataclass_field(default_factory=set)
    region: set[str] = dataclass_field(default_factory=set)
    state: bool = False


@dataclass(frozen=True, slots=True)
class _Hit:
    """A nickname or number found in words[start:end]."""

    start: int
    end: int
    ids: frozenset[str]
    number: int | None = None
    type: str | None = None
    exact: bool = True


class UnitNames:
    """The names of the catalogue's units, ready to be looked up."""

    def __init__(self, units: Mapping[str, catalogs.Unit], representations: Mapping[str, catalogs.Representation]):
        self.units = units
        self.representations = representations
        self.by_number: dict[int, set[str]] = defaultdict(set)
        self.known_by_number: dict[int, set[str]] = defaultdict(set)
        self.nicknames = Names(cutoff=84, shortest=6, margin=3)
        self.ordinary: set[str] = set()  # nicknames that are other things too: "5 de mayo"
        self.articles: dict[str, str] = {}  # nicknames that in a sentence need their article: "la raza"
        self.places: dict[str, _Place] = defaultdict(_Place)
        for unit in units.values():
            self._learn_unit(unit)
        for representation in representations.values():
            self._learn_representation(representation)
        self.place_names = Names(cutoff=85, shortest=6)
        for key in self.places:
            self.place_names.add_key(key, key, 5)

    # ---- learning

    def _learn_unit(self, unit: catalogs.Unit) -> None:
        if unit.number is not None:
            self.by_number[unit.number].add(unit.id)
        self.ordinary |= {_core(alias)[0] for alias in unit.common_words}
        for alias in [*unit.aliases, *unit.common_words]:
            found = _prepare(alias)
            key, length = _core(alias)
            if key.isdigit():
                self.known_by_number[int(key)].add(unit.id)
                continue
            self.nicknames.add_key(unit.id, key, length, ordinary=key in self.ordinary)
            if found[0].plain in ("la", "el") and length == 1:
                self.articles[key] = found[0].plain
        for name in [written for city in (unit.city, *unit.city_aliases) for written in with_j(city)]:
            place = self.places[_joined(name)]
            place.city |= {other.id for other in self.units.values() if other.city == unit.city}
        for name in unit.near:
            self.places[_joined(name)].city.add(unit.id)

    def _learn_representation(self, representation: catalogs.Representation) -> None:
        region = {
            unit.id
            for unit in self.units.values()
            if unit.representation == representation.id
            or (unit.representation is None and representation.name.startswith(unit.state))
        }
        named = [representation.name, *representation.aliases, *representation.common_words]
        for name in [written for one in named for written in with_j(one)]:
            place = self.places[_joined(name)]
            place.region |= region
            place.state = True
        for city in [written for one in representation.cities for written in with_j(one)]:
            self.places[_joined(city)].region |= region

    # ---- one value

    def read(self, value: str, context: str = "") -> Answer:
        """The unit that `value` names; the rest of the message may tell in which city."""
        found = _prepare(value)
        nicknames = self._nicknames(found, sentence=False)
        numbers = [hit for hit in self._numbers(found) if not any(_overlap(hit, other) for other in nicknames)]
        places = self._places(found, skip=[*nicknames, *numbers])
        if nicknames:
            answer = self._by_nickname(found, nicknames, numbers, places)
        elif numbers:
            answer = self._by_number(numbers[0], places, context)
            if not places and _somewhere_else(found, numbers[0].end):
                answer = Answer(answer.units, sure=False)
        else:
            answer = self._by_city(found, places)
        return self._with_context(self._with_own_words(answer, found), context)

    def _with_own_words(self, answer: Answer, found: Sequence[Word]) -> Answer:
        """The only one of several whose own name has a word that was said: "la 24 insurgentes"."""
        spoken = {word.key for word in found if len(word.key) > 4 and word.plain not in _EMPTY | set(_TYPES)}
        fitting = {
            unit.id
            for unit in answer.units
            if spoken & {word.key for word in words(unit.name)} - {word.key for word in words(unit.city)}
        }
        return self._answer(fitting) if len(answer.units) > 1 and len(fitting) == 1 else answer

    def _by_nickname(
        self, found: Sequence[Word], hits: Sequence[_Hit], numbers: Sequence[_Hit], places: list[_Place]
    ) -> Answer:
        best = max(hits, key=lambda hit: (hit.exact, hit.end - hit.start))
        ids = set(best.ids)
        for other in hits:
            ids = ids & other.ids or ids
        for number in numbers:
            with_number = ids & self.by_number.get(number.number or 0, set())
            if not with_number:
                # "la 48 de siglo 21": one of the two is wrong, and only the family knows which.
                return self._answer(ids | set(self._number_pool(number)), sure=False)
            ids = with_number
        here = _narrow(ids, places)
        if places and not here:
            return self._answer(ids, sure=False)
        ids = here or ids
        if len(ids) > 1:
            ids = self._prefer_pediatric(ids)
        if len(ids) == 1 and (sibling := self._specialised_sibling(next(iter(ids)), found)):
            return self._answer(ids | {sibling}, sure=False)
        return self._answer(ids)

    def _by_number(self, hit: _Hit, places: list[_Place], context: str) -> Answer:
        pool = self._number_pool(hit)
        if places:
            here = _narrow(pool, places)
            if not here and hit.type not in ("UMF", "HGSZ"):
                # People mix up zone and regional hospitals; with number and city there is no doubt.
                here = _narrow(self.by_number.get(hit.number or 0, set()), places)
            return self._answer(here)
        known = self.known_by_number.get(hit.number or 0, set())
        if hit.type in ("UMF", "HGSZ"):
            return self._answer(pool, sure=len(pool) == 1)
        if hit.type is None and known:
            elsewhere = _narrow(pool, self._context_places(context), wide=True)
            if elsewhere and not elsewhere & known:
                return self._answer(known | elsewhere, sure=False)
            return self._answer(known)
        if hit.type and not pool:
            return self._answer(known or self.by_number.get(hit.number or 0, set()), sure=False)
        if hit.type and known and not known & pool and not _narrow(pool, self._context_places(context), wide=True):
            return self._answer(pool | known, sure=False)
        return self._answer(pool)

    def _by_city(self, found: Sequence[Word], places: list[_Place]) -> Answer:
        if not places:
            return self._answer(self._of_speciality(found, self.units), sure=False)
        ids = set.union(*[place.city or (place.region if place.state else set()) for place in places])
        types = {_TYPES[word.plain] for word in found if word.plain in _TYPES}
        if types:
            members = set().union(*[_TYPE_MEMBERS[name] for name in types])
            ids = {unit for unit in ids if self.units[unit].type in members}
            return self._answer(self._of_speciality(found, ids) or ids)
        if any(word.plain in _HOSPITAL or word.plain in ("imss", "seguro", "pediatria") for word in found):
            return self._answer(ids, sure=False)
        # Only a city: a fair answer to "¿en qué hospital?", to be asked further.
        return self._answer(set().union(*[place.city for place in places]), sure=False)

    def _with_context(self, answer: Answer, context: str) -> Answer:
        if len(answer.units) < 2 or not context:
            return answer
        here = _narrow({unit.id for unit in answer.units}, self._context_places(context), wide=True)
        return self._answer(here) if here else answer

    # ---- parts

    def _number_pool(self, hit: _Hit) -> set[str]:
        pool = self.by_number.get(hit.number or 0, set())
        if hit.type is None:
            return set(pool)
        return {unit for unit in pool if self.units[unit].type in _TYPE_MEMBERS[hit.type]}

    def _prefer_pediatric(self, ids: set[str]) -> set[str]:
        centres = {self.units[unit].centre for unit in ids}
        pediatric = {unit for unit in ids if self.units[unit].pediatric}
        return pediatric if len(centres) == 1 and None not in centres and len(pediatric) == 1 else ids

    def _of_speciality(self, found: Sequence[Word], among: Iterable[str]) -> set[str]:
        """Those whose own name has the speciality that was said: "puebla especialidades"."""
        spoken = {word.key for word in found} & _SPECIALTIES
        return {unit for unit in among if spoken & {word.key for word in words(self.units[unit].name)}}

    def _specialised_sibling(self, chosen: str, found: Sequence[Word]) -> str | None:
        """Another hospital of the same centre whose speciality was named ("oncología … siglo 21")."""
        unit = self.units[chosen]
        spoken = {word.key for word in found} & _SPECIALTIES
        if unit.centre is None or any(word.plain.startswith("pediatr") for word in found):
            return None
        if spoken & {word.key for word in words(unit.name)}:
            return None
        for other in self.units.values():
            if other.centre == unit.centre and other.id != chosen and spoken & {word.key for word in words(other.name)}:
                return other.id
        return None

    def _answer(self, ids: Iterable[str], *, sure: bool = True) -> Answer:
        chosen = set(ids)
        return Answer(tuple(unit for unit in self.units.values() if unit.id in chosen), sure)

    def _nicknames(self, found: Sequence[Word], *, sentence: bool) -> list[_Hit]:
        core = [(index, word) for index, word in enumerate(found) if word.plain not in _EMPTY]
        hits = []
        for hit in self.nicknames.find([word for _, word in core], sentence=False, cutoff=88 if sentence else None):
            start, end = core[hit.start][0], core[hit.end - 1][0] + 1
            key = "".join(word.key for _, word in core[hit.start : hit.end])
            article = self.articles.get(key)
            before = found[start - 1].plain if start else ""
            if article and sentence and before != article:
                continue
            if sentence and not article and key in self.ordinary and not _after_hospital(found, start):
                continue
            hits.append(
                _Hit(start - 1 if article and before == article else start, end, hit.ids, exact=hit.score == 100)
            )
        return hits

    def _numbers(self, found: Sequence[Word]) -> list[_Hit]:
        hits = []
        for index, word in enumerate(found):
            if not word.key.isdigit() or len(word.key) > 3:
                continue
            start, kind = _type_before(found, index)
            if index and found[max(start - 1, 0)].plain in _NOT_A_UNIT_BEFORE | {"los"} and kind is None:
                continue
            if "_".join(word.plain for word in found[index + 1 : index + 3]) in _NOT_A_UNIT_AFTER and kind is None:
                continue  # "20 de noviembre"
            number = int(word.key)
            hits.append(_Hit(start, index + 1, frozenset(self.by_number.get(number, ())), number, kind))
        # A number with its type says more than one without.
        return sorted(hits, key=lambda hit: (hit.type is None, not hit.ids))

    def _places(self, found: Sequence[Word], skip: Sequence[_Hit] = ()) -> list[_Place]:
        taken = {index for hit in skip for index in range(hit.start, hit.end)}
        free = [word for index, word in enumerate(found) if index not in taken]
        spans = self.place_names.find(free, sentence=False)
        return [self._place(span.ids) for span in spans]

    def _place(self, keys: Iterable[str]) -> _Place:
        found = [self.places[key] for key in keys]
        return _Place(
            set().union(*[place.city for place in found]),
            set().union(*[place.region for place in found]),
            any(place.state for place in found),
        )

    def _context_places(self, context: str) -> list[_Place]:
        found = _prepare(context)
        places = []
        for span in self.place_names.find(found, sentence=True, cutoff=92):
            before = found[span.start - 1].plain if span.start else ""
            key = "".join(word.key for word in found[span.start : span.end])
            if before not in _NOT_A_PLACE_AFTER and key not in _NOT_A_PLACE:
                places.append(self._place(span.ids))
        return places

    # ---- a sentence

    def find(self, text: str) -> list[tuple[int, int]]:
        """Where units are named in a sentence: rather too few than too many."""
        found = _prepare(text)
        spans = [(hit.start, hit.end) for hit in self._nicknames(found, sentence=True)]
        numbers = [hit for hit in self._numbers(found) if hit.ids and self._is_unit_in_sentence(found, hit)]
        spans += [(hit.start, hit.end) for hit in numbers]
        result: list[tuple[int, int]] = []
        for start, end in sorted(spans, key=lambda span: (span[0] - span[1], span)):
            if all(end <= other_start or start >= other_end for other_start, other_end in result):
                result.append((start, self._with_place(found, end)))
        return sorted((found[start].start, found[end - 1].end) for start, end in result)

    def _is_unit_in_sentence(self, found: Sequence[Word], hit: _Hit) -> bool:
        spoken = {word.plain for word in found[hit.start : hit.end]}
        after = [word.plain for word in found[hit.end : hit.end + 3]]
        if any("_".join(after[:size]) in _NOT_A_UNIT_AFTER for size in (1, 2, 3)):
            return False
        if (hit.type and hit.type != "UMAE") or spoken & _HOSPITAL:
            return True
        if hit.type == "UMAE" and "t" not in spoken:
            return True
        if "la" not in spoken and hit.type is None:
            return False
        before = found[hit.start - 1].plain if hit.start else ""
        if self._with_place(found, hit.end) > hit.end:
            return True
        # "la 25" alone: "a la 1" is an hour, "la 140" a licence; a hospital comes after "en", "de", "desde".
        return before in ("en", "de", "desde", "a", "d") and not (before == "a" and (hit.number or 0) <= 12)

    def _with_place(self, found: Sequence[Word], end: int) -> int:
        """The end of the mention when a city follows it: "la 25 de monterrey"."""
        start = end
        if start < len(found) and found[start].plain in ("de", "en", "d", "del"):
            start += 1
        for size in (4, 3, 2, 1):
            window = found[start : start + size]
            if len(window) == size and self.places.get("".join(word.key for word in window)):
                return start + size
        return end


def _type_before(found: Sequence[Word], index: int) -> tuple[int, str | None]:
    """Where the mention that ends in the number at `index` starts, and the type that it names."""
    start, kind = index, None
    position = index - 1
    while position >= 0:
        word = found[position].plain
        if word in _TYPES:
            kind = _TYPES[word] if kind in (None, "UMF") else kind
            start = position
        elif word in _HOSPITAL or (word == "la" and position == index - 1):
            start = position
        elif word not in _CHAIN:
            break
        position -= 1
    if start and found[start].plain == "t" and found[start - 1].plain == "la":
        start -= 1
    return start, kind


def _narrow(ids: set[str], places: Sequence[_Place], *, wide: bool = False) -> set[str]:
    """Those of `ids` that are in the places: in the city itself, else in the state when a state was named.

    With `wide`, a city also stands for its state: enough to choose among candidates, not to find one.
    """
    result: set[str] = set()
    for place in places:
        result |= ids & place.city or (ids & place.region if place.state or wide else set())
    return result


def _overlap(one: _Hit, other: _Hit) -> bool:
    return one.start < other.end and other.start < one.end


def _prepare(text: str) -> list[Word]:
    found = []
    for word in words(text):
        expanded = _EXPANSIONS.get(word.plain)
        found.append(Word(word.start, word.end, expanded, sound(expanded)) if expanded else word)
    return with_numbers(found, articles=False)


def _somewhere_else(found: Sequence[Word], end: int) -> bool:
    """Whether a place that we do not know follows the number: "la 36 de Zacapu"."""
    after = [word.plain for word in found[end : end + 3]]
    if len(after) < 2 or after[0] not in ("de", "d", "en"):
        return False
    return not any(word in _NOT_A_CITY or word in _EMPTY or word in _TYPES or word.isdigit() for word in after[1:])


def _core(alias: str) -> tuple[str, int]:
    """The sound of a nickname without the words that say nothing, and how many are left."""
    found = _prepare(alias)
    core = [word for word in found if word.plain not in _EMPTY] or found
    return "".join(word.key for word in core), len(core)


def _after_hospital(found: Sequence[Word], start: int) -> bool:
    before = [
        word.plain for word in found[max(start - 3, 0) : start] if word.plain not in ("de", "del", "el", "la", "en")
    ]
    return bool(before) and (before[-1] in _HOSPITAL or before[-1] == "imss")


def _joined(name: str) -> str:
    return "".join(word.key for word in _prepare(plain(name)))
