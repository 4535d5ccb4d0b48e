"""Collector of the turns and diagnostics of a script in any format."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from vibevoice_nb.script.lines import Line, clean_line, name_key, quoted, speaker_number
from vibevoice_nb.script.markup import ignore, plain_line
from vibevoice_nb.script.pauses import MAX_PAUSE_MS, Pause, find_pauses
from vibevoice_nb.script.turns import Diagnostic, Script, Severity, Turn, label_of

MAX_SPEAKERS = 32
"""Most speakers of a script; the model knows four at a time, see `passages`."""
MAX_TURN_CHARS = 20_000
MAX_MINUTES = 90

SPEAKER_LINE = "a line such as 'Speaker 1: Hello.'"
_PAUSE = f"[pause] or [pause:500], in all at most {MAX_PAUSE_MS} ms between two turns"


@dataclass(frozen=True)
class Place:
    """Range of a line, for a diagnostic."""

    line: Line
    start: int
    end: int


TOP = Place(Line(1, "", (1,)), 0, 0)


@dataclass
class _Draft:
    """Unfinished turn; `place` is its label, or its first words after a pause."""

    speaker: int | str
    place: Place
    text_column: int
    last: Place
    texts: list[str] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    pause_ms: int = 0


class ScriptReader:
    """Collects turns and diagnostics in the order of the source.

    Parameters
    ----------
    cast : tuple of str
        The speakers' names, empty if they are found in the script.
    """

    def __init__(self, cast: tuple[str, ...]) -> None:
        self.given = bool(cast)
        self.use_cast(cast)
        self.diagnostics: list[Diagnostic] = []
        self.drafts: list[_Draft] = []
        self.spoken: list[_Draft] = []  # drafts with words
        self.joins = False  # true if text is added to the last draft, false after a pause
        self.knows_speaker = False

    def use_cast(self, cast: tuple[str, ...], aliases: Iterable[tuple[str, str]] = ()) -> None:
        """Set the names that are speakers; an alias is another spelling of one."""
        self.cast = cast
        self.names = {name_key(name): name for name in cast if speaker_number(name) is None}
        for alias, name in aliases:
            self.names.setdefault(name_key(alias), name)

    def report(
        self,
        severity: Severity,
        place: Place,
        message: str,
        expected: str,
        remedy: str,
        fix: str | None = None,
        alternatives: tuple[str, ...] = (),
    ) -> None:
        """Record a diagnostic for a place."""
        columns = place.line.span(place.start, place.end)
        if place.line.entry:  # the span of a JSON entry must not be replaced
            fix, alternatives = None, ()
        self.diagnostics.append(
            Diagnostic(severity, message, place.line.number, *columns, expected, remedy, fix, alternatives)
        )

    def note(
        self,
        severity: Severity,
        line: Line,
        start: int,
        end: int,
        message: str,
        *,
        expected: str = "",
        remedy: str = "",
        fix: str | None = None,
        alternatives: tuple[str, ...] = (),
    ) -> None:
        """Record a diagnostic for `line.text[start:end]`."""
        self.report(severity, Place(line, start, end), message, expected, remedy, fix, alternatives)

    def line(self, number: int, raw: str, entry: tuple[int, int] | None = None, offset: int = 0) -> Line:
        """Remove unprintable characters from a line, and report them."""
        line, removed = clean_line(number, raw, entry, offset)
        if removed:
            codes = sorted({f"U+{ord(raw[i]):04X}" for i in removed})
            columns = entry or (offset + removed[0] + 1, offset + removed[0] + 2)
            plural = "s" if len(removed) > 1 else ""
            message = f"removed {len(removed)} unprintable character{plural}: {', '.join(codes[:4])}"
            self.diagnostics.append(
                Diagnostic("warning", message, number, *columns, "printable text", "delete them")
            )
        return line

    def begin(self, speaker: int | str, place: Place, text_start: int, *, known: bool = True) -> None:
        """Begin a turn."""
        column, _ = place.line.span(text_start, text_start)
        self.drafts.append(_Draft(speaker, place, column, place))
        self.joins, self.knows_speaker = True, known

    def say(self, line: Line, start: int, end: int | None = None, *, begins: bool = False) -> None:
        """Add the speech in `[start, end)` of a line to the current speaker's turns, cut at its pauses.

        `begins` is true if the line has no label, so it may begin with a bullet.
        """
        line = plain_line(line.part(start, len(line.text) if end is None else end), self.note, begins=begins)
        at = 0
        for pause in find_pauses(line.text, 0):
            if pause.ms is None:  # stays in the text, so nothing is lost
                place = Place(line, pause.start, pause.end)
                message = f"{quoted(line.text[pause.start : pause.end])} is not a valid pause"
                self.report("error", place, message, _PAUSE, f"write '{pause.plain}'", pause.plain)
                continue
            self._say(line, at, pause.start)
            self._pause(line, pause, pause.ms)
            at = pause.end
        self._say(line, at, len(line.text))

    def _say(self, line: Line, start: int, end: int) -> None:
        text = line.text[start:end]
        if not text.strip():
            return
        start += len(text) - len(text.lstrip())
        place = Place(line, start, start + len(text.strip()))
        if not self.joins:
            self.begin(self.drafts[-1].speaker, place, start, known=self.knows_speaker)
        draft = self.drafts[-1]
        if not draft.texts:
            self.spoken.append(draft)
            if line.number == draft.place.line.number:
                draft.text_column = line.span(start, start)[0]
        draft.texts.append(text.strip())
        draft.places.append(place)
        draft.last = place

    def _pause(self, line: Line, pause: Pause, ms: int) -> None:
        place = Place(line, pause.start, pause.end)
        if not self.spoken:
            message = "a pause before the first words is ignored"
            self.report("warning", place, message, "a pause after some words", "delete it", "")
            return
        draft = self.spoken[-1]
        self.joins = self.joins and self.drafts[-1] is not draft
        if draft.pause_ms + ms <= MAX_PAUSE_MS:
            draft.pause_ms += ms
            return
        message = f"the pauses here add up to {draft.pause_ms + ms} ms"
        self.report("error", place, message, _PAUSE, "shorten them")

    def script(self) -> Script:
        """Return the parsed script."""
        for draft in [draft for draft in self.spoken if len(draft.texts) > 1]:
            self._join(draft)
        for draft in self.drafts:
            if not draft.texts:
                message = f"{label_of(draft.speaker)} has no text here; the turn is skipped"
                self.report(
                    "warning", draft.place, message, "text after the colon", "write it, or delete the line"
                )
        indices = self._indices()
        turns = tuple(self._turn(draft, indices[draft.speaker]) for draft in self.spoken)
        if not turns and not any(item.severity == "error" for item in self.diagnostics):
            self.report("error", TOP, "the script has no text to speak", SPEAKER_LINE, "add one")
        script = Script(turns, (), self.cast)
        if script.estimated_seconds > MAX_MINUTES * 60:
            message = f"the script takes about {script.estimated_seconds / 60:.0f} minutes to speak"
            expected = f"at most {MAX_MINUTES} minutes, the longest that a VibeVoice model generates"
            self.report("warning", TOP, message, expected, "split it into episodes")
        ordered = sorted(self.diagnostics, key=lambda item: (item.line, item.column))
        return Script(turns, tuple(ordered), self.cast)

    def _join(self, draft: _Draft) -> None:
        """Join the lines of a turn; markup may begin on one and end on another."""
        joined = " ".join(draft.texts)
        plain = plain_line(Line(1, joined, range(len(joined) + 1)), ignore)
        text = plain.text.strip()
        if text != joined:
            self._report_joined_markup(draft, set(plain.columns[:-1]))
        if text != joined and plain_line(plain, ignore).text != plain.text:
            message = "nested markup; part of it remains in the text"
            self.report("error", draft.place, message, "plain text", "delete the markup")
        if text != joined and any(True for _ in find_pauses(text, 0)):
            message, remedy = "a pause spans a line break", "write it on one line"
            self.report("error", draft.place, message, _PAUSE, remedy)
        draft.texts = [text] if text else []
        if not text:
            self.spoken.remove(draft)

    def _report_joined_markup(self, draft: _Draft, kept: set[int]) -> None:
        """Report each line of a turn that loses characters once the lines are joined."""
        start = 0
        for text, place in zip(draft.texts, draft.places, strict=True):
            end = start + len(text)
            if not kept.issuperset(range(start, end)):
                message = "markup that spans a line break is not read aloud"
                self.report("warning", place, message, "markup on one line", "delete it")
            start = end + 1

    def _turn(self, draft: _Draft, index: int) -> Turn:
        text, first, last = " ".join(draft.texts), draft.place.line, draft.last
        if len(text) > MAX_TURN_CHARS:
            message = f"the turn has {len(text):,} characters"
            remedy = "begin a new 'Speaker N:' line at each paragraph"
            self.report("error", draft.place, message, f"at most {MAX_TURN_CHARS:,}", remedy)
        column, _ = first.span(draft.place.start, draft.place.end)
        _, end_column = last.line.span(last.start, last.end)
        return Turn(
            draft.speaker,
            text,
            index,
            draft.pause_ms,
            first.number,
            column,
            draft.text_column,
            last.line.number,
            end_column,
        )

    def _indices(self) -> dict[int | str, int]:
        """Return the index of every label; those beyond the limit get 32 and above."""
        firsts: dict[int | str, Place] = {}
        for draft in self.spoken:
            firsts.setdefault(draft.speaker, draft.place)
        numbers = [speaker for speaker in firsts if isinstance(speaker, int)]
        base = 1 if numbers and min(numbers) > 0 else 0
        indices: dict[int | str, int] = {number: number - base for number in numbers}
        indices |= {name: index for index, name in enumerate(self.cast) if name in firsts}
        unknown = [speaker for speaker in firsts if speaker not in indices]  # reported where they were read
        free = max([MAX_SPEAKERS - 1, *indices.values()]) + 1
        taken: dict[int, int | str] = {}
        for speaker, index in indices.items():
            place, label = firsts[speaker], label_of(speaker)
            if index in taken:
                message = f"{label} and {label_of(taken[index])} both have the speaker index {index}"
                self.report(
                    "error", place, message, "one label for each speaker", "use only names, or only numbers"
                )
            elif index >= MAX_SPEAKERS:
                message = f"{label} is speaker number {index + 1}, but a script has at most {MAX_SPEAKERS}"
                allowed = f"one of {label_of(base)} to {label_of(base + MAX_SPEAKERS - 1)}"
                remedy = f"assign the line to {'another speaker' if isinstance(speaker, str) else allowed}"
                self.report("error", place, message, f"at most {MAX_SPEAKERS} speakers", remedy)
            taken.setdefault(index, speaker)
        return indices | {speaker: index for index, speaker in enumerate(unknown, free)}
