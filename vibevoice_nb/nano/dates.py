"""Dates, years, decades and times of day in American English words."""

from __future__ import annotations

import re

from vibevoice_nb.nano.numbers import Rule, cardinal, ordinal

MONTHS = "january february march april may june july august september october november december".split()
_SHORT = {name[:3]: name for name in MONTHS if len(name) > 3} | {"sept": "september"}
# Months need a capital: "it may 5 times" and "march 3 miles" have none.
_NAMES = f"{'|'.join(MONTHS)}|(?:{'|'.join(sorted(_SHORT, key=len, reverse=True))})"
_MONTH = rf"(?-i:(?=[A-Z]))(?P<month>{_NAMES}\b\.?)"
_DAY = r"(?P<day>0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?"
_TENS = "hundreds tens twenties thirties forties fifties sixties seventies eighties nineties".split()


def year(text: str) -> str:
    """Convert four digits to the words of a year.

    >>> year("1984"), year("1905"), year("2005"), year("1900")
    ('nineteen eighty four', 'nineteen oh five', 'two thousand and five', 'nineteen hundred')
    """
    high, low = int(text[:2]), int(text[2:])
    if high % 10 == 0 and low < 10:
        return cardinal(text)
    if low == 0:
        return f"{cardinal(str(high))} hundred"
    return f"{cardinal(str(high))} {'oh ' if low < 10 else ''}{cardinal(str(low))}"


def _month(text: str) -> str:
    name = text.lower().rstrip(".")
    return _SHORT.get(name, name)


def full_stop(match: re.Match[str]) -> str:
    """Return a full stop if the match ends in one that also ends the sentence."""
    rest = match.string[match.end() : match.end() + 2].lstrip()
    return "." if match[0].endswith(".") and (not rest or rest[0].isupper()) else ""


def _iso(match: re.Match[str]) -> str:
    when, month, day = match[0].split(match[1])
    return f" {MONTHS[int(month) - 1]} {ordinal(day)} {year(when)} "


def _slashes(match: re.Match[str]) -> str:
    """Convert 5/6/2024; the month comes first unless only the second number can be a month."""
    first, second = int(match["first"]), int(match["second"])
    month, day = (first, second) if first <= 12 else (second, first)
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return match[0].replace("/", " slash ")
    when = match["year"]
    return f" {MONTHS[month - 1]} {ordinal(str(day))} {year(when) if len(when) == 4 else short_year(when)} "


def short_year(text: str) -> str:
    """Convert the last two digits of a year to words."""
    if text == "00":
        return "two thousand"
    return f"oh {cardinal(text[1])}" if text[0] == "0" else cardinal(text)


def _day_first(match: re.Match[str]) -> str:
    """Convert 5 May 2024."""
    return f" the {ordinal(match['day'])} of {_month(match['month'])} "


def _century(match: re.Match[str]) -> str:
    high, tens = match["high"], int(match["tens"])
    if tens == 0:
        return f" {cardinal(high + '00')}s " if int(high) % 10 == 0 else f" {cardinal(high)} hundreds "
    return f" {cardinal(high)} {_TENS[tens]} "


def _time(match: re.Match[str]) -> str:
    hour, minute = int(match["hour"]), int(match["minute"] or 0)
    half, seconds = match["half"], match["seconds"]
    if not (hour or minute or half or seconds) and len(match["hour"]) == 2:
        return " midnight "
    said = cardinal(str(hour))
    if minute or seconds:
        said += f" {'oh ' if minute < 10 else ''}{cardinal(str(minute))}"
    elif not half and 0 < hour <= 12:
        said += " o'clock"
    elif not half:
        said += " hundred"
    if seconds:
        said += f" {'oh ' if int(seconds) < 10 else ''}{cardinal(str(int(seconds)))}"
    if half:
        said += f" {'ay' if half[0] in 'aA' else 'p'} m{full_stop(match)}"
    return f" {said} "


_HALF = r"(?:\s?(?P<half>[ap]\.?\s?m\b)\.?)"
DATES: list[Rule] = [
    (re.compile(r"\b(?:1\d|20)\d\d([-/])(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])\b"), _iso),
    (
        re.compile(r"(?<![\w.])(0?[1-9]|[12]\d|3[01])\.(0?[1-9]|1[0-2])\.((?:19|20)\d\d)(?![\w]|\.\d)"),
        lambda match: f" the {ordinal(match[1])} of {MONTHS[int(match[2]) - 1]} {year(match[3])} ",
    ),
    (
        re.compile(r"(?<![\w/.,])(?P<first>\d{1,2})/(?P<second>\d{1,2})/(?P<year>\d{4}|\d{2})(?![\w/])"),
        _slashes,
    ),
    (
        re.compile(
            rf"(?<![\w.,:/$€£-])(?:the )?{_DAY}(?: of)? {_MONTH}(?![a-z])(?=[,. ]*(?:1\d|20)\d\d|[^\w]|$)",
            re.I,
        ),
        _day_first,
    ),
    (
        re.compile(rf"\b{_MONTH} {_DAY}\s?-\s?(?P<last>[12]?\d|3[01])(?![\w:/%-])", re.I),
        lambda match: f"{_month(match['month'])} {ordinal(match['day'])} to {ordinal(match['last'])} ",
    ),
    (
        re.compile(rf"\b{_MONTH} {_DAY}(?![\w:/%]|\s?[:/%])", re.I),
        lambda match: f"{_month(match['month'])} {ordinal(match['day'])} ",
    ),
    (re.compile(rf"\b{_MONTH}(?= (?:1\d|20)\d\d\b)", re.I), lambda match: _month(match["month"])),
]
TIMES: list[Rule] = [
    (re.compile(r"(?<=\d)\s?-\s?(?=[0-2]?\d:[0-5]\d)|(?<=\d[ap]m)\s?-\s?(?=\d)", re.I), " to "),
    (
        re.compile(
            r"(?<![\d:.,])(?P<hour>[01]?\d|2[0-4]):(?P<minute>[0-5]\d)(?::(?P<seconds>[0-5]\d))?(?![\d:])"
            rf"{_HALF}?",
            re.I,
        ),
        _time,
    ),
    (re.compile(rf"(?<![\w.,:])(?P<hour>\d{{1,2}})(?P<minute>)(?P<seconds>){_HALF}", re.I), _time),
]
DECADES: list[Rule] = [
    (re.compile(r"(?<![\d.,$])(?P<high>1\d|20)(?P<tens>\d)0'?s\b"), _century),
    (re.compile(r"(?<![\d.,])'?(?P<tens>[1-9])0'?s\b"), lambda match: f" {_TENS[int(match['tens'])]} "),
    (re.compile(r"(?<!\w)'(\d\d)\b(?!')"), lambda match: f" {short_year(match[1])} "),
]
YEARS: list[Rule] = [
    (
        re.compile(r"(?<![\w.,$])(1[1-9]|20)(\d\d)(?![\d,]*\d|\.\d|[A-Za-z])"),
        lambda match: f" {year(match[1] + match[2])} ",
    ),
]
