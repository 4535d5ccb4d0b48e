"""`vibevoice-nb serve`: the speech server, on this machine or on a Ray cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from vibevoice_nb.cli import terminal
from vibevoice_nb.cli.terminal import say
from vibevoice_nb.errors import OptionError


def serve(
    model: Annotated[
        str, typer.Option("--model", "-m", help="nano (the default), a folder, or a Hugging Face model id.")
    ] = "nano",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port.")] = 8000,
    address: Annotated[
        str | None, typer.Option(help="Ray cluster to join; by default, one is started on this machine.")
    ] = None,
    users: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File of users and the hashes of their tokens.")
    ] = None,
    add_user: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Add a user to --users, print the new token, and exit."),
    ] = None,
    remove_user: Annotated[
        str | None, typer.Option(metavar="NAME", help="Remove a user from --users, and exit.")
    ] = None,
    hub: Annotated[
        str | None, typer.Option(metavar="URL", help="API of a JupyterHub whose tokens are accepted.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    dtype: Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")] = "auto",
    quantize: Annotated[
        str | None, typer.Option(help="Quantize weights to int8 or int4 to save memory.")
    ] = None,
    max_batch: Annotated[
        int, typer.Option(min=1, max=1024, help="Most requests that a replica generates at the same time.")
    ] = 16,
    replicas: Annotated[int, typer.Option(min=1, help="Replicas at the start.")] = 1,
    max_replicas: Annotated[
        int | None, typer.Option(min=1, help="Most replicas; by default as many as at the start.")
    ] = None,
    num_gpus: Annotated[
        float | None,
        typer.Option(help="GPUs of each replica; fractions share one. By default 1 if there is one."),
    ] = None,
    num_cpus: Annotated[float, typer.Option(help="CPUs that Ray reserves for each replica.")] = 1.0,
    voices: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of uploaded voices; by default a temporary one."),
    ] = None,
    max_minutes: Annotated[float, typer.Option(help="Longest speech.")] = 30.0,
    per_user: Annotated[int, typer.Option(help="Most requests of a user at the same time.")] = 64,
    hourly_minutes: Annotated[float, typer.Option(help="Most audio for a user within an hour.")] = 600.0,
    log_texts: Annotated[bool, typer.Option("--log-texts", help="Log the texts of requests.")] = False,
    debug: Annotated[bool, typer.Option("--debug", hidden=True, help="Show tracebacks.")] = False,
) -> None:
    """Serve speech over HTTP, with OpenAI's API, and to the engines and Studios of other machines.

    Requests of all users run in one batch and take turns where it is full. Without --users or --hub, only
    this machine can use the server.
    """
    terminal.output.debug = terminal.output.debug or debug
    if add_user is not None or remove_user is not None:
        _edit_users(users, add_user, remove_user)
        return
    from vibevoice_nb.web.binding import is_loopback

    if not is_loopback(host) and users is None and hub is None:
        raise OptionError(
            f"--host {host} is reachable from other machines",
            "127.0.0.1, or tokens",
            "add --users FILE, and a user with --add-user NAME; or --hub URL",
        )
    if users is not None and not users.is_file():
        raise OptionError(
            f"--users {users}: no such file", "a file of users", "add a user with --add-user NAME"
        )
    settings: dict[str, Any] = {
        "model": model,
        "device": device,
        "dtype": dtype,
        "quantize": quantize,
        "max_batch": max_batch,
        "min_replicas": replicas,
        "max_replicas": max_replicas or replicas,
        "num_cpus": num_cpus,
        "users": str(users.absolute()) if users else "",
        "hub": hub or "",
        "voices": str(voices.absolute()) if voices else "",
        "limits": {"max_minutes": max_minutes, "per_user": per_user, "hourly_minutes": hourly_minutes},
        "log_texts": log_texts,
    }
    with terminal.phase("starting Ray"):
        from vibevoice_nb.serve.running import Running
    running = Running(host, port, address, say)
    try:
        running.start(settings, num_gpus)
        say(f"{model} is ready at {running.url}; press Ctrl-C to stop")
        running.wait()
    finally:
        running.stop()


def _edit_users(users: Path | None, add: str | None, remove: str | None) -> None:
    from vibevoice_nb.serve.users import TokenFile

    if users is None:
        raise OptionError("no file of users", "--users FILE", "name the file in which users are kept")
    file = TokenFile(users.absolute())
    if remove is not None and not file.remove(remove):
        raise OptionError(f"no user {remove}", f"one of {', '.join(file.names()) or 'no user'}", "correct it")
    if add is not None:
        print(file.add(add))
        say(f"This is the token of {add}. It is not stored: keep it now.")
