"""Prepare the machine: `python3 tools/setup.py [root] [bot] [debian] [spanish]` (root and bot when nothing is named).

Runs on any Python 3.8 or newer with nothing installed. It can be interrupted at any moment and run again: an
environment counts only once its stamp, written last, holds the hash of its lock file; one without a stamp is made
anew (the downloads stay in uv's cache). What it says to the person in front of it is Spanish.

    .tools/      uv itself, pinned and hashed in tools/uv.lock
    .venv/       puente, actions, simulator: Python 3.11 to 3.13
    bot/.venv/   Rasa: Python 3.10
"""

import glob
import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STAMP = ".puente-ready"
GIGABYTE = 1024**3
PREFERRED_SPANISH = "es_core_news_md"
FALLBACK_SPANISH = "es_core_news_sm"
SPANISH_TIMEOUT = 90

# Debian's packages that some tests need, and what is skipped without them.
DEBIAN_PACKAGES = {
    "chromium": "pruebas con navegador",
    "chromium-driver": "pruebas con navegador",
    "fonts-noto-color-emoji": "emojis en las capturas de pantalla",
    "postgresql": "pruebas con PostgreSQL",
    "redis-server": "pruebas con Redis",
    "strace": "prueba de que nada sale de esta máquina",
}


class SetupError(Exception):
    """Set-up cannot go on; the message is one sentence that says what is missing."""


class Environment:
    """A virtual environment that a lock file describes."""

    def __init__(self, name, folder, lock, pythons, gigabytes):
        self.name = name
        self.folder = os.path.join(ROOT, folder)
        self.lock = os.path.join(ROOT, lock)
        self.pythons = pythons  # acceptable minor versions, best first
        self.gigabytes = gigabytes  # free space that making it takes

    @property
    def python(self):
        return os.path.join(self.folder, "bin", "python")

    @property
    def fingerprint(self):
        return fingerprint(self.lock)


ENVIRONMENTS = {
    "root": Environment("Puente", ".venv", "requirements.lock", ("3.12", "3.11", "3.13"), 2),
    "bot": Environment("Rasa", "bot/.venv", "bot/requirements.lock", ("3.10",), 6),
}


def main(arguments):
    """Prepare what `arguments` name, each step only when it is missing."""
    wanted = arguments or ["root", "bot"]
    unknown = set(wanted) - {*ENVIRONMENTS, "debian", "spanish"}
    if unknown:
        sys.exit(f"uso: tools/setup.py [root] [bot] [debian] [spanish]; no conozco {', '.join(sorted(unknown))}")
    try:
        for name in wanted:
            if name == "debian":
                install_debian_packages()
            elif name == "spanish":
                prepare_spanish(ENVIRONMENTS["bot"], again=True)
            elif not is_ready(ENVIRONMENTS[name]):
                with only_one_setup():
                    prepare(ENVIRONMENTS[name])
    except SetupError as problem:
        sys.exit(f"\npuente: {problem}")
    except KeyboardInterrupt:
        sys.exit("\npuente: la preparación se interrumpió; el mismo comando la retoma")


# ---------------------------------------------------------------------------------------------- environments


def is_ready(environment):
    """Whether the environment is whole and of its present lock file."""
    return os.path.exists(environment.python) and read(stamp_of(environment)) == environment.fingerprint


def prepare(environment):
    """Make the environment, or bring it to its lock file."""
    if is_ready(environment):  # another set-up made it while this one waited for its turn
        return
    started = time.monotonic()
    need_space(environment)
    uv = find_uv()
    complete_once = os.path.exists(stamp_of(environment)) and os.path.exists(environment.python)
    remove(stamp_of(environment))
    if not complete_once:
        shutil.rmtree(environment.folder, ignore_errors=True)
        python = find_python(environment.pythons, uv)
        say(f"Entorno de {environment.name}: lo creo con {python}")
        create(environment.folder, python, uv)
    say(f"Entorno de {environment.name}: instalo {count_packages(environment.lock)} paquetes fijados con su hash")
    install(environment, uv)
    if environment is ENVIRONMENTS["bot"]:
        prepare_spanish(environment)
    write(stamp_of(environment), environment.fingerprint)
    say(f"Entorno de {environment.name}: listo ({time.monotonic() - started:.0f} s)")


def create(folder, python, uv):
    """An empty virtual environment of `python` in `folder`."""
    if uv:
        run([uv, "venv", "--no-project", "--quiet", "--python", python, folder], "crear el entorno")
    else:
        make_plain_venv(python, folder)


