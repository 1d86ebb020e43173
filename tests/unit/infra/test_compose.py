"""The compose file and what it mounts, as texts: pinned, bounded, watched, and without a secret in them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from http.server import HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from services.api.settings import ApiSettings
from services.cli.commands import COMMANDS
from services.monitoring.alerting.alertmanager import Receivers, configuration
from services.notifications.alert_relay.relay import RelaySettings
from services.pages.auth.settings import SignInSettings
from services.telemetry.http import RequestHandler

INFRA = Path(__file__).resolve().parents[3] / "infra"
COMPOSE: dict[str, Any] = yaml.safe_load((INFRA / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
each = pytest.mark.parametrize("name", SERVICES)


@each
def test_a_service_is_pinned_and_bounded_and_its_health_is_known(name: str) -> None:
    service = SERVICES[name]
    tagged = r"\$\{LIANYUN_([A-Z]+_)?IMAGE:-[a-z/-]+:v?\d+(\.\d+)*\}"
    assert re.fullmatch(tagged, service["image"]), service["image"]
    assert service["mem_limit"]
    assert service["cpus"]
    assert service["logging"]["options"]["max-size"]
    job = service["restart"].startswith("on-failure:") or name == "demo"
    assert job == ("disable" in service["healthcheck"]), "only a job, which ends, goes without"
    assert job or service["restart"] == "unless-stopped"


@each
def test_the_first_process_of_a_container_is_one_that_takes_in_orphans(name: str) -> None:
    """Postgres ends all its sessions when a process that it did not start, a health check's, ends as its child."""
    assert SERVICES[name]["init"] is True


@each
def test_a_health_check_is_one_process_that_starts_no_interpreter(name: str) -> None:
    """Under load an interpreter takes seconds to start; a shell around a program is a parent that can be killed without it."""
    kind, *command = SERVICES[name]["healthcheck"].get("test", ["NONE"])
    assert kind in ("NONE", "CMD"), command
    assert not command or command[0] in ("bash", "pg_isready", "promtool", "wget"), command


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False), (404, False)])
def test_the_probe_of_our_services_is_healthy_where_they_say_so(status: int, healthy: bool) -> None:
    """As Compose would run it, on the loopback address, against a process's own port."""
    paths = set()
    for name, service in SERVICES.items():
        if "lianyun:" not in service["image"] or service["healthcheck"].get("disable"):
            continue
        _, *command, path = service["healthcheck"]["test"]
        paths.add((name.partition("-")[0], path))
        probe = [part.replace("$$", "$") for part in command]
    assert {path for _, path in paths} == {"/health/live", "/health/ready"}
    assert {name for name, path in paths if path == "/health/ready"} == {
        "api",
        "pages",
        "exchange",
        "transparency",
    }

    class Answer(RequestHandler):
        def do_GET(self) -> None:
            self.respond(status if self.path == "/health/ready" else 404, "text/plain", b"")

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        port = str(server.server_address[1])
        here = [part.replace("9464", port) for part in probe]
        done = subprocess.run([*here, "/health/ready"], capture_output=True, timeout=30, check=False)
        server.shutdown()
    assert (done.returncode == 0) == healthy
    gone = subprocess.run([*here, "/health/ready"], capture_output=True, timeout=30, check=False)
    assert gone.returncode != 0, "nobody listens any more"


