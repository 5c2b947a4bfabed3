"""From what families write to what the catalogue calls it, with honest doubt."""

from datetime import datetime

import pytest

from puente.knowledge.resolve import ENTITIES, find_medicines, find_representations, find_units, resolve

NOW = datetime(2026, 6, 10, 11, 0)  # a Wednesday


def said(entity: str, value: str, context: str = "") -> str | None:
    return resolve(entity, value, now=NOW, context=context).resolved


def candidates(entity: str, value: str, context: str = "") -> tuple[str, ...]:
    answer = resolve(entity, value, now=NOW, context=context)
    assert answer.resolved is None
    return answer.candidates


# ---- units


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("la raza", "CMN La Raza"),
        ("LA RASA", "CMN La Raza"),
        ("el general de la raza", "CMN La Raza"),
        ("especialidades de la rasa", "Fraga Mouret"),
        ("siglo veintiuno", "Pediatría"),
        ("pedia de siglo", "Pediatría"),
        ("CMN Siglo XXI", "Pediatría"),
        ("oncologia del siglo 21", "Hospital de Oncología, CMN Siglo XXI"),
        ("el mac gregor", "MacGregor"),
        ("gabriel manzera", "MacGregor"),
        ("la veinticinco", "CMN Noreste, Monterrey"),
        ("la 25 de mty", "CMN Noreste, Monterrey"),
        ("T-48", "Gineco-Pediatría 48"),
        ("la T1 de leon", "Especialidades 1, CMN del Bajío"),
        ("garsia tellez", "Ignacio García Téllez"),
        ("hgz1 slp", "HGZ/MF 1, San Luis Potosí"),
        ("la uno de san luis", "HGZ/MF 1, San Luis Potosí"),
        ("hospital general de zona no. 8 en cordova", "HGZ 8, Córdoba"),
        ("la 35 de cosama", "HGZ 35, Cosamaloapan"),
        ("la treinta y cinco de cd juares", "HGZ 35, Ciudad Juárez"),
        ("hgr doscientos setenta reinosa", "HGR 270, Reynosa"),
        ("la dos setenta", "HGR 270, Reynosa"),
        ("regional de orisaba", "Orizaba"),
        ("charo", "Charo, Morelia"),
        ("el teletón", "HITO"),
        ("urgencias de la 66", "HGR 66, Ciudad Juárez"),
        ("hgz 1 de querétaro", "HGR 1, Querétaro"),  # zone and regional are mixed up; the city settles it
    ],
)
def test_a_unit_is_known_by_nickname_number_and_city(written: str, expected: str) -> None:
    assert expected in (said("unidad", written) or "")


@pytest.mark.parametrize(
    ("written", "among"),
    [
        ("la T1", {"CMN del Bajío, León", "Mérida"}),
        ("HGZ 1", {"San Luis Potosí", "Campeche", "La Paz", "Durango"}),
        ("HGR 1", {"Querétaro", "Tijuana", "Culiacán"}),
        ("la 35", {"Cosamaloapan", "Ciudad Juárez"}),
        ("la seis", {"Ciudad Juárez", "Ciudad Madero"}),
        ("la 36", {"Coatzacoalcos", "Pachuca"}),
        ("clínica 30", {"Mexicali", "Ciudad de México"}),
        ("centro médico", {"Ciudad de México", "Guadalajara"}),
    ],
)
def test_an_ambiguous_unit_is_asked_about(written: str, among: set[str]) -> None:
    found = candidates("unidad", written)
    assert len(found) > 1
    assert {place for place in among if any(name.endswith(place) for name in found)} == among


@pytest.mark.parametrize(
    ("written", "message", "expected"),
    [
        ("HGZ 1", "vivimos en san luis y en el HGZ 1 no surten", "San Luis Potosí"),
        ("la 35", "soy de juarez, en la 35 no hay mesna", "Ciudad Juárez"),
        ("la T1", "la T1 no tiene, ya hablamos a Mérida", "Mérida"),
        ("centro medico", "venimos de zapopan, al centro medico", "Guadalajara"),
    ],
)
def test_the_rest_of_the_message_settles_the_city(written: str, message: str, expected: str) -> None:
    assert (said("unidad", written, message) or "").endswith(expected)


