"""The deployment files: same code as `puente run`, nothing private is published, nothing undocumented is set."""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from puente import assistant, supervisor
from puente.cli import app as command_line
from puente.settings import DEVELOPMENT_SECRETS, ROOT, load, variable_names

DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
OURS = {"puente", "puente-bot"}
PRIVATE = {"rasa", "rasa-blue", "rasa-green", "actions", "postgres", "redis"}
SETTINGS = load({})


def compose() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "compose.yml").read_text())


def manifests(kind: str = "") -> list[dict[str, Any]]:
    documents = [
        document
        for path in sorted(KUBERNETES.rglob("*.yaml"))
        if path.name != "kustomization.yaml"
        for document in yaml.safe_load_all(path.read_text())
    ]
    return [document for document in documents if not kind or document["kind"] == kind]


def named(kind: str, name: str) -> dict[str, Any]:
    return next(document for document in manifests(kind) if document["metadata"]["name"] == name)


def pods() -> dict[str, dict[str, Any]]:
    """The pod of each Deployment and Job, by name."""
    return {
        document["metadata"]["name"]: document["spec"]["template"]["spec"]
        for document in manifests()
        if document["kind"] in ("Deployment", "Job")
    }


def containers() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, pod in pods().items():
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            yield name, container


def image(container: dict[str, Any]) -> str:
    return container["image"].partition(":")[0]


def dockerfile(name: str) -> str:
    return re.sub(r"\\\n\s*", "", (DEPLOY / name).read_text())


def set_in(name: str) -> dict[str, str]:
    """The variables of a Dockerfile's ENV."""
    words = shlex.split(" ".join(re.findall(r"^ENV (.*)$", dockerfile(name), re.M)))
    return dict(word.split("=", 1) for word in words)


def documented() -> set[str]:
    return set(re.findall(r"`([A-Z][A-Z_]+)`", (ROOT / "docs" / "configuration.md").read_text()))


def documented_for_deployment() -> set[str]:
    return set(re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "docs" / "deployment.md").read_text(), re.M))


def commands() -> set[str]:
    return {
        command.name or command.callback.__name__ for command in command_line.registered_commands if command.callback
    }


def program(name: str) -> supervisor.Program:
    return next(program for program in supervisor.programs(SETTINGS) if program.name == name)


def variables_of_our_programs() -> set[str]:
    found: set[str] = set()
    for service in compose()["services"].values():
        if image(service) in OURS:
            found |= set(service.get("environment", {}))
    for _, container in containers():
        if image(container) in OURS:
            found |= {variable["name"] for variable in container.get("env", [])}
    return found.union(*(document["data"] for document in manifests("ConfigMap")))


def started_by_us() -> Iterator[tuple[str, list[str]]]:
    """(name, command) of everything that runs one of our images and says how."""
    for name, service in compose()["services"].items():
        if image(service) in OURS and "command" in service:
            yield name, service["command"]
    for name, container in containers():
        if image(container) in OURS and "args" in container:
            yield name, container["args"]


# ---------------------------------------------------------------------------------------------- configuration


def test_every_variable_given_to_our_programs_is_documented() -> None:
    of_python = {"PYTHONWARNINGS"}
    given = variables_of_our_programs()
    assert {"PUENTE_DATABASE_URL", "ACTIONS_URL", "PUENTE_ENV"} <= given
    assert given - of_python <= {*variable_names(), *documented()}


def test_every_variable_that_compose_asks_for_is_documented() -> None:
    asked = set(re.findall(r"\$\{([A-Z_]+)", (DEPLOY / "compose.yml").read_text()))
    assert asked <= {*variable_names(), *documented(), *documented_for_deployment()}


def test_the_example_names_every_variable_and_no_other() -> None:
    named_there = set(re.findall(r"^#?([A-Z_]+)=", (DEPLOY / "env.example").read_text(), re.M))
    table = set(re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "docs" / "configuration.md").read_text(), re.M))
    for_rasa = {"ACTIONS_URL"}  # whoever starts Rasa sets it
    assert named_there == {*variable_names(), *table, *documented_for_deployment(), *for_rasa}


