"""`magnet serve`: a model behind OpenAI's API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from magnet_ray.cli_options import ConfigFile, Keys, Sets, option, print_keys
from magnet_ray.errors import UserError

if TYPE_CHECKING:
    from magnet_ray.serving.settings import ServeConfig


def serve(
    model: Annotated[str | None, option("--model", help="Checkpoint or adapter to serve.", metavar="DIR")] = None,
    engine: Annotated[str | None, option("--engine", help="vllm | transformers; vllm where it is installed.", metavar="ENGINE")] = None,
    port: Annotated[int | None, option("--port", help="Port to listen at; 8000.")] = None,
    host: Annotated[str | None, option("--host", help="Address to listen at; 127.0.0.1.")] = None,
    api_key_file: Annotated[str | None, option("--api-key-file", help="File of API keys, one a line.", metavar="FILE")] = None,
    config: ConfigFile = None,
    sets: Sets = None,
    keys: Keys = False,
) -> None:
    """Serve a model with function calling, as OpenAI's API does, on Ray Serve.

    \b
    magnet serve --model runs/sft/model
    magnet serve --model runs/mdpo/model --engine vllm --port 8001 --api-key-file keys.txt
    magnet serve --model runs/mdpo/adapter --set replicas.max=4 --set limits.requests_per_minute=600

    Without a file of keys, MAGNET_API_KEY is the key; without both, everybody who reaches the port is served. Ctrl-C and
    SIGTERM finish the answers that were begun. The same settings are the `args` of magnet_ray.serving.app:build_app.
    """
    from magnet_ray.sections import describe_section, load_section
    from magnet_ray.serving.settings import ServeConfig

    if keys:
        print_keys(describe_section(ServeConfig))
        return
    given = {"model": model, "engine": engine, "http.port": port, "http.host": host, "api_key_file": api_key_file}
    _serve(load_section(ServeConfig, config, sets or (), given))


def _serve(settings: ServeConfig) -> None:
    try:
        from magnet_ray.serving.running import serve_until_stopped
    except ImportError as error:
        raise UserError(f"serving needs {error.name}", fix="pip install 'magnet-ray[serve]'") from None
    from magnet_ray.progress import Progress
    from magnet_ray.serving.settings import served_name

    serve_until_stopped(settings, Progress(), lambda url: typer.echo(ready_text(url, served_name(settings))))


def ready_text(url: str, model: str) -> str:
    """One line that says where the model is, and a request with a tool to try."""
    tool = (
        '{"type":"function","function":{"name":"get_weather","parameters":'
        '{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}}'
    )
    body = f'{{"model":"{model}","messages":[{{"role":"user","content":"How is the weather in Ulm?"}}],"tools":[{tool}]}}'
    return (
        f"serving {model} at {url}\n\n"
        f"curl {url}/chat/completions -H 'content-type: application/json' -H \"authorization: Bearer $MAGNET_API_KEY\" -d '{body}'"
    )
