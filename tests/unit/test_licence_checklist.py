"""Steps and documents of the licence as a checklist: what is sourced, to be asked, never sent by chat."""

from puente.licences import checklist


def test_the_steps_come_in_order_and_the_done_ones_are_marked() -> None:
    said = checklist.text("pasos", done={"medico"})
    assert said.index("✅ Hable con el médico") < said.index("3. Pídala en la app") < said.index("6. Si hacen falta")


def test_the_documents_are_marked_as_had_missing_or_to_be_asked() -> None:
    said = checklist.text("documentos", done={"nss"})
    assert "✅ Número de seguridad social" in said and "☐ CURP" in said and "❔ Acta de nacimiento" in said


def test_who_has_everything_is_told_so() -> None:
    everything = [item.id for item in checklist.documents()]
    assert "ya los tiene todos" in checklist.text("documentos", done=everything)


def test_what_is_not_confirmed_is_worded_as_a_question() -> None:
    for item in (*checklist.steps(), *checklist.documents()):
        assert item.certain or "pregunte" in item.texto


def test_both_lists_say_that_bank_data_is_not_sent_here() -> None:
    assert all(checklist.NEVER_HERE in checklist.text(which) for which in ("pasos", "documentos"))