def test_the_example_offers_every_variable_that_compose_asks_for() -> None:
    asked = set(re.findall(r"\$\{([A-Z_]+)", (DEPLOY / "compose.yml").read_text()))
    assert asked <= set(re.findall(r"^#?([A-Z_]+)=", (DEPLOY / "env.example").read_text(), re.M))


def test_the_images_set_what_the_supervisor_sets() -> None:
    puente, bot = set_in("puente.Dockerfile"), set_in("bot.Dockerfile")
    same_everywhere = {*assistant.QUIET, "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PYTHONUNBUFFERED"}
    web, rasa = program("web").environment, assistant.environment(SETTINGS)
    assert {name: puente[name] for name in same_everywhere} == {name: web[name] for name in same_everywhere}
    of_the_machine = {*assistant.inherited(), "PUENTE_HOME", "PUENTE_INTERNAL_TOKEN", "ACTIONS_URL", "PYTHONPATH"}
    fixed = (rasa.keys() - of_the_machine) | same_everywhere
    assert {name: bot[name] for name in fixed} == {name: rasa[name] for name in fixed}


def test_the_action_server_is_quiet_about_the_versions_everywhere() -> None:
    expected = program("actions").environment["PYTHONWARNINGS"]
    _, container = next(found for found in containers() if found[0] == "actions")
    assert compose()["services"]["actions"]["environment"]["PYTHONWARNINGS"] == expected
    assert {"name": "PYTHONWARNINGS", "value": expected} in container["env"]


def test_production_is_on_and_secrets_are_never_written_down() -> None:
    services = compose()["services"]
    for name in ("web", "worker", "actions", "migrate"):
        assert services[name]["environment"]["PUENTE_ENV"] == "production"
    settings = named("ConfigMap", "puente-settings")["data"]
    assert settings["PUENTE_ENV"] == "production"
    secrets = {*DEVELOPMENT_SECRETS, "PUENTE_DATABASE_URL", "PUENTE_BOT_DATABASE_URL"}
    assert not secrets & set(settings)
    for _, container in containers():
        assert not [v for v in container.get("env", []) if v["name"] in secrets and "value" in v]
    for service in services.values():
        for variable, value in service.get("environment", {}).items():
            if variable in DEVELOPMENT_SECRETS or (variable.startswith("POSTGRES_") and "PASSWORD" in variable):
                assert re.fullmatch(r"\$\{[A-Z_]+:\?[^}]*\}", value), variable


def test_rasa_is_given_none_of_whatsapps_secrets_nor_puentes_database() -> None:
    allowed = {"ACTIONS_URL", "REDIS_URL", "PUENTE_BOT_DATABASE_URL", "PUENTE_INTERNAL_TOKEN", "LOG_LEVEL"}
    for name in ("rasa-blue", "rasa-green"):
        assert set(compose()["services"][name]["environment"]) <= allowed
    _, rasa = next(found for found in containers() if found[0] == "rasa")
    assert {variable["name"] for variable in rasa["env"]} <= allowed
    assert "envFrom" not in rasa


# ---------------------------------------------------------------------------------------------- what is started


def test_every_start_command_exists() -> None:
    started = dict(started_by_us())
    assert {"web", "worker", "migrate", "actions"} <= set(started)
    for name, command in started_by_us():
        if name == "inside":
            assert command == ["sleep", "infinity"]
        elif name == "actions":
            assert command[1:] == program("actions").command[1:]
        else:
            assert command[:3] == ["python", "-m", "puente"]
            assert command[3:] == [name]
            assert name in commands()


def test_rasa_is_started_as_the_supervisor_starts_it_but_for_its_address() -> None:
    command = json.loads(re.findall(r"^CMD (\[.*\])$", dockerfile("bot.Dockerfile"), re.M)[0])
    expected = [word.replace(f"{ROOT}/", "") for word in program("rasa").command[1:]]
    assert [word.replace("0.0.0.0", "127.0.0.1") for word in command[1:]] == expected


