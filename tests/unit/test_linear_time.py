"""No pattern that sees text from outside takes more than linear time, however the text is made.

For every pattern of the package, in its modules and in its calls of `re`, texts are made that enter each of
its repeats and fail behind it. Twice the length may take twice the time, not four times.
"""

from __future__ import annotations

import ast
import importlib
import itertools
import pkgutil
import re
import string
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cpu_time import least_seconds

import vibevoice_nb
from vibevoice_nb.script import parse_script

if sys.version_info >= (3, 11):
    from re import _parser as sre  # type: ignore[attr-defined]
else:
    import sre_parse as sre

# Read only files of the package or of its maker.
NOT_FROM_OUTSIDE = ("vibevoice_nb.training", "vibevoice_nb.bench", "vibevoice_nb.labextension")
SMALL = 250
GROWTH = 16
TAILS = ("\x01", "", "!x")


def modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(vibevoice_nb.__path__, "vibevoice_nb."):
        if found.name.startswith(NOT_FROM_OUTSIDE) or found.name.endswith("__main__"):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                yield importlib.import_module(found.name)
            except ImportError:  # its dependency is optional
                continue


def patterns_in(value: Any, depth: int = 0) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern):
        if isinstance(value.pattern, str):
            yield value
    elif depth < 3 and isinstance(value, dict):
        for item in itertools.chain(value.keys(), value.values()):
            yield from patterns_in(item, depth + 1)
    elif depth < 3 and isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from patterns_in(item, depth + 1)


def patterns_of_calls(module: ModuleType) -> Iterator[tuple[re.Pattern[str], str]]:
    """Patterns written inside a call, such as `re.sub(r"\\s+", ...)`, with the name of the method."""
    if not module.__file__:
        return
    for node in ast.walk(ast.parse(Path(module.__file__).read_text("utf-8"))):
        call = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args
        if not call or not isinstance(node.func.value, ast.Name) or node.func.value.id != "re":
            continue
        first = node.args[0]
        if (
            isinstance(first, ast.Constant)
            and isinstance(first.value, str)
            and node.func.attr not in ("escape", "compile")
        ):
            yield re.compile(first.value), node.func.attr


def every_pattern() -> dict[tuple[str, str], tuple[re.Pattern[str], bool]]:
    """Each pattern by where it is and what it is, and whether it is searched for, not only matched."""
    found: dict[tuple[str, str], tuple[re.Pattern[str], bool]] = {}
    sources = ""
    named = []
    for module in modules():
        sources += Path(module.__file__).read_text("utf-8") if module.__file__ else ""
        for name, value in vars(module).items():
            named += [(module.__name__, name, pattern) for pattern in patterns_in(value)]
        for pattern, method in patterns_of_calls(module):
            found[module.__name__, pattern.pattern] = pattern, method not in ("match", "fullmatch")
    for module_name, name, pattern in named:
        used = set(re.findall(rf"\b{name}\.(\w+)\(", sources))
        anchored = bool(used) and used <= {"match", "fullmatch"}
        found.setdefault((f"{module_name}.{name}", pattern.pattern), (pattern, not anchored))
    unique = {(pattern.pattern, pattern.flags): key for key, (pattern, _) in reversed(found.items())}
    return {key: found[key] for key in unique.values()}


def sample(items: Any) -> str:
    """One text that a parsed pattern matches, as a rule."""
    return "".join(_one(op, arg) for op, arg in items)


def _one(op: Any, arg: Any) -> str:
    name = str(op)
    if name == "LITERAL":
        return chr(arg)
    if name == "NOT_LITERAL":
        return "b" if arg == ord("a") else "a"
    if name == "ANY":
        return "a"
    if name == "IN":
        return _one_of(arg)
    if name == "BRANCH":
        return sample(arg[1][0])
    if name == "SUBPATTERN":
        return sample(arg[-1])
    if name == "ATOMIC_GROUP":
        return sample(arg)
    if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        return sample(arg[2]) * max(1, arg[0])
    return ""  # anchors, assertions, references


def _one_of(members: Any) -> str:
    negated = str(members[0][0]) == "NEGATE"
    test = re.compile("|".join(_member(op, arg) for op, arg in members if str(op) != "NEGATE"))
    candidates = [chr(arg) for op, arg in members if str(op) == "LITERAL"] + [
        *(chr(arg[0]) for op, arg in members if str(op) == "RANGE"),
        *" a1A-.:",
        *string.punctuation,
    ]
    return next((char for char in candidates if bool(test.fullmatch(char)) != negated), "a")


def _member(op: Any, arg: Any) -> str:
    name = str(op)
    if name == "LITERAL":
        return re.escape(chr(arg))
    if name == "RANGE":
        return f"[{re.escape(chr(arg[0]))}-{re.escape(chr(arg[1]))}]"
    return {
        "CATEGORY_DIGIT": r"\d",
        "CATEGORY_SPACE": r"\s",
        "CATEGORY_WORD": r"\w",
        "CATEGORY_NOT_DIGIT": r"\D",
        "CATEGORY_NOT_SPACE": r"\S",
        "CATEGORY_NOT_WORD": r"\W",
    }[str(arg)]