@each
def test_ports_are_published_on_loopback_only(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", ()))


@each
def test_no_secret_stands_in_the_file(name: str) -> None:
    for key, value in SERVICES[name].get("environment", {}).items():
        elsewhere = r"/run/secrets.*|\$\{LIANYUN_[A-Z_]+:-\}"
        assert not re.search(r"PASSWORD|SECRET|TOKEN", key) or re.fullmatch(elsewhere, str(value)), key
        assert not re.search(r"//[^/@]*:[^/@]*@", str(value)), f"{key} has a password in its address"


@each
def test_every_service_belongs_to_a_profile_and_depends_on_its_own(name: str) -> None:
    own = set(SERVICES[name]["profiles"])
    assert own <= {"plain", "demo", "secure"} or own == {"chat"}
    for needed in SERVICES[name].get("depends_on", {}):
        assert own <= set(SERVICES[needed]["profiles"])


def test_plain_is_what_starts_when_nothing_is_said() -> None:
    assert "COMPOSE_PROFILES=plain" in (INFRA / "env.example").read_text().splitlines()


def test_settings_of_a_deployment_are_no_part_of_the_release() -> None:
    ignored = (INFRA.parent / ".gitignore").read_text().splitlines()
    assert {"infra/.env", "infra/settings.env"} <= {*ignored}
    ours = [service for service in SERVICES.values() if "lianyun:" in service["image"]]
    assert all(service["env_file"] == [{"path": "settings.env", "required": False}] for service in ours)


@each
def test_a_container_writes_to_volumes_and_memory_only_and_gains_no_privileges(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert 0 < service["pids_limit"] <= 1024


@pytest.mark.parametrize("form", ["plain", "secure"])
def test_an_image_is_built_once_in_a_form(form: str) -> None:
    built = [s["image"] for s in SERVICES.values() if form in s["profiles"] and "build" in s]
    assert len(built) == len({*built})
    assert {s["image"] for s in SERVICES.values() if form in s["profiles"] and "lianyun" in s["image"]} == {
        *built
    }


def test_the_two_forms_share_no_container_volume_port_or_label() -> None:
    def of(form: str) -> dict[str, dict[str, Any]]:
        return {name: service for name, service in SERVICES.items() if form in service["profiles"]}

    def volumes(services: dict[str, dict[str, Any]]) -> set[str]:
        mounts = (mount.partition(":")[0] for s in services.values() for mount in s.get("volumes", ()))
        return {mount for mount in mounts if mount in COMPOSE["volumes"]}

    def ports(services: dict[str, dict[str, Any]]) -> set[str]:
        return {port.rpartition(":")[0] for s in services.values() for port in s.get("ports", ())}

    plain, secure = of("plain"), of("secure")
    assert not plain.keys() & secure.keys()
    assert not volumes(plain) & volumes(secure)
    assert not ports(plain) & ports(secure)
    for form, services in (("plain", plain), ("secure", secure)):
        assert {s["labels"]["lianyun.deployment"] for s in services.values()} == {form}


@pytest.mark.parametrize("form", ["", "-secure"])
def test_the_log_of_the_database_is_archived_outside_of_its_data(form: str) -> None:
    service = SERVICES[f"postgres{form}"]
    mounts = dict(mount.split(":")[:2] for mount in service["volumes"])
    places = service["environment"]
    assert mounts[f"wal{form}-data"] == places["LIANYUN_WAL"]
    assert mounts[f"backup{form}-data"] == places["LIANYUN_BACKUPS"]
    assert Path(places["PGDATA"]).parent == Path(mounts[f"postgres{form}-data"]), "it can be put aside"
    assert "archive_mode = on" in (INFRA / "postgres" / "archiving.conf").read_text()


def test_archiving_becomes_part_of_the_settings_once(tmp_path: Path) -> None:
    conf = tmp_path / "postgresql.conf"
    conf.write_text("port = 5432\n")
    script = mounted("./postgres/archiving.sh")
    for _ in range(2):
        subprocess.run(["bash", script], env={"PGDATA": str(tmp_path), "PATH": "/usr/bin:/bin"}, check=True)
    assert conf.read_text() == "port = 5432\ninclude_if_exists = '/etc/lianyun/archiving.conf'\n"


def mounted(source: str) -> Path:
    """A file of the release that the database's container mounts."""
    assert any(mount.startswith(f"{source}:") for mount in SERVICES["postgres"]["volumes"])
    return INFRA / source


@pytest.mark.parametrize("name", ["pages", "pages-secure"])
def test_the_issuer_of_the_console_is_passed_through(name: str) -> None:
    given = {key: value for key, value in SERVICES[name]["environment"].items() if "SIGNIN" in key}
    assert given == {key: f"${{{key}:-}}" for key in given}
    unset = {key.removeprefix("LIANYUN_").lower(): "" for key in given}
    assert SignInSettings.model_validate(unset).signin_issuer == "", "unset, nobody signs in"
    issuer = {"signin_issuer": "https://id.example", "signin_client": "console", "signin_client_secret": "s"}
    assert issuer.keys() == unset.keys()
    assert SignInSettings.model_validate(issuer).signin_issuer == "https://id.example"


def test_what_is_mounted_is_there() -> None:
    mounts = [m for s in SERVICES.values() for m in s.get("volumes", ()) if m.startswith(("./", "../"))]
    paths = {m.partition(":")[0] for m in mounts}
    assert all((INFRA / path).exists() for path in paths), paths


def test_prometheus_scrapes_the_workers_in_both_networks() -> None:
    jobs = yaml.safe_load((INFRA / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    targets = {
        t for job in jobs if job["job_name"] == "workers" for c in job["static_configs"] for t in c["targets"]
    }
    plain = {name for name in SERVICES if re.fullmatch(r"worker-\d", name)}
    secure = {
        alias for name in SERVICES if re.fullmatch(r"worker-\d-secure", name)
        for alias in SERVICES[name]["networks"]["secure"]["aliases"]
    }  # fmt: skip
    for names in (plain, secure):
        assert targets == {f"{name}:9464" for name in names}
    for name in plain:
        assert SERVICES[name]["environment"]["LIANYUN_METRICS_PORT"] == "9464"


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("credit", "LIANYUN_CREDIT_METRICS_PORT"),
        ("arrival", "LIANYUN_ARRIVAL_METRICS_PORT"),
        ("cases", "LIANYUN_CASES_METRICS_PORT"),
        ("api", "LIANYUN_METRICS_PORT"),
        ("pages", "LIANYUN_METRICS_PORT"),
        ("exchange", "LIANYUN_METRICS_PORT"),
        ("webhooks", "LIANYUN_METRICS_PORT"),
        ("notifications", "LIANYUN_METRICS_PORT"),
        ("transparency", "LIANYUN_TRANSPARENCY_METRICS_PORT"),
    ],
)
def test_prometheus_scrapes_what_runs_beside_the_workers_in_both_networks(name: str, variable: str) -> None:
    jobs = yaml.safe_load((INFRA / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    (job,) = (job for job in jobs if job["job_name"] == name)
    assert job["static_configs"] == [{"targets": [f"{name}:9464"]}]
    assert SERVICES[f"{name}-secure"]["networks"]["secure"]["aliases"] == [name]
    for each in (name, f"{name}-secure"):
        assert SERVICES[each]["environment"][variable] == "9464"


def test_keys_of_the_api_come_from_secrets_where_it_is_secured() -> None:
    service = SERVICES["api-secure"]
    given = {each["target"] if isinstance(each, dict) else each for each in service["secrets"]}
    named = {
        str(value).rpartition("/")[2]
        for value in service["environment"].values()
        if str(value).startswith("/run/secrets/")
    }
    assert named <= given
    assert {"lianyun_webhook_keys", "lianyun_kafka_password", "lianyun_dsn_password"} <= given
    assert service["environment"]["LIANYUN_API_URL"].startswith("https://")
    assert service.get("volumes") == ["policy-secure-data:/var/lib/lianyun-policy:ro"], "no key is in it"


@pytest.mark.parametrize(
    ("name", "outside"), [("api", "LIANYUN_API_PORT"), ("api-secure", "LIANYUN_API_SECURE_PORT")]
)
def test_the_api_knows_every_name_by_which_it_is_reached(name: str, outside: str) -> None:
    """Published on this machine, and inside the network; each settings file of an earlier release gives one."""
    (published,) = SERVICES[name]["ports"]
    settings = {
        key.removeprefix("LIANYUN_").lower(): re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", str(value))
        for key, value in SERVICES[name]["environment"].items()
        if key.startswith(("LIANYUN_API_URL", "LIANYUN_API_ALIASES", "LIANYUN_API_HOST"))
    }
    urls = ApiSettings(dsn=SecretStr(""), **settings).api_urls
    assert f"${{{outside}:-" in published
    assert f"${{{outside}:-" in SERVICES[name]["environment"]["LIANYUN_API_URL"]
    scheme = "https" if name == "api-secure" else "http"
    port = published.split(":-")[1].split("}")[0]
    assert {f"{scheme}://localhost:{port}", f"{scheme}://api:8443"} <= {*urls}
    if name == "api":
        assert f"http://127.0.0.1:{port}" == urls[0]
        assert SERVICES["demo"]["environment"]["LIANYUN_API_URL"] in urls


def test_the_key_that_signs_steps_of_cases_is_the_one_that_was_prepared_and_only_read() -> None:
    """The file is made by the job alone, and known by one name in each network."""
    plain, secure = SERVICES["cases"], SERVICES["cases-secure"]
    (made,), (mounted,) = SERVICES["prepare"]["volumes"], plain["volumes"]
    assert mounted == f"{made}:ro"
    assert "financing_keys" in secure["secrets"]
    assert not secure.get("volumes")
    for service, job in ((plain, "prepare"), (secure, "prepare-secure")):
        named = [each["environment"]["LIANYUN_FINANCING_KEYS"] for each in (service, SERVICES[job])]
        assert named[0] == named[1]
        assert service["depends_on"] == {job: {"condition": "service_completed_successfully"}}


@pytest.mark.parametrize("form", ["", "-secure"])
def test_the_log_is_made_by_one_job_and_its_key_only_read_by_others(form: str) -> None:
    """Both are where no other process writes, and what is served is not what a job makes anew."""
    job = SERVICES[f"log{form}"]
    assert job["command"][:3] == ["transparency", "create", "--once"]
    made, policy = job["volumes"]
    for name in (f"transparency{form}", f"transparency-server{form}"):
        service = SERVICES[name]
        assert service["volumes"] == [f"{made}:ro", f"{policy}:ro"]
        assert service["depends_on"] == {f"log{form}": {"condition": "service_completed_successfully"}}
        assert (
            service["environment"]["LIANYUN_TRANSPARENCY_KEY"]
            == job["environment"]["LIANYUN_TRANSPARENCY_KEY"]
        )
        assert service["environment"]["LIANYUN_TRANSPARENCY_POLICY"] in job["command"]
    makers = [n for n, s in SERVICES.items() if made in s.get("volumes", ())]
    assert makers == [f"log{form}"]


@pytest.mark.parametrize("form", ["", "-secure"])
def test_the_api_makes_receipts_by_the_policy_under_which_the_log_is_cosigned_and_has_no_key_of_it(
    form: str,
) -> None:
    api, sequencer, job = (SERVICES[f"{name}{form}"] for name in ("api", "transparency", "log"))
    named = [each["environment"]["LIANYUN_TRANSPARENCY_POLICY"] for each in (api, sequencer)]
    made, policy = job["volumes"]
    assert named == [f"{policy.partition(':')[2]}/policy"] * 2
    assert f"{policy}:ro" in api["volumes"]
    assert not any(mount.startswith(made.partition(":")[0]) for mount in api["volumes"])
    assert api["depends_on"][f"log{form}"] == {"condition": "service_completed_successfully"}


def test_every_process_trusts_the_registry_by_the_root_that_the_operator_names() -> None:
    """Unset, none does; the file is the same for all, and is read only."""
    mounted = COMPOSE["configs"]["registry-root"]["file"]
    assert mounted == "${LIANYUN_REGISTRY_ROOT:-/dev/null}"
    for name, service in SERVICES.items():
        if "LIANYUN_DSN" in service.get("environment", {}) and not name.startswith("migrate"):
            (config,) = service["configs"]
            given = service["environment"]["LIANYUN_REGISTRY_ROOT"]
            assert given == f"${{LIANYUN_REGISTRY_ROOT:+{config['target']}}}", name


def test_prometheus_scrapes_the_exporter_in_both_networks() -> None:
    jobs = yaml.safe_load((INFRA / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    (job,) = (job for job in jobs if job["job_name"] == "exporter")
    assert job["static_configs"] == [{"targets": ["exporter:9464"]}]
    assert SERVICES["exporter-secure"]["networks"]["secure"]["aliases"] == ["exporter"]
    for name in ("exporter", "exporter-secure"):
        assert SERVICES[name]["environment"]["LIANYUN_EXPORTER_METRICS_PORT"] == "9464"


def test_alertmanager_reaches_the_relay_that_knows_its_robots_from_files_alone(
    watching: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay = SERVICES["relay"]
    told = relay["environment"]
    url = f"http://relay:{told['LIANYUN_RELAY_PORT']}"
    assert f"--relay {url}" in (INFRA / "docker-compose.yml").read_text()
    assert set(relay["networks"]) == {
        *SERVICES["alertmanager"]["networks"],
        *SERVICES["alertmanager-secure"]["networks"],
    }
    assert told["LIANYUN_SECRETS"] in relay["volumes"][0]
    (tmp_path / "lianyun_wecom_url").write_text("https://robot.example/send?key=k")
    monkeypatch.setenv("LIANYUN_SECRETS", str(tmp_path))
    assert RelaySettings().wecom_url.get_secret_value() == "https://robot.example/send?key=k"
    shipped = INFRA / "alertmanager" / "alertmanager.yml"
    sending = tmp_path / "alertmanager.yml"
    sending.write_text(configuration(Receivers(relay=url, wecom=True, dingtalk=True)))
    assert f'"{url}/wecom"' in sending.read_text()
    for file in (shipped, sending):
        command = [watching / "amtool", "check-config", file]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_grafana_shows_the_generated_dashboards_and_nobody_changes_them_there() -> None:
    (provider,) = yaml.safe_load(
        (INFRA / "grafana/provisioning/dashboards/lianyun.yaml").read_text(encoding="utf-8")
    )["providers"]
    assert provider["allowUiUpdates"] is False
    for name in ("grafana", "grafana-secure"):
        assert f"../ops/dashboards:{provider['options']['path']}:ro" in SERVICES[name]["volumes"]


def test_dashboard_sources_have_the_fixed_names_that_dashboards_use() -> None:
    folder = INFRA / "grafana/provisioning/datasources"
    files = {file.stem: yaml.safe_load(file.read_text()) for file in folder.glob("*.yaml")}
    found = {name: [source["uid"] for source in file["datasources"]] for name, file in files.items()}
    assert found == {
        "prometheus": ["prometheus"], "postgres.plain": ["postgres"], "postgres.secured": ["postgres"],
    }  # fmt: skip


# What the documentation of Grafana's provisioning knows; a key that it does not know is passed over there without a word.
PROVIDER = {
    "name",
    "orgId",
    "folder",
    "folderUid",
    "type",
    "disableDeletion",
    "updateIntervalSeconds",
    "allowUiUpdates",
    "options",
}
SOURCE = {
    "name", "type", "access", "orgId", "uid", "url", "user", "database", "basicAuth", "basicAuthUser", "withCredentials",
    "isDefault", "jsonData", "secureJsonData", "version", "editable",
}  # fmt: skip
KINDS = {
    "prometheus": {"httpMethod", "timeInterval", "queryTimeout", "prometheusType", "prometheusVersion", "cacheLevel"},
    "grafana-postgresql-datasource": {
        "database", "sslmode", "maxOpenConns", "maxIdleConns", "maxIdleConnsAuto", "connMaxLifetime", "postgresVersion",
        "timescaledb", "tlsConfigurationMethod", "sslRootCertFile", "sslCertFile", "sslKeyFile",
    },
}  # fmt: skip
PROVISIONING = "/etc/grafana/provisioning"


@pytest.mark.parametrize("name", ["grafana", "grafana-secure"])
def test_grafana_is_provisioned_in_words_that_it_knows(name: str) -> None:
    service = SERVICES[name]
    given = {
        each if isinstance(each, str) else each.get("target", each["source"])
        for each in service.get("secrets", ())
    }
    sources = set()
    for mount in service["volumes"]:
        here, there, *_ = mount.split(":")
        if not there.startswith(PROVISIONING):
            continue
        files = sorted((INFRA / here).glob("*")) if (INFRA / here).is_dir() else [INFRA / here]
        assert there.removeprefix(PROVISIONING).split("/")[1] in ("datasources", "dashboards")
        assert all(file.suffix == ".yaml" for file in files)
        for file in files:
            text = file.read_text()
            told = yaml.safe_load(text)
            assert told.keys() <= {"apiVersion", "providers", "datasources"}
            assert told["apiVersion"] == 1
            assert set(re.findall(r"/run/secrets/(\w[\w.]*)", text)) <= given
            for provider in told.get("providers", ()):
                assert (provider.keys() <= PROVIDER, provider["type"]) == (True, "file")
                assert provider["options"].keys() <= {"path", "foldersFromFilesStructure"}
            for source in told.get("datasources", ()):
                assert source.keys() <= SOURCE
                assert source.get("jsonData", {}).keys() <= KINDS[source["type"]]
                assert source.get("secureJsonData", {}).keys() <= {"password", "basicAuthPassword"}
                sources.add((source["type"], source["uid"]))
    asked = {
        (variable["query"], variable["current"]["value"])
        for file in (INFRA.parent / "ops" / "dashboards").glob("*.json")
        for variable in json.loads(file.read_text())["templating"]["list"]
        if variable["type"] == "datasource"
    }
    assert asked == sources, "the sources that dashboards begin with"


def test_a_deployment_migrates_before_its_processes_start_and_never_takes_away() -> None:
    """What comes after a deployment is a command of the operator's."""
    jobs = {name for name, service in SERVICES.items() if "migrate" in service.get("command", ())}
    assert jobs == {"migrate", "migrate-secure"}
    assert all(SERVICES[job]["command"] == ["db", "migrate", "--before"] for job in jobs)
    for name, service in SERVICES.items():
        if "LIANYUN_DSN" in service.get("environment", {}) and name not in jobs:
            assert jobs & behind(name), f"{name} may start on a database of the release before"


def behind(name: str) -> set[str]:
    """The services that ``name`` waits for, and those that they wait for."""
    needed = set(SERVICES[name].get("depends_on", {}))
    return needed.union(*(behind(each) for each in needed))


@pytest.mark.parametrize(("form", "database"), [("plain", "postgres"), ("secured", "postgres-secure")])
def test_grafana_asks_the_database_as_who_draws_dashboards_only(form: str, database: str) -> None:
    file = INFRA / f"grafana/provisioning/datasources/postgres.{form}.yaml"
    (source,) = yaml.safe_load(file.read_text())["datasources"]
    assert (source["user"], source["url"]) == ("lianyun_dashboards", f"{database}:5432")
    assert (source["jsonData"]["sslmode"] == "verify-full") == (form == "secured")
    password = source.get("secureJsonData", {}).get("password", "$__file{/run/secrets/lianyun_dashboards}")
    assert password == "$__file{/run/secrets/lianyun_dashboards}"


def test_services_log_in_as_the_role_of_their_work_and_migrations_as_the_owner() -> None:
    for name, service in SERVICES.items():
        address = service.get("environment", {}).get("LIANYUN_DSN")
        if address is not None:
            kinds = (
                "worker",
                "credit",
                "arrival",
                "cases",
                "exporter",
                "api",
                "pages",
                "webhooks",
                "transparency",
            )
            role = next((kind for kind in kinds if name.startswith(kind)), "owner")
            if name.startswith("notifications"):  # shows what pages show
                role = "pages"
            if name.startswith("exchange"):  # decides what the API decides
                role = "api"
            assert address.startswith(f"postgresql://lianyun_{role}@"), name


@pytest.mark.parametrize(("form", "database"), [("plain", "postgres"), ("secured", "postgres-secure")])
def test_the_database_lets_in_every_role_that_a_service_logs_in_as(form: str, database: str) -> None:
    addresses = [str(each.get("environment", {}).get("LIANYUN_DSN")) for each in SERVICES.values()]
    roles = {role for address in addresses for role in re.findall(f"//(\\w+)@{database}/", address)}
    lines = (INFRA / "postgres" / f"pg_hba.{form}.conf").read_text().splitlines()
    (line,) = (line.split() for line in lines if line.startswith("host"))
    assert roles
    assert roles <= set(line[2].split(","))


def test_the_image_is_locked_and_runs_as_nobody_in_particular() -> None:
    text = (INFRA / "Dockerfile").read_text()
    installs = re.findall(r"pip\b.* install (.*)", text)
    assert len(installs) == 4
    for arguments in installs:
        assert "--require-hashes -r" in arguments or "--no-index --no-deps dist/" in arguments, arguments
    assert "\nUSER 10001\n" in text
    assert "://" not in text, "a registry is the builder's business"
    assert (INFRA / "Dockerfile.dockerignore").read_text().startswith("*\n")


def test_the_image_of_a_deployment_is_the_last_stage_and_holds_no_testbed() -> None:
    text = (INFRA / "Dockerfile").read_text()
    stages = dict(re.findall(r"^FROM (?:\S+) AS (\S+)\n((?:(?!FROM ).*\n)*)", text, re.MULTILINE))
    assert [*stages][-2:] == ["testbed", "deployment"]
    assert stages["deployment"].startswith("COPY --from=deployment-build ")
    assert stages["deployment-build"].startswith("RUN rm -r services/testbed \\\n && tools/bin/pip wheel ")


def test_only_the_demo_runs_in_the_image_that_holds_the_testbed() -> None:
    """And no service of a deployment has a command that needs it."""
    ours = {name: service for name, service in SERVICES.items() if "build" in service}
    assert {name for name, service in ours.items() if service["build"].get("target")} == {"demo"}
    assert ours["demo"]["build"]["target"] == "testbed"
    images = {name: service["image"] for name, service in ours.items()}
    assert images.pop("demo") not in images.values()
    for name in images:
        (command, *_) = SERVICES[name]["command"]
        assert not COMMANDS[command].module.startswith("testbed."), f"{name} needs the testbed"


def pins(lock: str) -> dict[str, str]:
    text = (INFRA.parent / lock).read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))


def test_the_image_is_locked_to_what_is_tested_and_to_nothing_more() -> None:
    tested, run, built = pins("requirements.lock"), pins("infra/requirements.lock"), pins("infra/build.lock")
    assert run.items() | built.items() <= tested.items(), "other versions than those tested: make lock"
    project = tomllib.loads((INFRA.parent / "pyproject.toml").read_text())["project"]
    names = {re.split(r"[^A-Za-z0-9-]", wanted)[0].lower() for wanted in project["dependencies"]}
    assert names <= run.keys(), "a dependency is not in the image: make lock"
    others = {
        re.split(r"[^A-Za-z0-9-]", wanted)[0].lower()
        for extra in project["optional-dependencies"].values()
        for wanted in extra
    }
    assert not others & run.keys(), "a development package or the local stack is in the image"


@pytest.mark.containers
@pytest.mark.parametrize("profile", ["plain", "demo", "secure"])
def test_compose_itself_accepts_the_file(profile: str) -> None:
    compose = [shutil.which("docker") or "docker", "compose"]
    try:
        subprocess.run([*compose, "version"], capture_output=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("docker compose is not on this machine: the file was read, not validated")
    arguments = ["-f", str(INFRA / "docker-compose.yml"), "--profile", profile, "config", "-q"]
    done = subprocess.run([*compose, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