def install(environment, uv):
    """Make the environment hold exactly what its lock file says."""
    if uv:
        command = [uv, "pip", "sync", "--require-hashes", "--python", environment.python, environment.lock]
    else:
        # The lock file is complete, and Rasa's set needs an override that pip does not know (bot/pyproject.toml).
        command = [environment.python, "-m", "pip", "install", "--require-hashes", "--no-deps", "-r", environment.lock]
    run(command, "instalar los paquetes", cwd=os.path.dirname(environment.lock), show=True)


def prepare_spanish(environment, again=False):
    """Try to get the better Spanish model; without it Rasa goes on with the one in the lock file."""
    installed = [environment.python, "-c", f"import {PREFERRED_SPANISH}"]
    if not again and succeeds(installed, timeout=60):
        return
    say(f"Modelo de español: pido {PREFERRED_SPANISH} (a lo más {SPANISH_TIMEOUT} s)")
    if succeeds([environment.python, "-m", "spacy", "download", PREFERRED_SPANISH], timeout=SPANISH_TIMEOUT):
        say(f"Modelo de español: {PREFERRED_SPANISH}")
    else:
        say(f"Modelo de español: {PREFERRED_SPANISH} no se pudo descargar; sigo con {FALLBACK_SPANISH}")


# ------------------------------------------------------------------------------------------------- uv, Python


def find_uv():
    """The pinned uv (installed on first use), else one that the machine has, else None: plain pip will do."""
    folder = os.path.join(ROOT, ".tools")
    lock = os.path.join(ROOT, "tools", "uv.lock")
    uv, stamp = os.path.join(folder, "bin", "uv"), os.path.join(folder, STAMP)
    if read(stamp) == fingerprint(lock) and runs(uv):
        return uv
    say("Instalador: preparo uv")
    shutil.rmtree(folder, ignore_errors=True)
    try:
        make_plain_venv(sys.executable, folder)
        pip = [os.path.join(folder, "bin", "python"), "-m", "pip", "install", "--quiet", "--require-hashes"]
        run([*pip, "-r", lock], "instalar uv")
    except SetupError as problem:
        other = shutil.which("uv")
        if other and runs(other):
            say(f"Instalador: uso {other}")
            return other
        if "python3-venv" in str(problem) or "conexión" in str(problem) or "espacio" in str(problem):
            raise
        say("Instalador: uv no se pudo instalar; sigo con pip")
        return None
    write(stamp, fingerprint(lock))
    return uv


def make_plain_venv(python, folder):
    """A virtual environment by Python's own means."""
    result = subprocess.run([python, "-m", "venv", folder], capture_output=True, text=True)
    if result.returncode == 0:
        return
    shutil.rmtree(folder, ignore_errors=True)
    output = result.stdout + result.stderr
    if "ensurepip" in output or "No module named venv" in output:
        raise SetupError("falta el módulo venv de Python: instálelo (en Debian: apt-get install python3-venv)")
    raise SetupError(reason(output, "crear un entorno de Python"))


def find_python(versions, uv):
    """An interpreter of one of `versions` that really runs; uv fetches one when the machine has none."""
    this = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if this in versions:
        return os.path.realpath(sys.executable)
    for version in versions:
        for candidate in candidates(version, uv):
            if runs(candidate, version):
                return candidate
    wanted = versions[0]
    if uv:
        say(f"Python {wanted}: no está en esta máquina; lo descargo")
        if succeeds([uv, "python", "install", wanted], timeout=900):
            for candidate in from_uv(wanted, uv):
                if runs(candidate, wanted):
                    return candidate
    raise SetupError(
        f"falta Python {wanted} y no se pudo descargar: instálelo (por ejemplo con pyenv) y repita el comando"
    )


def candidates(version, uv):
    """Where an interpreter of this version may be. pyenv's shims fail unless activated: look behind them."""
    yield from from_uv(version, uv)
    pyenv = os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv")
    yield from sorted(glob.glob(os.path.join(pyenv, "versions", version + "*", "bin", "python")), reverse=True)
    yield from filter(None, [shutil.which(f"python{version}")])


def from_uv(version, uv):
    if uv:
        found = subprocess.run(
            [uv, "python", "find", "--no-project", "--no-python-downloads", version], capture_output=True, text=True
        )
        yield from filter(None, [found.stdout.strip()])