def test_a_child_called_guerrero_says_nothing_about_the_state() -> None:
    assert len(candidates("unidad", "HGR 1", "mi guerrero lleva 3 dias en el HGR 1")) > 5


@pytest.mark.parametrize(
    "written",
    ["el seguro", "la clinica", "la farmacia", "el hospital", "imss", "mi casa", "el medico", "la tarde", "umf 7",
     "la 140", "la 48 de puebla", "hgz 1 de salamanca"],
)  # fmt: skip
def test_what_names_no_unit_resolves_to_none(written: str) -> None:
    assert said("unidad", written) is None
    assert candidates("unidad", written) == ()


def test_a_number_in_a_city_we_do_not_know_is_not_taken_for_another_city_s() -> None:
    assert said("unidad", "la 66 de Villa Inventada") is None


# ---- medicines


@pytest.mark.parametrize(
    ("written", "generic"),
    [
        ("vin cristina", "vincristina"),
        ("bin cristina", "vincristina"),
        ("VINCRISTRINA", "vincristina"),
        ("viplastina", "vinblastina"),
        ("metrotexato", "metotrexato"),
        ("metro tres ato", "metotrexato"),
        ("ciclofostamida", "ciclofosfamida"),
        ("siclo fosfamida", "ciclofosfamida"),
        ("paratinaza", "L-asparaginasa"),
        ("la ele", "L-asparaginasa"),
        ("6mp", "mercaptopurina"),
        ("seis mp", "mercaptopurina"),
        ("purinetol", "mercaptopurina"),
        ("sitaravina", "citarabina"),
        ("ara-c", "citarabina"),
        ("VP16", "etopósido"),
        ("la roja", "doxorrubicina"),
        ("bactrín", "trimetoprima/sulfametoxazol"),
        ("leucovorina", "ácido folínico"),
        ("tretinoína", "ácido retinoico"),
        ("vincristina de 1 mg", "vincristina"),
        ("las ampolletas de metotrexato", "metotrexato"),
        ("cateter puerto", "catéter puerto"),
        ("gazas", "gasas"),
        ("suero", "suero"),
    ],
)
def test_a_medicine_is_known_however_it_is_spelled(written: str, generic: str) -> None:
    assert said("medicamento", written) == generic


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("prednisona", "prednisolona"),
        ("ácido fólico", "ácido folínico"),
        ("vincristina", "vinblastina"),
        ("dacarbazina", "procarbazina"),
        ("ciclofosfamida", "ciclosporina"),
        ("idarrubicina", "epirrubicina"),
    ],
)
def test_medicines_that_sound_alike_are_not_confused(one: str, other: str) -> None:
    assert (said("medicamento", one), said("medicamento", other)) == (one, other)


@pytest.mark.parametrize(
    "written", ["la medicina", "el medicamento", "la quimio", "plaquetas", "sangre", "antibiótico", "la inyección"]
)
def test_what_names_no_medicine_resolves_to_none(written: str) -> None:
    assert said("medicamento", written) is None
    assert candidates("medicamento", written) == ()


def test_two_medicines_in_one_value_are_two_candidates() -> None:
    assert set(candidates("medicamento", "metotrexato y mesna")) == {"metotrexato", "mesna"}


