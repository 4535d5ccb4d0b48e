"""Text as phones with stress: the words of `vibevoice_nb.nano.english`, with misaki's American phones.

A word is looked up in the lexicon, then without its ending, and otherwise read letter by letter by
`letter_to_sound`. Function words have strong and weak forms: before a pause, and before vowels and
consonants.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

from vibevoice_nb.nano.characters import fold
from vibevoice_nb.nano.english import spoken_out
from vibevoice_nb.nano.phones import MARKS, mark_phones, marked_names, written_phones

from .inflection import inflected
from .letters import letter_to_sound
from .lexicon import entry_of, lexicon, reading
from .symbols import (
    CONSONANTS,
    PRIMARY,
    PUNCTUATION,
    SECONDARY,
    VOWELS,
    stressed,
    weakened,
    with_s,
)
from .tags import tag

# The ARPAbet's names, in misaki's symbols.
_ARPABET = dict(
    zip(
        """aa ae ah ao aw ax ay eh er ey ih iy ow oy uh uw b ch d dh f g hh jh k l m n ng p r s sh t th v w y
        z zh""".split(),
        "ɑ æ ʌ ɔ W ə I ɛ ɜɹ A ɪ i O Y ʊ u b ʧ d ð f ɡ h ʤ k l m n ŋ p ɹ s ʃ t θ v w j z ʒ".split(),
        strict=True,
    )
)
_WORD = rf"[a-z'{MARKS}]"
_PARTS = re.compile(rf"{_WORD}+(?:-{_WORD}+)*|[{PUNCTUATION}]| ")
_PIECES = re.compile(rf"[a-z']+|[{MARKS}]+")
_SENTENCE_END = ".?!"
_TENS = re.compile(
    r"\b((?:twen|thir|for|fif|six|seven|eigh|nine)ty)-"
    r"(?=(?:one|two|three|four|five|six|seven|eight|nine|first|second|third|fourth|fifth|sixth|seventh|eighth|ninth)\b)"
)


def plain(text: str) -> str:
    """Return normalized words; hyphens of compounds stay, phones between slashes become marks.

    A dash becomes a comma: the teacher's texts have none. "Twenty-one" is read as 21 is, in two words.
    """
    said = _TENS.sub(r"\1 ", spoken_out(mark_phones(fold(text).text), lexicon(), "-"))
    return re.sub(r" - ", ", ", re.sub(r"(?<=[,.?!;:]) - ", " ", said))


def spoken_words(text: str) -> str:
    """Return the words that are read, with numbers spoken out; phones stay between slashes.

    Examples
    --------
    >>> spoken_words("Dr. No paid $5 for the well-known /N IY S/.")
    'doctor no paid five dollars for the well-known /N IY S/.'
    """
    return written_phones(plain(text))


def to_phones(text: str) -> str:
    """Convert English text to phones with stress.

    Parameters
    ----------
    text : str
        Any text; it is normalized first, and characters without an English reading are left out silently.
        Phones between slashes are read as they are, with stress on the first full vowel.

    Returns
    -------
    str
        Characters of `symbols.ALPHABET`.

    Examples
    --------
    >>> to_phones("To the end of the road, please!")
    'tə ði ˈɛnd ʌv ðə ɹˈOd, plˈiz!'
    >>> to_phones("The FBI has a record; they record it.")
    'ði ˌɛfbˌiˈI hæz ɐ ɹˈɛkəɹd; ðA ɹəkˈɔɹd ɪt.'
    >>> to_phones("In /N IY S/, 21 good-natured zorblaxes.")
    'ɪn nˈis, twˈɛnti wˈʌn ɡˌʊdnˈAʧəɹd zˈɔɹblæksᵻz.'
    """
    parts = _spelled(_PARTS.findall(plain(text)))
    words = ["" if part in PUNCTUATION else part for part in parts if part != " "]
    spoken: list[str] = []
    vowel: bool | None = None  # the next sound: a vowel, a consonant, or a pause
    number = len(words)
    for at in range(len(parts) - 1, -1, -1):
        part = parts[at]
        if part != " ":
            number -= 1
        if part == " " or part in PUNCTUATION:
            spoken.append(part)
            vowel = vowel if part in " -" else None
            continue
        phones = _word(part, words, number, vowel)
        if number == 0 or _begins_sentence(parts, at):
            phones = stressed(phones, SECONDARY) if part not in _UNSTRESSED else phones
        spoken.append(phones)
        vowel = next((char in VOWELS for char in phones if char in VOWELS or char in CONSONANTS), vowel)
    return "".join(reversed(spoken))


_UNSTRESSED = frozenset("a an am the to in".split())


def _begins_sentence(parts: Sequence[str], at: int) -> bool:
    return at > 1 and parts[at - 1] == " " and parts[at - 2] in _SENTENCE_END


def _spelled(parts: list[str]) -> list[str]:
    """Join single letters to one word in capitals: "f b i's" becomes "FBI's"."""
    joined: list[str] = []
    at = 0
    while at < len(parts):
        end = at
        while end < len(parts) and _letter(parts[end]) and (end == at or parts[end - 1] == " "):
            end += 2
        run = parts[at:end:2]
        ending = ""
        if (
            run
            and end < len(parts)
            and parts[end - 1] == " "
            and parts[end].endswith("'s")
            and _letter(parts[end][:-2])
        ):
            run, end, ending = [*run, parts[end][:-2]], end + 2, "'s"
        if len(run) > 1 and not set(run) <= {"i", "o"}:
            joined.append("".join("A" if letter == "ay" else letter.upper() for letter in run) + ending)
            at = end - 1
        else:
            joined.append(parts[at])
            at += 1
    return joined


def _letter(part: str) -> bool:
    return part == "ay" or (len(part) == 1 and part.isalpha() and part.isascii() and part != "a")


def _word(word: str, words: Sequence[str], at: int, vowel: bool | None) -> str:
    """Return the phones of a word of a sentence, before a vowel, a consonant or a pause (None)."""
    if word[0].isupper():
        letters = _letters(word.removesuffix("'s"))
        return with_s(letters) if word.endswith("'s") else letters
    if special := _special(word, vowel):
        return special
    entry = entry_of(word)
    if "-" in word and not entry:
        return _compound([_piece(piece) for part in word.split("-") for piece in _PIECES.findall(part)])
    if " " in entry:
        if vowel is None and "None:" in entry:
            return reading(entry, "None")
        found = tag(words, at)
        return reading(entry, "VERB" if found.startswith("VB") and f"{found}:" not in entry else found)
    return entry or _compound([_piece(piece) for piece in _PIECES.findall(word)])


def _special(word: str, vowel: bool | None) -> str:
    """Return the strong or weak form of some function words; nothing for other words."""
    before_vowel = vowel is True
    return {
        "a": "ɐ",
        "an": "ɐn",
        "am": "æm" if vowel is None else "ɐm",
        "i": SECONDARY + "I",
        "ay": PRIMARY + "A",
        "to": "tu" if vowel is None else "tʊ" if before_vowel else "tə",
        "in": PRIMARY * (vowel is None) + "ɪn",
        "the": "ði" if before_vowel else "ðə",
    }.get(word, "")


def _letters(word: str) -> str:
    """Return the names of letters as one word, with stress on the last."""
    names = [PRIMARY + "A" if letter == "A" else lexicon()[letter.lower()] for letter in word]
    return "".join([*(weakened(name) for name in names[:-1]), names[-1]])


def _piece(piece: str) -> str:
    return phones_of(piece) if piece[0] < "\ue000" else _given(piece)


def _given(marks: str) -> str:
    """Return phones that the text gives, with stress on the first full vowel."""
    phones = ["əɹ" if name == "er" else _ARPABET[name] for name in marked_names(marks)]
    full = next((i for i, phone in enumerate(phones) if phone[0] in VOWELS and phone[0] != "ə"), None)
    if full is not None:
        phones[full] = PRIMARY + phones[full]
        return "".join(phones)
    return stressed("".join(phones).replace("əɹ", "ɜɹ", 1))


def _compound(parts: Sequence[str]) -> str:
    """Join the parts of a compound; the lighter half loses its primary stress."""
    parts = [part for part in parts if part]
    count = sum(PRIMARY in part for part in parts)
    weak: set[int] = set()
    if len(parts) > 1 and count > (len(parts) + 1) // 2:
        order = sorted(range(len(parts)), key=lambda i: (PRIMARY in parts[i], _weight(parts[i]), i))
        weak = set(order[: len(parts) // 2])
    return "".join(weakened(part) if i in weak else part for i, part in enumerate(parts))


def _weight(phones: str) -> int:
    return sum(2 if char in "AIOWYʤʧ" else 1 for char in phones)


def _known(word: str) -> str:
    return entry_of(word).partition(" ")[0]


@functools.lru_cache(16384)
def phones_of(word: str) -> str:
    """Return the phones of a word of the letters a to z and apostrophes, alone.

    Examples
    --------
    >>> phones_of("apples"), phones_of("I"), phones_of("zorblax")
    ('ˈæpᵊlz', 'ˈI', 'zˈɔɹblˌæks')
    """
    word = word.lower()
    if phones := _known(word) or inflected(word, _known):
        return phones
    letters = re.sub("[^a-z]", "", word)
    for ending in ("'s", "s"):
        # The network reads the stem, and the rules make the ending agree with it.
        stem = word.removesuffix(ending)
        if word.endswith(ending) and len(stem) > 2 and stem[-1] not in "aiosu'":
            return inflected(word, lambda part: letter_to_sound()(re.sub("[^a-z]", "", part)))
    return letter_to_sound()(letters) if letters else ""
