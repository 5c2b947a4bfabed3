"""Rasa seen from outside: its Python, its environment variables, and the trained model.

Rasa lives in an environment of its own (bot/pyproject.toml), so nothing of it is imported here.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from puente.settings import ROOT, Settings

PYTHON = ROOT / "bot" / ".venv" / "bin" / "python"
MODEL = ROOT / "models" / "puente.tar.gz"
STAMP = ROOT / "models" / "puente.made-of"  # the fingerprint of what MODEL was trained from

# What the trained model depends on. Answers (data/knowledge) are read at run time and are not part of it.
INGREDIENTS = (
    "config.yml",
    "domain.yml",
    "data/nlu",
    "data/rules",
    "data/stories",
    "data/catalogs",
    "bot/nlu",
    "bot/requirements.lock",
)
# Training is one big inversion, and worth two cores.
TRAINING_THREADS = {"TF_INTRA_OP_PARALLELISM_THREADS": "2", "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
TRAINING_DATA = ("data/nlu", "data/rules", "data/stories")

INTERRUPTED_AFTER_SECONDS = 3600  # no training takes this long; what it left behind is rubbish

# Nothing phones home: Rasa's usage reports and crash reports, spaCy's and the model hub's look-ups are off in every
# way that they can start. The Makefile exports the same names, so that a command typed by hand is covered too.
QUIET = {
    "RASA_TELEMETRY_ENABLED": "false",
    "RASA_TELEMETRY_DEBUG": "false",
    "SENTRY_DSN": "",
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "OTEL_SDK_DISABLED": "true",
}


class TrainingError(Exception):
    """The model could not be trained; the message says what to look at."""


def environment(settings: Settings) -> dict[str, str]:
    """The variables for every process of Rasa's."""
    return {
        **inherited(),
        **QUIET,
        "PYTHONPATH": str(ROOT),  # config.yml, endpoints.yml and credentials.yml name classes in bot/
        "PYTHONUNBUFFERED": "1",
        "PYTHONWARNINGS": "ignore::DeprecationWarning",
        "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
        "PUENTE_HOME": str(settings.puente_home),
        "PUENTE_INTERNAL_TOKEN": settings.puente_internal_token,
        "ACTIONS_URL": f"{settings.actions_url}/webhook",
        "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING"),
        "LOG_LEVEL_LIBRARIES": "ERROR",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        # A small machine is shared by all our processes; TensorFlow and BLAS would each take every core. A message is
        # too little work to be shared out: on a busy machine two threads wait for one another (benchmarks/parse_time).
        "TF_INTER_OP_PARALLELISM_THREADS": "1",
        "TF_INTRA_OP_PARALLELISM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def inherited() -> dict[str, str]:
    """This process's variables for a child; without compiled files Rasa would take twice as long to start."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def model_is_current(root: Path = ROOT) -> bool:
    """Whether there is a trained model of exactly what stands in the tree now."""
    stamp = root / STAMP.relative_to(ROOT)
    model = root / MODEL.relative_to(ROOT)
    return model.exists() and stamp.exists() and stamp.read_text().strip() == fingerprint(root)


def fingerprint(root: Path = ROOT) -> str:
    """A hash of everything that the model is trained from."""
    digest = hashlib.sha256()
    for path in _ingredients(root):
        digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    digest.update("".join(_spanish_models(root)).encode())
    return digest.hexdigest()


def train_command(out: Path, root: Path = ROOT) -> list[str]:
    """The command that trains into the folder `out`."""
    target = ["--out", str(out), "--fixed-model-name", MODEL.name.removesuffix(".tar.gz")]
    return [str(PYTHON), "-m", "rasa", "train", *training_options(root), *target]


def training_options(root: Path = ROOT) -> list[str]:
    """Where Rasa's commands find what we train from."""
    data = [folder for folder in TRAINING_DATA if any((root / folder).glob("*"))]
    return ["--config", "config.yml", "--domain", "domain.yml", "--data", *data]


def train(settings: Settings) -> None:
    """Train, and put the model in place only when it is whole. Raises TrainingError."""
    made_of = fingerprint()  # before training: a file that changes meanwhile makes the model out of date
    MODEL.parent.mkdir(exist_ok=True)
    _remove_interrupted_trainings()
    with tempfile.TemporaryDirectory(dir=MODEL.parent, prefix=".training-") as folder:
        variables = {**environment(settings), **TRAINING_THREADS}
        result = subprocess.run(train_command(Path(folder)), cwd=ROOT, env=variables, check=False)
        trained = Path(folder) / MODEL.name
        if result.returncode or not trained.exists():
            raise TrainingError("el entrenamiento falló; la causa está en las líneas de arriba")
        STAMP.unlink(missing_ok=True)
        shutil.move(trained, MODEL)
    STAMP.write_text(made_of + "\n")


def _remove_interrupted_trainings() -> None:
    for folder in MODEL.parent.glob(".training-*"):
        if time.time() - folder.stat().st_mtime > INTERRUPTED_AFTER_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)


def _ingredients(root: Path) -> Iterator[Path]:
    for name in INGREDIENTS:
        path = root / name
        if path.is_file():
            yield path
        elif path.is_dir():
            yield from sorted(file for file in path.rglob("*") if file.is_file() and file.suffix != ".pyc")


def _spanish_models(root: Path) -> list[str]:
    """The spaCy models that Rasa's environment has: the pipeline picks the best of them when it trains."""
    return sorted(path.name for path in (root / "bot" / ".venv").glob("lib/python3.10/site-packages/es_core_news_*-*"))