def repeats(items: Any, before: str = "") -> Iterator[tuple[str, str]]:
    """Yield, for each repeat that can be long, a text that leads to it and one that it repeats."""
    for op, arg in items:
        name = str(op)
        if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            if arg[1] == sre.MAXREPEAT or arg[1] > 50:
                yield before, sample(arg[2]) or "a"
            yield from repeats(arg[2], before)
        elif name == "BRANCH":
            for branch in arg[1]:
                yield from repeats(branch, before)
        elif name == "SUBPATTERN":
            yield from repeats(arg[-1], before)
        before += _one(op, arg)


def texts(pattern: re.Pattern[str]) -> set[tuple[str, str, str]]:
    """Prefix, what is repeated, and tail, of texts that a pattern may find hard."""
    parsed = sre.parse(pattern.pattern, pattern.flags & ~re.UNICODE)
    found = {(lead, unit, tail) for lead, unit in repeats(parsed) for tail in TAILS}
    whole = sample(parsed)
    units = {whole, whole[: max(1, len(whole) // 2)], whole[:1] or "a", " ", "1", "a"} - {""}
    return found | {("", unit, "\x01") for unit in units} | {(whole[:1], unit, "\x01") for unit in units}


def grows_linearly(action: Callable[[str], object], make: Callable[[int], str], size: int = SMALL) -> bool:
    """Return true if a text 16 times as long takes less than 64 times as long (256 times: quadratic)."""
    for _ in range(3):
        large = least_seconds(partial(action, make(size * GROWTH)), rounds=1)
        if large < 0.02:  # too short to measure: 4,000 characters of a quadratic pattern take longer
            return True
        small = least_seconds(partial(action, make(size)))
        if large < small * GROWTH * 4:
            return True
    return False


def actions(pattern: re.Pattern[str], searched: bool) -> list[Callable[[str], object]]:
    def find_all(text: str) -> None:
        for _ in pattern.finditer(text):
            pass

    return [pattern.match, pattern.fullmatch, *([find_all] if searched else [])]


def test_every_pattern_takes_linear_time() -> None:
    patterns = every_pattern()
    assert len(patterns) > 40  # they are found
    slow = []
    for (name, written), (pattern, searched) in patterns.items():
        for lead, unit, tail in texts(pattern):

            def make(length: int, lead: str = lead, unit: str = unit, tail: str = tail) -> str:
                return lead + unit * (length // len(unit) + 1) + tail

            if not all(grows_linearly(action, make) for action in actions(pattern, searched)):
                slow.append(f"{name} {written[:60]!r}: {lead!r} + {unit!r} * n + {tail!r}")
                break
    assert not slow, "\n".join(slow)


UNITS = [
    *("[", "]", "(", ")", "<", ">", "*", "_", "`", "~", "#", "&", ":", "-", "|", "{", " ", "\t", "9", "."),
    *(
        "a ",
        "A ",
        "Aa: ",
        "[pause",
        "[pause:1 ",
        "[pause]",
        "[1]:",
        "speaker 1",
        "Speaker 1: a. ",
        "(a",
        "[a](",
    ),
    *("[a](b) ", "<b>", "</b>", "<b ", "<v A>", "<|", "<|a|>", "<!--", "&amp;", "*a* ", "**a**:", "(sighs) "),
    *("\n", "\r", "\u2028", "A\n", "ANNA\nHi.\n", "A - b\n", "- a\n", "> ", "1. ", "00:01 ", "[00:01] A\n"),
    *("1\n00:00:01,000 --> 00:00:02,000\na\n", "A & B: c\n", "```\n", "---\n", "# a\n", "#a\n", "\u200b"),
    *(
        "\U0001f600",
        "a \U0001f600 ",
        "[S1] a ",
        "<A1> b </A1>",
        "Anna: a\n",
        "a. Anna: ",
        "A 0:01\n",
        "{",
        '{"',
    ),
    *(
        '[{"speaker":1,"text":"a"},',
        '{"speaker":1,"text":"a"}\n',
        "\u202e",
        "INT. A\n",
        "(Anna) ",
        "a" * 50 + ":",
    ),
]
LEADS = ["", "[", "Speaker", "Anna: ", "Anna: a\n"]


@pytest.mark.parametrize("lead", LEADS)
def test_a_script_of_twice_the_length_takes_twice_the_time(lead: str) -> None:
    slow = []
    for unit in UNITS:

        def make(length: int, unit: str = unit) -> str:
            return lead + unit * (length // len(unit) + 1) + "x]: hello"

        if not grows_linearly(parse_script, make):
            slow.append(f"{lead!r} + {unit!r} * n")
    assert not slow, "\n".join(slow)


@pytest.mark.parametrize(
    "text",
    [
        "[" + " " * 1600 + "x]: hello",
        "Speaker" + " " * 16_000 + "x: hello",
        "[1]: a [pause" + " " * 16_000,
        "[pause:1" + " " * 16_000 + "x",
    ],
)
def test_the_known_slow_scripts_are_fast(text: str) -> None:
    assert least_seconds(partial(parse_script, text)) < 0.1
