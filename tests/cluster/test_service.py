"""The served model: its settings are ours, and what the kind overlay deploys answers on a real Ray."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
import warnings
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml

pytest.importorskip("fastapi", reason="serving needs the serve extra")
pytest.importorskip("starlette")

with warnings.catch_warnings():
    # Ray Serve 2.60 describes its own settings in a way that pydantic would rather not have.
    warnings.simplefilter("ignore")
    from ray.serve.schema import ServeDeploySchema

    from magnet_ray.serving import app

from magnet_ray.free_ports import free_ports
from magnet_ray.sections import parse_section
from magnet_ray.serving import SERVE_ENVIRONMENT
from magnet_ray.serving.access import KEY_VARIABLE
from magnet_ray.serving.settings import ServeConfig
from tests.cluster.rendering import OVERLAYS, Manifest, cluster_specs, named, of_kind, pod_templates, render
from tests.cluster.test_dashboard import SERVING, exported
from tests.cluster_support import PATIENCE, ROOT, started, wait_until
from tests.ray_heads import listens, ray_head

KEY = "the-right-key"


def service(overlay: str) -> Manifest:
    (found,) = of_kind(render(f"{overlay}/service"), "RayService")
    spec: Manifest = found["spec"]
    return spec


def deployed(overlay: str) -> dict[str, Any]:
    """`serveConfigV2` as values."""
    config: dict[str, Any] = yaml.safe_load(service(overlay)["serveConfigV2"])
    return config


def settings(overlay: str) -> ServeConfig:
    (application,) = deployed(overlay)["applications"]
    return parse_section(ServeConfig, application["args"])


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_serve_takes_the_configuration_and_our_settings_are_settings(overlay: str) -> None:
    parsed = ServeDeploySchema.model_validate(deployed(overlay))
    (application,) = parsed.applications
    module, _, name = application.import_path.partition(":")
    assert module == app.__name__ and callable(getattr(app, name))
    assert {deployment.name for deployment in application.deployments} <= {app.GATEWAY, app.MODEL}
    assert settings(overlay).model is not None


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_model_lies_where_the_runs_lie_and_a_port_is_open_for_it(overlay: str) -> None:
    runs = named(render(overlay), "ConfigMap", "magnet-settings")["data"]["MAGNET_RUNS"]
    assert str(settings(overlay).model).startswith(f"{runs}/pipeline/")
    http = deployed(overlay)["http_options"]
    assert http["host"] == "0.0.0.0"
    for spec in cluster_specs(render(f"{overlay}/service")):
        for _, pod in pod_templates({"kind": "RayCluster", "metadata": {"name": "x"}, "spec": spec}):
            ports = {port["name"]: port["containerPort"] for port in pod["spec"]["containers"][0]["ports"]}
            assert ports["serve"] == http["port"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_serve_is_set_up_as_where_we_start_it(overlay: str) -> None:
    settings = named(render(overlay), "ConfigMap", "magnet-settings")["data"]
    assert SERVE_ENVIRONMENT.items() <= settings.items()


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_upgrade_and_a_lost_node_let_answers_end(overlay: str) -> None:
    spec, config = service(overlay), settings(overlay)
    assert spec["upgradeStrategy"] == {"type": "NewCluster"} and spec["excludeHeadPodFromServeSvc"] is True
    assert spec["rayClusterDeletionDelaySeconds"] >= config.limits.seconds + config.drain_seconds
    groups = {group["groupName"]: group for group in spec["rayClusterConfig"]["workerGroupSpecs"]}
    group = groups.get("serve", groups["cpu"])
    assert group["template"]["spec"]["terminationGracePeriodSeconds"] >= config.drain_seconds
    # Each replica of the model can have a node of its own.
    assert config.replicas.max <= group["maxReplicas"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_replica_fits_the_head(overlay: str) -> None:
    (application,) = deployed(overlay)["applications"]
    gateway = next(each for each in application["deployments"] if each["name"] == app.GATEWAY)
    assert gateway["ray_actor_options"]["num_cpus"] > 0
    assert settings(overlay).replicas.cpus > 0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_the_kind_overlay_serves_is_deployed_by_serve_and_answers(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="the engine needs the train extra")
    from tests.training.tiny_runs import tiny_checkpoint

    config, port, dashboard = deployed("kind"), *free_ports(2)
    (application,) = config["applications"]
    application["args"]["model"] = str(tiny_checkpoint(tmp_path / "model"))
    config["http_options"] = {"host": "127.0.0.1", "port": port}
    file = tmp_path / "serve.yaml"
    file.write_text(yaml.safe_dump(config))
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": uuid4().hex * 2}
    # The image has the package installed.
    env = {**token, KEY_VARIABLE: KEY, "PYTHONPATH": str(ROOT)}
    with ray_head("--num-cpus=2", f"--dashboard-port={dashboard}", env=env) as head:
        address = f"http://127.0.0.1:{dashboard}"
        wait_until(lambda: listens(dashboard))
        serve_command("deploy", file, "--address", address, env=token)
        wait_until(lambda: runs(serve_command("status", "--address", address, env=token)), seconds=400, pause=1.0)
        answer = chat(port, KEY)
        assert answer["model"] == "magnet-tiny" and answer["usage"]["completion_tokens"] > 0
        with pytest.raises(urllib.error.HTTPError, match="401"):
            chat(port, "wrong")
        # The names by which the dashboard asks are those that Ray's exporter writes.
        wanted = {name for name in exported(SERVING) if not name.startswith("ray_magnet_calls")}
        wait_until(lambda: all(name in page(head.metrics) for name in wanted), seconds=60, pause=1.0)


def serve_command(*arguments: object, env: dict[str, str]) -> str:
    """The output of a command of `serve`, which must not fail."""
    with started(*arguments, program=("-m", "ray.serve.scripts"), env=env) as command:
        done = command.wait()
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def runs(status: str) -> bool:
    """Whether the application runs, by `serve status`."""
    found = yaml.safe_load(status)["applications"].get("magnet", {})
    assert found.get("status") != "DEPLOY_FAILED", found
    return bool(found.get("status") == "RUNNING")


def chat(port: int, key: str) -> dict[str, Any]:
    """An answer of what is served."""
    body = {"model": "magnet-tiny", "messages": [{"role": "user", "content": "Hello."}], "max_tokens": 8}
    headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/chat/completions", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=PATIENCE) as response:
        answer: dict[str, Any] = json.load(response)
    return answer


def page(address: str) -> str:
    """What stands at an address."""
    with urllib.request.urlopen(address, timeout=PATIENCE) as response:
        return str(response.read().decode())
