"""`make test`: every test, one suite after the other; says at the end which failed. Runs on the root environment."""

import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from puente import assistant, settings
from puente.settings import ROOT

HELDOUT = "tests/data/heldout.jsonl"  # voices that appear nowhere in training
RESOLUTION = "tests/data/resolution.jsonl"  # what their words stand for: hospitals, medicines, days
RESULTS = "results/stories"  # Rasa's report of its test stories


def suites() -> list[tuple[str, list[str]]]:
    """What is run, in order: the quick ones first; the model is trained before what needs it."""
    python, rasa = [sys.executable, "-m"], [str(assistant.PYTHON), "-m", "rasa"]
    stories = ["--e2e", "--stories", "tests/bot/stories", "--model", str(assistant.MODEL), "--out", RESULTS]
    return [
        ("unit tests", [*python, "pytest", "tests/unit"]),
        ("Rasa's data", [*rasa, "data", "validate", *assistant.training_options(), "--fail-on-warnings"]),
        ("training", [*python, "puente", "train", "--if-needed"]),
        ("understanding", [*python, "puente", "evaluate", HELDOUT, "--floors", "tests/data/thresholds.yml"]),
        ("resolution", [*python, "puente", "evaluate", RESOLUTION, "--floors", "tests/data/resolution_thresholds.yml"]),
        ("Rasa-side tests", [str(assistant.PYTHON), "-m", "pytest", "tests/bot"]),
        ("Rasa's test stories", [*rasa, "test", "core", *stories, "--fail-on-prediction-errors"]),
        ("integration tests", [*python, "pytest", "tests/integration"]),
        ("end-to-end tests", [*python, "pytest", "tests/e2e"]),
        ("chaos", [*python, "pytest", "tests/chaos"]),
    ]


def main() -> int:
    """Run all suites, also after one failed. Returns the exit code."""
    environment = {**assistant.environment(settings.load()), "PYTHONPATH": str(ROOT)}
    results = []
    for name, command in suites():
        print(f"\n===== {name}", flush=True)
        started = time.monotonic()
        # The whole report as JSON is for programs; its summary and the floors that are not held go to stderr.
        output = subprocess.DEVNULL if name in ("understanding", "resolution") else None
        code = subprocess.run(
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output, check=False
        ).returncode
        results.append((name, code, time.monotonic() - started))
    print("\n===== summary")
    for name, code, seconds in results:
        print(f"  {'ok    ' if code == 0 else 'FAILED'}  {name} ({seconds:.0f} s)")
    failed = sum(1 for _, code, _ in results if code)
    print(f"suites: {len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
