"""Vocabulary check: report private metaphors in prose, with file and line.

Usage: python .ci/vocabulary.py [path ...]. Without a path, all tracked files are checked. A line that
contains `vocabulary: ok` is skipped, and so are word lists and scripts (`DATA`). docs/contributing.md has the
rules.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

# Pattern -> the field's word.
WORDS = {
    r"let(s|ting)? go of": "drop, release, unload",
    r"fore(tell|tells|told|telling)": "predict, estimate",
    r"mend(s|ed|ing)?": "fix",
    r"(is|are|was|were|be|been|being|not|never|isn't|aren't) told": "called with, given, notified",
    r"told (the|what|how|when|where|which|who|whether|of|by)": "called with, given",
    r"(code|page|engine|kernel|project|file|model|widget|it|that|which) tells": "reports, returns",
    r"what (was|is|has been|is being) (made|heard)|(while|as) it is (being )?made": "the audio so far",
    r"shel(f|ves)": "library, registry",
    r"booths?": "service",
    r"duets?": "A/B player",
    r"remarks?": "diagnostic",
    r"slips?": "error, mistake",
    r"(?<!--)quick(er|est|ly)?(?![ -]fix| :|\n +As for)": "fast, faster",
    r"(told|with|gives?|report|as) (the|a) share|the share (that is|of (the|what|it))": "fraction",
    r"(stands|stood)(?! for)|(how|where|why) \w+( \w+)? stand": "is, depends on; state, reason",
    r"nobody|whoever": "name the subject, or use the passive",
    r"who (listens|speaks|waits|looks on|asks|reads|runs it|made it)": "listener, user, caller",
    r"in so many words|, in words|in the words of": "explicitly, as a message",
    r"believed?": "trusted, assumed",
    r"hands": "processes; gives, returns",
    r"breaths?": "pause",
    r"(?<!fake )news": "event, notice",
    r"sent away": "rejected",
    r"(nvidia|cuda|graphics|smaller|older) cards?|(on|of) a card|your cards?|cards? (of \d|that)": "GPU",
    r"(speak|speaks|spoken|spoke|speaking)( \w+){0,3} again": "regenerate",
    r"makes? (a )?sound|first sounds?": "generates audio, first audio",
    r"null row|legal tokens?": "unconditional row, valid tokens",
    r"(?<!half )(a|the|this|one) room(?! (ahead|for|of what))|(?<!live )rooms": "studio",
    r"asks? (nobody|anybody|the host)": "host synchronization",
}
OPENING = re.compile(r"\s*(What|How|Whether|Where|Who|Whose|Whoever|Whatever|Why|When|Of)\b")
PATTERN = re.compile("|".join(rf"(?P<w{n}>\b(?:{word})\b)" for n, word in enumerate(WORDS)), re.IGNORECASE)
FIXES = list(WORDS.values())

# Text for the model, word lists, and the history of the project.
DATA = re.compile(
    r"CHANGELOG|/data/|/examples/|notebooks/scripts/|/training/nano1/(vocabulary|texts)|/script/directions"
    r"|vocabulary\.py"
)
TYPESCRIPT = re.compile(
    r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`", re.DOTALL
)
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
OUTPUTS = re.compile(r'^   "outputs": \[\n.*?^   \]', re.MULTILINE | re.DOTALL)
MARKDOWN_CODE = re.compile(r"^```text\n.*?^```", re.MULTILINE | re.DOTALL)


def prose(path: Path, text: str) -> Iterator[tuple[int, str]]:
    """Yield the first line and the text of every comment, string and paragraph of a file."""
    if path.suffix == ".py":
        strings = {"STRING", "FSTRING_MIDDLE"} if "tests" not in path.parts else set()
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if tokenize.tok_name[token.type] in {"COMMENT", *strings}:
                yield token.start[0], token.string
    elif path.suffix == ".ts":
        for match in TYPESCRIPT.finditer(text):
            if " " in match[0]:
                yield text.count("\n", 0, match.start()) + 1, match[0]
    else:  # Markdown; a notebook's JSON has one line of text on each line
        left_out = OUTPUTS if path.suffix == ".ipynb" else MARKDOWN_CODE
        yield 1, left_out.sub(lambda match: "\n" * match[0].count("\n"), text)


def docstrings(path: Path, text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of every docstring of a Python or TypeScript file."""
    if path.suffix == ".ts":
        for line, token in prose(path, text):
            if token.startswith("/**"):
                yield line, token[3:].lstrip("* \n")
    elif path.suffix == ".py":
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, DOCUMENTED) and (docstring := ast.get_docstring(node)):
                yield node.body[0].lineno, docstring


def check(path: Path) -> Iterator[str]:
    """Yield a line for each word of the list in a file."""
    source = path.read_text("utf-8")
    lines = source.splitlines()
    for first, text in prose(path, source):
        for match in PATTERN.finditer(text):
            line = first + text.count("\n", 0, match.start())
            if "vocabulary: ok" not in lines[line - 1]:
                yield f"{path}:{line}: {match[0]!r}: {FIXES[int(str(match.lastgroup)[1:])]}"
    for line, text in docstrings(path, source):
        if opening := OPENING.match(text):
            yield f"{path}:{line}: docstring begins with {opening[1]!r}: begin with the noun or an imperative"


def main(arguments: list[str]) -> int:
    """Check the tracked files below the given paths; return the exit status."""
    listed = subprocess.run(["git", "ls-files", "-z", *arguments], capture_output=True, text=True, check=True)
    files = [Path(name) for name in listed.stdout.split("\0") if name and not DATA.search(name)]
    kinds = {".py", ".ts", ".md", ".ipynb"}
    found = [line for path in files if path.suffix in kinds and path.is_file() for line in check(path)]
    print("\n".join(found) or "No words of the list.")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
