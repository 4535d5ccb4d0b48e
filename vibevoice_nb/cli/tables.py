"""Tables and text that the command line prints to stdout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vibevoice_nb.cli.terminal import out
from vibevoice_nb.machine import in_gigabytes

if TYPE_CHECKING:
    from vibevoice_nb.review import ReviewReport
    from vibevoice_nb.system.doctor import Finding
    from vibevoice_nb.system.model_info import ModelInfo
    from vibevoice_nb.verify import Comparison
    from vibevoice_nb.voices.checks import VoiceCheck
    from vibevoice_nb.voices.library import StoredVoice

_STYLES = {
    "ok": "green",
    "fits": "green",
    "note": "cyan",
    "info": "cyan",
    "split": "yellow",
    "tight": "yellow",
    "warning": "yellow",
    "skipped": "dim",
    "missing": "red",
    "no": "red",
    "beyond": "red",
    "error": "red",
}
_VERDICTS = {
    "fits": "fits",
    "tight": "too little room for a long conversation",
    "split": "only with layers on other devices, slower",
    "no": "does not fit",
}
_MANY_COLUMNS = 200


def _print(table: Table) -> None:
    # In a pipe or a file there is no width, so a row stays one line.
    (out if out.is_terminal else Console(width=_MANY_COLUMNS)).print(table)


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE, pad_edge=False, header_style="bold", show_header=any(columns))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _status(status: str, text: str | None = None) -> Text:
    return Text(status if text is None else text, style=_STYLES.get(status, ""))


def show_findings(findings: Sequence[Finding]) -> None:
    """Print the findings of `doctor` and their remedies."""
    table = _table("", "", "")
    for finding in findings:
        found = Text(finding.found)
        if finding.remedy and finding.status != "ok":
            found.append(f"\nto fix it: {finding.remedy}", style="bold")
        table.add_row(_status(finding.status), Text(finding.topic), found)
    _print(table)
    missing = sum(finding.status == "missing" for finding in findings)
    warnings = sum(finding.status == "warning" for finding in findings)
    verdict = (
        f"{missing} missing, {warnings} warning{'' if warnings == 1 else 's'}"
        if missing or warnings
        else "no problems found"
    )
    out.print(_status("missing" if missing else "warning" if warnings else "ok", verdict))


def show_comparisons(comparisons: Sequence[Comparison]) -> None:
    """Print the comparisons of `verify`."""
    table = _table("array", "max abs", "relative", "tolerance", "status")
    for item in comparisons:
        status = _status(item.status, f"{item.status}: {item.reason}" if item.reason else item.status)
        figures = (f"{value:.1e}" for value in (item.max_abs, item.relative, item.tolerance))
        table.add_row(Text(item.name), *(("", "", "") if item.status == "skipped" else figures), status)
    _print(table)


def show_model(info: ModelInfo) -> None:
    """Print the description of a checkpoint and the devices it fits."""
    source, config = info.source, info.source.config
    total = sum(info.parameters.values())
    stored = ", ".join(f"{count / 1e6:,.1f}M in {dtype}" for dtype, count in info.stored.items())
    embeddings = "tied to the embeddings" if info.tied else "a separate matrix"
    if "stop classifier" in info.parameters:
        embeddings = "none: a classifier ends the speech"
    about = _table("", "")
    rows = {
        "model": f"{info.name} ({source.where})",
        "revision": source.revision,
        "layout": config.layout,
        "parameters": f"{total / 1e6:,.1f}M, stored {stored}",
        "token scores": embeddings,
        "tokenizer": source.tokenizer,
        "context": f"{config.language.max_positions:,} positions: {info.context_minutes:.1f} min of audio, "
        "minus text and voices",
        "frames": f"{config.frame_rate:g} per second, {config.hop_length} samples each",
    }
    if source.to_fetch:
        rows["to download"] = f"{in_gigabytes(source.to_fetch)} of weights"
    for name, text in rows.items():
        about.add_row(Text(name, style="bold"), Text(text))
    _print(about)
    parts = _table("part", "parameters")
    for name, count in info.parameters.items():
        parts.add_row(name, f"{count:,}")
    _print(parts)
    talk = info.talk_minutes
    columns = ("weights", "cache per minute", "codec state", "working, about", f"peak, {talk:.0f} min")
    memory = _table("memory in", *columns)
    for dtype, need in info.needs.items():
        figures = (need.weights, need.cache_per_minute, need.codec, need.working, need.total(talk))
        memory.add_row(dtype, *map(in_gigabytes, figures))
    _print(memory)
    gpus = _table("on an NVIDIA GPU in", "weights", f"peak, {talk:.0f} min", "fits a GPU of")
    for kind, need in info.gpu_needs.items():
        size = need.gpu_size(talk)
        gpus.add_row(
            kind,
            in_gigabytes(need.weights),
            in_gigabytes(need.total(talk)),
            f"{size} GB" if size else "no single GPU",
        )
    _print(gpus)
    places = _table("here", "", "free", "dtype", "", "room for")
    for fit in info.fits:
        notes = [fit.reason, f"--quantize {fit.quantize} fits" if fit.quantize else ""]
        note = "; ".join(filter(None, notes))
        verdict = _status(fit.verdict, _VERDICTS[fit.verdict] + (f" ({note})" if note else ""))
        room = f"{fit.minutes:g} min" if fit.minutes else ""
        free = in_gigabytes(fit.device.free)
        places.add_row(fit.device.device, Text(fit.device.name), free, fit.dtype, verdict, room)
    _print(places)


def show_review(report: ReviewReport) -> None:
    """Print one row for each turn, and the word error rate of all."""
    from vibevoice_nb.review.report import shown_figures, shown_loudness

    table = _table("turn", "speaker", "errors", "words/min", "LUFS", "differences")
    for row in report:
        found = row.review
        _, _, pace = shown_figures(found)
        loudness = shown_loudness(found.loudness)
        notes = Text("\n").join(
            Text(str(item), style="yellow" if item.certain else "dim") for item in found.differences
        )
        if row.other_voice:
            notes = Text("\n").join(
                filter(None, (notes, Text(f"sounds like {row.other_voice}", style="yellow")))
            )
        errors = _status("error" if found.flagged else "ok", f"{found.errors} of {found.count}")
        table.add_row(
            str(row.number),
            Text(row.speaker),
            errors,
            pace,
            loudness,
            notes or _status("ok"),
        )
    _print(table)
    flagged = len(report.flagged)
    verdict = (
        f"{flagged} of {len(report)} turns with a certain difference" if flagged else "no certain difference"
    )
    out.print(_status("error" if flagged else "ok", f"{verdict}; word error rate {report.wer:.1f} %"))


def show_voices(builtin: Mapping[str, str], own: Sequence[StoredVoice], folder: Path) -> None:
    """Print the list of voices."""
    table = _table("name", "from", "about")
    for name, description in builtin.items():
        table.add_row(Text(name), "built-in", Text(description))
    for voice in own:
        consent = "consent recorded" if voice.consent else "no consent recorded"
        found = ", ".join(check.code for check in voice.checks)
        kind = "voice prompt, " if voice.prompt else ""
        about = (
            f"{kind}{voice.seconds:.1f} s from {voice.original or 'an array'}, {voice.added[:10]}, {consent}"
        )
        table.add_row(Text(voice.name), "library", Text(about + (f"; {found}" if found else "")))
    _print(table)
    out.print(Text(f"The library is {folder}."))


def show_checks(name: str, seconds: float, checks: Sequence[VoiceCheck]) -> None:
    """Print the checks of a recording."""
    if not checks:
        out.print(Text(f"{name}: {seconds:.1f} s, ").append("good recording", style="green"))
        return
    out.print(Text(f"{name}: {seconds:.1f} s"))
    for check in checks:
        line = Text("  ").append(_status(check.severity)).append(f": {check.message}")
        out.print(line.append(f"; {check.remedy}", style="dim"))