# ---- representations, components


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("slp", "San Luis Potosí"),
        ("qro", "Querétaro"),
        ("qroo", "Quintana Roo"),
        ("chihuaua", "Chihuahua"),
        ("chis", "Chiapas"),
        ("Veracruz sur", "Veracruz Sur"),
        ("monterrey", "Nuevo León"),
        ("baja california", "Baja California"),
        ("el estado de hidalgo", "Hidalgo"),
        ("wajaca", "Oaxaca"),
    ],
)
def test_a_representation_is_known_by_name_abbreviation_or_city(written: str, expected: str) -> None:
    assert said("representacion", written) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("cdmx", ("Ciudad de México Norte", "Ciudad de México Sur")),
        ("el DF", ("Ciudad de México Norte", "Ciudad de México Sur")),
        ("edomex", ("Estado de México Oriente", "Estado de México Poniente")),
        ("veracruz", ("Veracruz Norte", "Veracruz Sur")),
    ],
)
def test_a_state_with_two_representations_is_asked_about(written: str, expected: tuple[str, ...]) -> None:
    assert candidates("representacion", written) == expected


def test_the_city_in_the_message_settles_which_half_of_a_state() -> None:
    assert said("representacion", "veracruz", "soy de coatzacoalcos, veracruz") == "Veracruz Sur"
    assert said("representacion", "edomex", "en ecatepec edomex") == "Estado de México Oriente"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("las amarillas", "plaquetas"),
        ("plaqetas", "plaquetas"),
        ("paquete globular", "glóbulos rojos"),
        ("crio", "crioprecipitado"),
        ("sangre", "sangre"),
        ("el plasma", "plasma"),
    ],
)
def test_a_blood_component_has_one_name(written: str, expected: str) -> None:
    assert said("componente", written) == expected


# ---- every entity


@pytest.mark.parametrize("entity", ENTITIES)
@pytest.mark.parametrize("value", ["", " ", "¿?", "🙏", "a" * 500, "25 " * 50])
def test_no_value_breaks_a_resolver(entity: str, value: str) -> None:
    resolve(entity, value, now=NOW, context=value)


def test_names_symptoms_and_services_stay_as_they_were_written() -> None:
    assert [said(entity, "quimio") for entity in ("paciente", "sintoma", "servicio")] == [None, None, None]


def test_an_entity_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(KeyError):
        resolve("color", "rojo", now=NOW)


# ---- inside a sentence


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("no ay nada en la 25 de monterrey desde ayer", ["la 25 de monterrey"]),
        ("lo pasaron de la raza al siglo veintiuno", ["la raza", "siglo veintiuno"]),
        ("en el HGZ 36 de coatza y en la 48", ["HGZ 36 de coatza", "la 48"]),
        ("me citaron a la 1 de la tarde", []),
        ("quiero la 140 bis por 28 dias", []),
        ("cama 38, piso 6, 3 quimios", []),
        ("el 5 de mayo fuimos", []),
        ("hablé al hospital 5 de mayo", ["5 de mayo"]),
        ("tapachula queda lejos", []),
        ("fue un accidente", []),
    ],
)
def test_units_are_found_in_a_sentence(sentence: str, expected: list[str]) -> None:
    found = find_units(sentence)
    assert [text for _, _, text in found] == expected
    assert all(sentence[start:end] == text for start, end, text in found)


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("no hay vin cristina ni mesna", ["vin cristina", "mesna"]),
        ("faltó ciclofostamida y la aguja huber", ["ciclofostamida", "aguja huber"]),
        ("a qué hora pasa el metro y cuántos ciclos faltan", []),
        ("se le salió el catéter y le pasaron suero", []),
        ("que me la vuelvan a asignar", []),
    ],
)
def test_medicines_are_found_in_a_sentence(sentence: str, expected: list[str]) -> None:
    assert [text for _, _, text in find_medicines(sentence)] == expected


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("somos de veracruz sur y viajamos a cdmx", ["veracruz sur", "cdmx"]),
        ("a ver si son de esta col o sin cita", []),
        ("mi guerrero es fuerte", []),
        ("somos del estado, en guerrero", ["guerrero"]),
        ("la 25 de nuevo león", []),  # part of the unit's name
    ],
)
def test_representations_are_found_in_a_sentence(sentence: str, expected: list[str]) -> None:
    assert [text for _, _, text in find_representations(sentence)] == expected