def runs(executable, version=None):
    """Whether the program starts, and, for a Python, is of that version."""
    if version is None:
        return succeeds([executable, "--version"], timeout=30)
    check = f"import sys, ssl, sqlite3; sys.exit('%d.%d' % sys.version_info[:2] != {version!r})"
    return succeeds([executable, "-c", check], timeout=30)


# ------------------------------------------------------------------------------------------ Debian's packages


def install_debian_packages():
    """Install what some tests need, when we may; otherwise say what will be skipped."""
    missing = [name for name in DEBIAN_PACKAGES if not debian_has(name)]
    if not missing:
        return
    lost = ", ".join(sorted({DEBIAN_PACKAGES[name] for name in missing}))
    become_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if not shutil.which("apt-get") or (become_root and not succeeds([*become_root, "true"], timeout=10)):
        say(f"Se omiten: {lost}. Para tenerlas: sudo apt-get install {' '.join(missing)}")
        return
    say(f"Paquetes de Debian: instalo {' '.join(missing)}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "-y", "--no-install-recommends", *missing]):
        result = subprocess.run(
            [*become_root, "apt-get", "-q", *command],
            env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        )  # fmt: skip
        if result.returncode and command[0] == "install":
            say(f"Paquetes de Debian: no se pudieron instalar ({last_line(result.stderr)}); se omiten: {lost}")


def debian_has(name):
    if not shutil.which("dpkg-query"):
        return False
    status = subprocess.run(["dpkg-query", "-W", "-f", "${Status}", name], capture_output=True, text=True)
    return status.stdout.strip() == "install ok installed"


# ------------------------------------------------------------------------------------------------ small parts


@contextmanager
def only_one_setup():
    """Two set-ups in one tree at once would spoil each other: the second waits."""
    import fcntl

    with open(os.path.join(ROOT, "tools", ".lock"), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("Otra preparación está en marcha; espero a que termine")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def need_space(environment):
    """Stop before a half-made environment fills the disk."""
    free = shutil.disk_usage(ROOT).free / GIGABYTE
    if free < environment.gigabytes:
        raise SetupError(
            f"falta espacio en disco: el entorno de {environment.name} necesita {environment.gigabytes} GB libres "
            f"y hay {free:.1f} GB"
        )


def run(command, doing, cwd=None, show=False):
    """Run a command. With `show` its progress is visible; when it fails, raise one sentence that says why."""
    # On a terminal uv and pip draw their own progress; to learn why one failed, it is asked once more.
    if show and sys.stderr.isatty() and subprocess.call(command, cwd=cwd, stdin=subprocess.DEVNULL) == 0:
        return
    with signs_of_life(show):
        result = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if result.returncode:
        raise SetupError(reason(result.stdout + result.stderr, doing))


@contextmanager
def signs_of_life(wanted, every=20):
    """A line now and then where no progress bar can be drawn."""
    done = threading.Event()

    def speak():
        started = time.monotonic()
        while not done.wait(every):
            say(f"  … sigue ({time.monotonic() - started:.0f} s)")

    if wanted:
        threading.Thread(target=speak, daemon=True).start()
    try:
        yield
    finally:
        done.set()


def reason(output, doing):
    """Why a command failed, as one sentence."""
    lower = output.lower()
    if any(sign in lower for sign in ("no space left", "disk quota exceeded", "os error 28")):
        return "falta espacio en disco: libere algunos GB y repita el comando"
    offline = ("dns error", "name resolution", "failed to resolve", "name or service not known", "connection refused",
               "network is unreachable", "error sending request", "newconnectionerror", "timed out")  # fmt: skip
    if any(sign in lower for sign in offline):
        return f"falta conexión con el registro de paquetes de Python para {doing}: revise la red y repita el comando"
    return f"no se pudo {doing}: {last_line(output)}"


def last_line(output):
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "sin explicación"


def succeeds(command, timeout):
    """Whether a command ends well in time."""
    try:
        result = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=timeout
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return result.returncode == 0


def count_packages(lock):
    with open(lock, encoding="utf-8") as lines:
        return sum(1 for line in lines if line[:1].isalnum() and "==" in line)


def fingerprint(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def stamp_of(environment):
    return os.path.join(environment.folder, STAMP)


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return None


def write(path, text):
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text + "\n")
    os.replace(path + ".new", path)


def remove(path):
    if os.path.exists(path):
        os.remove(path)


def say(text):
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