def test_the_model_is_trained_as_by_the_train_command() -> None:
    (line,) = re.findall(r"^RUN (python -m rasa train .*)$", dockerfile("bot.Dockerfile"), re.M)
    folders = re.findall(r"\$\(find (.*?) -maxdepth", line)[0].split()
    words = shlex.split(re.sub(r"\$\(.*?\)", " ".join(folders), line))
    options = assistant.train_command(Path("models"))[1:]
    kept = [word for word in words[1:] if word not in assistant.TRAINING_DATA]
    assert kept == [word for word in options if word not in assistant.TRAINING_DATA]
    assert folders == list(assistant.TRAINING_DATA)


@pytest.mark.parametrize("name", ["puente.Dockerfile", "bot.Dockerfile"])
def test_an_image_copies_only_what_exists_and_is_let_through(name: str) -> None:
    let_through = {line[1:] for line in (DEPLOY / f"{name}.dockerignore").read_text().splitlines() if line[:1] == "!"}
    for words in re.findall(r"^COPY (?!--from)(.*) \S+$", dockerfile(name), re.M):
        for source in words.split():
            assert (ROOT / source).exists(), source
            assert source.split("/")[0] in let_through or source in let_through


def test_the_link_leads_from_the_ports_that_puente_asks() -> None:
    for path in (DEPLOY / "compose/link.Caddyfile", KUBERNETES / "caddy/link.Caddyfile"):
        text = path.read_text()
        assert re.findall(r"^http://:(\d+)", text, re.M) == [str(SETTINGS.rasa_port), str(SETTINGS.actions_port)]
        assert text.count("bind 127.0.0.1") == 2


# --------------------------------------------------------------------------------------------- what is public


def test_only_the_proxy_publishes_ports() -> None:
    publishing = {name for name, service in compose()["services"].items() if service.get("ports")}
    assert publishing == {"proxy"}
    assert not [name for name, service in compose()["services"].items() if service.get("network_mode") == "host"]


def test_private_services_are_on_the_internal_network_only() -> None:
    services = compose()["services"]
    assert compose()["networks"]["internal"]["internal"] is True
    for name in PRIVATE - {"rasa"}:
        assert list(services[name]["networks"]) == ["internal"], name
        assert "network_mode" not in services[name]
    assert services["proxy"]["networks"] == ["edge"]


def test_no_service_of_the_cluster_is_published_but_through_the_ingress() -> None:
    for service in manifests("Service"):
        assert service["spec"].get("type", "ClusterIP") == "ClusterIP"
        assert "externalIPs" not in service["spec"]
    for name, pod in pods().items():
        assert not pod.get("hostNetwork"), name
    for _, container in containers():
        assert not [port for port in container.get("ports", []) if "hostPort" in port]
    (ingress,) = manifests("Ingress")
    assert ingress["spec"]["defaultBackend"]["service"]["name"] == "proxy"
    assert "rules" not in ingress["spec"]
    assert ingress["spec"]["tls"]


def test_the_proxies_let_through_three_paths_with_bounded_bodies() -> None:
    routes = (KUBERNETES / "caddy/routes.Caddyfile").read_text()
    assert re.findall(r"^@public path (.*)$", routes, re.M) == ["/webhooks/* /api/* /healthz"]
    assert "max_size 4MB" in routes
    assert re.findall(r"reverse_proxy (\S+)", routes) == [f"web:{SETTINGS.puente_port}"]
    assert re.search(r"^handle \{\n\trespond 404\n\}$", routes, re.M)
    for proxy in (DEPLOY / "compose/proxy.Caddyfile", KUBERNETES / "caddy/proxy.Caddyfile"):
        assert "import routes.Caddyfile" in proxy.read_text()
        assert "reverse_proxy" not in proxy.read_text()


def test_nobody_speaks_with_anybody_unless_a_policy_says_so() -> None:
    spec = named("NetworkPolicy", "nobody")["spec"]
    assert spec == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


