"""`vibevoice-nb web`: the web demo, or the Studio through Voila, on a port of this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from vibevoice_nb.cli import terminal
from vibevoice_nb.cli.terminal import say

_PORTS = typer.Option(min=0, max=65535, help="Port; 0 uses any free port.")


def web(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, _PORTS] = 7860,
    public: Annotated[
        bool, typer.Option("--public", help="Allow a --host that is reachable from other machines.")
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="Additional host name under which the page is opened (repeatable)."),
    ] = None,
    model: Annotated[
        str, typer.Option("--model", "-m", help="nano (the default), a folder, or a Hugging Face model id.")
    ] = "nano",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    dtype: Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")] = "auto",
    quantize: Annotated[
        str | None, typer.Option(help="Quantize weights to int8 or int4 to save memory.")
    ] = None,
    max_minutes: Annotated[float, typer.Option(help="Maximum length of a conversation.")] = 3.0,
    queue: Annotated[int, typer.Option(help="Maximum number of queued visitors.")] = 20,
    max_steps: Annotated[int, typer.Option(help="Maximum number of solver steps per frame.")] = 20,
    upload_megabytes: Annotated[int, typer.Option(help="Maximum size of a voice recording.")] = 16,
    voice_seconds: Annotated[float, typer.Option(help="Maximum length of a voice recording.")] = 60.0,
    keep_minutes: Annotated[float, typer.Option(help="Time until visitors' files are deleted.")] = 30.0,
    per_visitor: Annotated[int, typer.Option(help="Maximum number of queued conversations per visitor.")] = 2,
    per_address: Annotated[int, typer.Option(help="Maximum queued conversations per network address.")] = 10,
    address_megabytes: Annotated[
        int, typer.Option(help="Maximum size of stored recordings per network address.")
    ] = 64,
    total_megabytes: Annotated[int, typer.Option(help="Maximum size of all stored recordings.")] = 512,
    voila: Annotated[
        bool,
        typer.Option(
            "--voila",
            help="Recommended for people you trust: serve the whole Studio, one per visitor. "
            "The limits above do not apply.",
        ),
    ] = False,
    live: Annotated[
        bool,
        typer.Option(
            "--live",
            help="Serve a live room: text is heard through WebRTC while it is written, by everybody with the "
            "link. Of the limits above, none applies.",
        ),
    ] = False,
    voice: Annotated[
        list[str] | None,
        typer.Option("--voice", help="With --live: a built-in voice, for each speaker in turn (repeatable)."),
    ] = None,
    listeners: Annotated[int, typer.Option(help="With --live: maximum number of listeners.")] = 50,
    listeners_per_address: Annotated[
        int | None,
        typer.Option(
            help="With --live: maximum number of listeners with one network address, in all live rooms. "
            "10, or --listeners if only this machine, or a proxy on it, can open the page."
        ),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", hidden=True, help="Show tracebacks.")] = False,
) -> None:
    """Serve a web page that generates speech from visitors' scripts.

    With --voila, visitors get the Studio, which has far more than this page, and read and write files as you
    do. With --live, text is spoken while it is written. Otherwise a simple page for strangers is served.

    One conversation is generated at a time; further requests are queued. The page is reachable only from this
    machine, unless --host and --public are given.
    """
    terminal.output.debug = terminal.output.debug or debug
    from vibevoice_nb.web.binding import allowed_hosts, check_host, is_loopback

    check_host(host, public)
    hosts = allowed_hosts(host, public, allow_host or ())
    how = {"device": device, "dtype": dtype, "quantize": quantize}
    if voila:
        from vibevoice_nb.web.voila import serve_studio

        serve_studio(host, port, model, how, say, hosts)
        return
    if live:
        from vibevoice_nb.web.live.limits import LiveLimits
        from vibevoice_nb.web.live.server import serve_live

        most = listeners if is_loopback(host) else min(10, listeners)
        live_limits = LiveLimits(listeners=listeners, per_address=listeners_per_address or most)
        serve_live(model, live_limits, host, port, how, say, hosts, voice or None)
        return
    from vibevoice_nb.web.limits import Limits

    limits = Limits(
        max_minutes=max_minutes,
        queue=queue,
        max_steps=max_steps,
        upload_megabytes=upload_megabytes,
        voice_seconds=voice_seconds,
        keep_minutes=keep_minutes,
        per_visitor=per_visitor,
        per_address=per_address,
        address_megabytes=address_megabytes,
        total_megabytes=total_megabytes,
    )
    with terminal.phase(f"opening {model} to visitors"):
        from vibevoice_nb.web.server import serve
    serve(model, limits, host, port, how, say, hosts)
