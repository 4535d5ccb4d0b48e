"""Numbers, money, measures, fractions and telephone numbers in English words.

Patterns begin where a number begins and never inside one, so a long run of digits is scanned once.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from num2words import num2words

from vibevoice_nb.nano.english_tables import CURRENCIES, PER, PLURALS, SCALES, UNITS

Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]

_MAX_DIGITS = 15
START = r"(?<!\d)(?<!\d[.,])"
"""Pattern that matches only where a number begins."""
AMOUNT = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?"
_DIGITS = "zero one two three four five six seven eight nine".split()
_SAID_PAIRS = {"24/7", "9/11", "50/50", "20/20"}


def cardinal(number: str) -> str:
    """Convert digits to words; digit by digit if the number is too long or begins with zero.

    >>> cardinal("1234"), cardinal("007")
    ('one thousand two hundred and thirty four', 'zero zero seven')
    """
    if len(number) > _MAX_DIGITS or (len(number) > 1 and number[0] == "0"):
        return digits(number)
    return str(num2words(int(number))).replace(",", "").replace("-", " ")


def digits(number: str) -> str:
    """Convert digits to words one by one."""
    return " ".join(_DIGITS[int(digit)] for digit in number)


def decimal(text: str) -> str:
    """Convert digits with commas between thousands and at most one point to words."""
    whole, _, fraction = text.replace(",", "").partition(".")
    return cardinal(whole or "0") + (f" point {digits(fraction)}" if fraction else "")


def ordinal(number: str) -> str:
    """Convert digits to an ordinal: "third"."""
    number = number.replace(",", "")
    if len(number) > _MAX_DIGITS:
        return cardinal(number)
    return str(num2words(int(number), to="ordinal")).replace(",", "").replace("-", " ")


def _plural(noun: str) -> str:
    head, per, rest = noun.partition(" per ")
    if head.startswith("degree "):
        return head.replace("degree", "degrees", 1)
    first, _, last = head.rpartition(" ")
    if last == "ago":
        return head.replace(" year", " years")
    return f"{first} {PLURALS.get(last, last + 's')}".lstrip() + per + rest


def _money(match: re.Match[str]) -> str:
    sign = match["sign"]
    unit, small = CURRENCIES[sign]
    plural = unit if unit == "yen" else unit + "s"
    first, amount, scale = match["first"], match["amount"], SCALES.get((match["scale"] or "").lower())
    head = ("minus " if match["minus"] else "") + (f"{decimal(first)} to " if first else "")
    if scale:
        return f" {head}{decimal(amount)} {scale} {plural} "
    whole, _, cents = amount.replace(",", "").partition(".")
    if first or len(cents) != 2:
        return f" {head}{decimal(amount)} {unit if amount == '1' and not first else plural} "
    said = (
        [f"{cardinal(whole)} {unit if whole == '1' else plural}"] if int(whole or 0) or not int(cents) else []
    )
    if int(cents):
        smalls = {"penny": "pence", "sen": "sen", "paisa": "paise"}.get(small, small + "s")
        said.append(f"{cardinal(str(int(cents)))} {small if int(cents) == 1 else smalls}")
    return f" {head}{' and '.join(said)} "


_SCALE = r"(?:\s?(?P<scale>k|m|bn?|t|thousand|million|billion|trillion)\b)?"
MONEY: list[Rule] = [
    # A comma before one or two digits is a decimal comma, as in German; a list has a space after its commas.
    (re.compile(rf"{START}(\d{{1,3}}),(\d{{1,2}})(?!\d|,\d)"), r"\1.\2"),
    (re.compile(r"\bUS\$|(?<!\w)\$US(?=\s?\d)"), "$"),
    (
        re.compile(
            rf"(?P<minus>(?<![\w.)])-)?(?P<sign>[$€£¥₹])\s?(?:(?P<first>{AMOUNT})\s?-\s?(?P=sign)?)?(?P<amount>{AMOUNT}){_SCALE}",
            re.I,
        ),
        _money,
    ),
    (
        re.compile(
            rf"(?P<minus>(?<![\w.)])-)?{START}(?:(?P<first>{AMOUNT})\s?-\s?)?(?P<amount>{AMOUNT}){_SCALE}"
            r"\s?(?P<sign>[€£¥₹])(?!\s?\d)",
            re.I,
        ),
        _money,
    ),
]


def _unit(match: re.Match[str]) -> str:
    """Convert a measure: "5 m/s", "20°C", "3 kg", "5 m^2"."""
    amount = match["amount"]
    noun = UNITS.get(match["unit"]) or UNITS[match["unit"].lower()]
    said = noun if amount == "1" else _plural(noun)
    if match["power"]:
        said = f"{'square' if match['power'] == '2' else 'cubic'} {said}"
    if match["per"]:
        said += f" per {UNITS.get(match['per']) or UNITS[match['per'].lower()]}"
        said += {"2": " squared", "3": " cubed"}.get(match["per_power"] or "", "")
    return f" {decimal(amount)} {said} "


def _bare_rate(match: re.Match[str]) -> str:
    """Convert a rate without a number: "in km/h"."""
    return f" {_plural(UNITS[match['unit']])} per {UNITS[match['per']]} "


def _alternatives(units: list[str]) -> str:
    return "|".join(sorted(map(re.escape, units), key=len, reverse=True))


_LONG = _alternatives([unit for unit in UNITS if len(unit) > 1 and unit.isalpha() and unit != "in"])
_SHORT = _alternatives([unit for unit in UNITS if len(unit) == 1 and unit.isalpha()])
_ANY_UNIT = rf"(?:(?i:{_LONG})|{_SHORT}|(?i:°[cf])|°)"
MEASURES: list[Rule] = [
    (
        re.compile(
            rf"{START}(?P<amount>{AMOUNT})(?:\s?-?(?P<unit>{_ANY_UNIT}))(?:\^(?P<power>[23]))?"
            rf"(?:/(?P<per>{_ANY_UNIT})(?:\^(?P<per_power>[23]))?)?(?![\w/^])(?:\.(?= [a-z]))?"
        ),
        _unit,
    ),
    (
        re.compile(
            rf"{START}(?P<amount>{AMOUNT})(?P<unit>in|\sin(?=\.))(?P<power>)(?P<per>)(?P<per_power>)(?![\w/])"
        ),
        lambda match: f" {decimal(match['amount'])} {'inch' if match['amount'] == '1' else 'inches'} ",
    ),
    (
        re.compile(r"\b(?P<unit>km|m|mi|ft|cm|mm|kg|g|mg|l|mb|gb)/(?P<per>s|h|hr|sec|min|l|ml|kg)\b"),
        _bare_rate,
    ),
    (
        re.compile(rf"(?<=[a-z%]) ?/\s?({'|'.join(PER)})\b"),
        lambda match: f" per {UNITS.get(match[1], match[1])} ",
    ),
]


def _fraction(top: int, bottom: int) -> str:
    if bottom in (2, 4) and top < bottom:
        name = {2: "half", 4: "quarter"}[bottom]
        name = "halves" if bottom == 2 and top > 1 else name
    elif 2 < bottom <= 20 and top < bottom:
        name = ordinal(str(bottom))
    elif top == bottom:
        return f"{cardinal(str(top))} out of {cardinal(str(bottom))}"
    else:
        return f"{cardinal(str(top))} over {cardinal(str(bottom))}"
    return f"{cardinal(str(top))} {name}{'s' if top > 1 and not name.endswith('s') else ''}"


def _part(match: re.Match[str]) -> str:
    """Convert a fraction, or a pair that is read as two numbers."""
    top, bottom = match["top"], match["bottom"]
    if f"{top}/{bottom}" in _SAID_PAIRS:
        return f" {cardinal(top)} {cardinal(bottom)} "
    whole = f"{cardinal(match['whole'])} and " if match["whole"] else ""
    noun = UNITS.get(match["unit"] or "", "")
    if noun and match["whole"]:
        noun = _plural(noun)
    return f" {whole}{_fraction(int(top), int(bottom))} {noun} "


FRACTIONS: list[Rule] = [
    (
        re.compile(
            r"(?<![\w.,/^])(?:(?P<whole>\d{1,3})\s(?=\d{1,3}/(?:2|3|4|5|6|8|16)(?![\w/])))?"
            r"(?P<top>\d{1,3})/(?P<bottom>\d{1,3})(?:(?:rd|th)s?)?(?![\w/])"
            r"(?:\s(?P<unit>in|ft|mi|lb|lbs|oz|km|m|cm|kg)\b(?:\.(?= ?[a-z]))?)?"
        ),
        _part,
    ),
]


def _telephone(match: re.Match[str]) -> str:
    """Convert groups digit by digit, with a short pause between them; a toll-free 800 is a number."""
    plus = "plus " if match[0].startswith("+") else ""
    groups = re.findall(r"\d+", match[0])
    said = (
        "eight hundred" if group == "800" and at < 2 else digits(group) for at, group in enumerate(groups)
    )
    joined = ", ".join(said)
    if len(groups) > 1 and len(groups[0]) == 1:  # "one eight hundred" is one group
        joined = joined.replace(", ", " ", 1)
    return f" {plus}{joined} "


_PHONE_START = r"(?<![\w.,/$€£-])"
TELEPHONES: list[Rule] = [
    (re.compile(rf"{_PHONE_START}\+\d{{1,3}}(?:[ -]+\d{{2,4}}){{2,4}}(?![\d-])"), _telephone),
    (re.compile(rf"{_PHONE_START}(?:1[-. ] ?)?\d{{3}}[-. ]{{1,2}}\d{{3}}[-.]\d{{4}}(?![\d-])"), _telephone),
    (re.compile(rf"{_PHONE_START}(?:1 )?\d{{3}} \d{{3}} \d{{4}}(?![\d-])"), _telephone),
    (re.compile(rf"{_PHONE_START}\d{{3}}-\d{{4}}(?![\d-])"), _telephone),
    (re.compile(rf"{_PHONE_START}\d{{4}}(?:[ -]\d{{4}}){{2,3}}(?![\d-])"), _telephone),
    (re.compile(r"(?<=\b[A-Z]{2} )\d{5}(?:-\d{4})?(?![\d-])"), _telephone),
    (re.compile(rf"{_PHONE_START}\d{{3}}-\d{{2}}-\d{{4}}(?![\d-])"), _telephone),
    (re.compile(r"(?<=\bcall )911\b|(?<=\bdial )911\b", re.I), "nine one one"),
]


def _spaced(words: str) -> str:
    return f" {words} "


RANGES: list[Rule] = [
    (re.compile(r"(?<![\w.,-])\d{1,4}(?:-\d{1,4}){2,}(?![\w-])"), lambda match: match[0].replace("-", " ")),
    (re.compile(r"(?<=\d)\s?-\s?(?=\d[\d.,]*\s?=)"), " minus "),
    (re.compile(r"(?<=\d)\s?x\s?(?=\d[\d.,]*\s?=)", re.I), " times "),
    (re.compile(r"(?<=\d)\s?x\s?(?=\d)", re.I), " by "),
    (re.compile(r"(?<=[\d%°])\s?-\s?(?=\d)"), " to "),
    (re.compile(rf"{START}(\d{{1,3}}):(\d{{1,3}})(?![\d:])"), r"\1 to \2"),
    (re.compile(r"(?<![\w.)])-(?=\.?\d)"), " minus "),
]
NUMBERS: list[Rule] = [
    (re.compile(r"\^2(?!\d)"), " squared "),
    (re.compile(r"\^3(?!\d)"), " cubed "),
    (re.compile(r"(?<=\d)(?:st|nd|rd|th)\b", re.I), "ORD"),
    (
        re.compile(rf"{START}((?:\d{{1,3}}(?:,\d{{3}})+(?!\d)|\d+))ORD"),
        lambda match: _spaced(ordinal(match[1])),
    ),
    (
        re.compile(rf"{START}\d+\.\d+(?:\.\d+)+"),
        lambda match: _spaced(" point ".join(map(cardinal, match[0].split(".")))),
    ),
    (re.compile(r"(?<![\w.,])\.(\d+)"), lambda match: _spaced(f"point {digits(match[1])}")),
    (re.compile(rf"{START}{AMOUNT}"), lambda match: _spaced(decimal(match[0]))),
    (re.compile(r"\d+"), lambda match: _spaced(cardinal(match[0]))),
]