@pytest.mark.parametrize(("name", "callers"), [("rasa", {"web", "worker"}), ("actions", {"rasa", "web", "worker"})])
def test_only_puente_reaches_a_private_part(name: str, callers: set[str]) -> None:
    (rule,) = named("NetworkPolicy", name)["spec"]["ingress"]
    assert {peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"] for peer in rule["from"]} == callers
    assert all(list(peer) == ["podSelector"] for peer in rule["from"])


@pytest.mark.parametrize("name", ["rasa", "actions"])
def test_a_private_part_reaches_nothing_outside_but_the_database(name: str) -> None:
    for rule in named("NetworkPolicy", name)["spec"]["egress"]:
        assert rule["to"]
        if any("ipBlock" in peer for peer in rule["to"]):
            assert rule["ports"] == [{"port": 5432}]
            assert "0.0.0.0/0" not in str(rule)


def test_every_pod_has_a_policy() -> None:
    assert set(pods()) <= {policy["metadata"]["name"] for policy in manifests("NetworkPolicy")}


# --------------------------------------------------------------------------------------------- staying up


def test_the_web_stays_in_service_while_rasa_is_away() -> None:
    _, web = next(found for found in containers() if found[1]["name"] == "web")
    probes = {web[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "readiness", "liveness")}
    assert probes == {"/healthz"}
    assert "/healthz" in str(compose()["services"]["web"]["healthcheck"]["test"])


def test_rasa_is_ready_only_with_a_model() -> None:
    _, rasa = next(found for found in containers() if found[0] == "rasa")
    assert rasa["readinessProbe"]["httpGet"]["path"] == "/webhooks/puente/health"
    assert named("Deployment", "rasa")["spec"]["strategy"]["rollingUpdate"] == {
        "maxSurge": "100%",
        "maxUnavailable": 0,
    }


def test_a_disruption_budget_leaves_a_pod_and_can_be_met() -> None:
    budgets = {budget["metadata"]["name"]: budget["spec"] for budget in manifests("PodDisruptionBudget")}
    assert set(budgets) == {"proxy", "web", "worker", "actions", "rasa"}
    for name, budget in budgets.items():
        assert named("Deployment", name)["spec"]["replicas"] > budget["minAvailable"] >= 1
        assert budget["selector"] == named("Deployment", name)["spec"]["selector"]


def test_pods_run_without_privileges() -> None:
    for pod in pods().values():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
    for name, container in containers():
        assert container["securityContext"]["allowPrivilegeEscalation"] is False, name
        assert container["securityContext"]["capabilities"]["drop"] == ["ALL"], name


# --------------------------------------------------------------------------------------------- the files


def test_images_are_short_names() -> None:
    images = [service["image"] for service in compose()["services"].values()]
    images += [container["image"] for _, container in containers()]
    for name in ("puente.Dockerfile", "bot.Dockerfile"):
        images += re.findall(r"^FROM (\S+)", dockerfile(name), re.M)
    assert len(images) > 10
    for found in images:
        assert re.fullmatch(r"[a-z-]+(:[\w.-]+|:\$\{IMAGE_TAG:-latest\})?", found), found


def test_every_file_that_is_referred_to_exists() -> None:
    for service in compose()["services"].values():
        if "build" in service:
            assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).exists()
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert source in compose()["volumes"] or (DEPLOY / source).is_file(), source
    for path in KUBERNETES.rglob("kustomization.yaml"):
        content = yaml.safe_load(path.read_text())
        files = [file for generator in content.get("configMapGenerator", []) for file in generator["files"]]
        for name in [*content["resources"], *files]:
            assert (path.parent / name).exists(), name


@pytest.mark.parametrize("folder", ["", "migrate"])
@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
def test_kustomize_builds_the_manifests(folder: str) -> None:
    built = subprocess.run(["kubectl", "kustomize", KUBERNETES / folder], capture_output=True, text=True, check=True)
    documents = list(yaml.safe_load_all(built.stdout))
    assert all(document["metadata"].get("namespace", "puente") == "puente" for document in documents)
    assert any(document["kind"] in ("Deployment", "Job") for document in documents)
