"""Vocabulary of stage directions and pauses, as scripts have them in brackets or between asterisks."""

from __future__ import annotations

import re

MAX_CHARS = 60

_VERBS = (
    "laugh chuckle giggle snicker snort sigh gasp cough sneeze sniff sniffle sob cry weep whisper shout "
    "yell scream mumble mutter murmur groan moan grunt hum sing whistle yawn gulp swallow pant wheeze "
    "scoff inhale exhale breathe clap cheer applaud smile grin smirk nod shrug wink frown blink shudder "
    "shiver tremble stammer stutter hesitate growl hiss hiccup burp snore choke clear exclaim interrupt"
).split()
_NOUNS = frozenset(
    "laughter chuckles giggles applause cheers cheering clapping music jingle crosstalk inaudible "
    "unintelligible static sfx footsteps sigh gasp cough sob snort chuckle giggle whisper laugh "
    "breath".split()
)
_MANNER = frozenset(
    "softly quietly loudly slowly quickly gently calmly warmly coldly sadly happily angrily nervously "
    "excitedly sarcastically dramatically thoughtfully cheerfully sternly sleepily hesitantly "
    "playfully proudly curiously whispering shouting laughing crying sobbing smiling sighing excited "
    "angry sad happy nervous sarcastic dramatic thoughtful cheerful curious surprised shocked amused "
    "annoyed confused worried scared terrified deadpan tired sleepy calm hesitant playful mischievous "
    "mischievously".split()
)
_BEFORE = frozenset(
    "a an the slight slightly nervous nervously long short light lightly deep deeply heavy heavily "
    "loud loudly quiet quietly soft softly brief briefly still both all everyone they he she audience "
    "crowd clearly visibly".split()
)
_PHRASES = frozenset(
    ("under his breath", "under her breath", "under their breath", "on the phone", "off screen",
     "off-screen", "offscreen", "aside", "in a whisper", "with a smile", "with a sigh", "with a laugh",
     "catches breath", "takes a breath", "takes a deep breath", "rolls eyes", "rolls his eyes",
     "rolls her eyes", "out of breath", "voice breaking", "v.o.", "o.s.")
)  # fmt: skip
_PAUSE_WORDS = frozenset(("pause", "silence", "beat"))
_PAUSE_LENGTHS = {
    "short": 500, "brief": 500, "small": 500, "slight": 500, "tiny": 300, "quick": 300, "medium": 1000,
    "long": 2000, "longer": 2000, "very": 3000, "dramatic": 1500, "awkward": 2000,
}  # fmt: skip
_PAUSE_FILLERS = frozenset(("a", "an", "for", "of", "the", "effect", "moment"))
_UNITS = {
    "s": 1000, "sec": 1000, "secs": 1000, "second": 1000, "seconds": 1000, "ms": 1, "msec": 1,
    "milliseconds": 1, "millisecond": 1, "min": 60_000, "minute": 60_000, "minutes": 60_000,
}  # fmt: skip
_NEGATIVE = re.compile(r"-\s?\d")
_TOKEN = re.compile(r"\d{1,9}(?:\.\d{1,9})?|[^\W\d_]{1,20}|[^\s:=|,.#\"'/-]")


def _forms(verb: str) -> set[str]:
    stem = verb[:-1] if verb.endswith("e") else verb
    doubled = verb + verb[-1] if verb in ("hum", "sob", "clap", "nod", "grin", "shrug") else stem
    plural = verb + ("es" if verb.endswith(("s", "sh", "ch")) else "s")
    return {plural if not verb.endswith("y") else f"{verb[:-1]}ies", f"{doubled}ing"}


_VERB_FORMS = frozenset(form for verb in _VERBS for form in _forms(verb))


def is_direction(content: str, bracket: str, *, alone: bool = True) -> bool:
    """Return true if the text in brackets is a stage direction, which is not read aloud.

    Parameters
    ----------
    content : str
        Words between the brackets.
    bracket : str
        The opening bracket: "(", "[", "*" or "<".
    alone : bool
        True between sentences; inside a sentence, only unmistakable directions count.

    Examples
    --------
    >>> is_direction("sighs heavily", "("), is_direction("my sister", "("), is_direction("really", "*")
    (True, False, False)
    """
    if len(content) > MAX_CHARS:
        return False
    plain = content.casefold().strip(" .,!…")
    if plain in _PHRASES:
        return True
    words = [word.strip(".,!") for word in plain.split()]
    most = 5 if alone else 2
    if bracket in "[<":
        most = 6
    if not 1 <= len(words) <= most or not all(
        word and not any(char.isdigit() for char in word) for word in words
    ):
        return False
    rest = list(words)
    while len(rest) > 1 and rest[0] in _BEFORE:
        rest.pop(0)
    if rest[0] in _VERB_FORMS:
        return True
    if bracket in "[<" and (rest[0] in _VERBS or rest[-1] in _NOUNS or words[0] in ("sfx", "sound")):
        return True
    if rest[0] in _NOUNS:
        return bracket != "*" and len(words) <= 3
    if words[0] in _MANNER:
        return bracket != "*" and (alone or bracket in "[<") and len(words) <= 3
    return False


def is_pause(content: str) -> bool:
    """Return true if the text in brackets is a pause.

    >>> is_pause("long pause"), is_pause("2 second pause"), is_pause("pauses the film"), is_pause("2s")
    (True, True, False, True)
    """
    return pause_ms(content) is not None


def pause_ms(content: str) -> int | None:
    """Return the length of a pause described in words or as a time; None for any other text.

    >>> [pause_ms(text) for text in ("pause", "short pause", "pause 2s", "2 seconds", "pause:800", "1")]
    [1000, 500, 2000, 2000, 800, None]
    """
    if len(content) > MAX_CHARS or _NEGATIVE.search(content):
        return None
    tokens = _TOKEN.findall(content.casefold())
    numbers = [token for token in tokens if token[0].isdigit()]
    words = [token for token in tokens if not token[0].isdigit()]
    pauses = [word for word in words if word in _PAUSE_WORDS]
    units = [word for word in words if word in _UNITS]
    known = _PAUSE_WORDS | _PAUSE_FILLERS | _PAUSE_LENGTHS.keys() | _UNITS.keys()
    if len(numbers) > 1 or not all(word in known for word in words) or not (pauses or (numbers and units)):
        return None
    if numbers:
        value = float(numbers[0])
        # 2 ms is never meant: without a unit, a decimal or a small number is in seconds.
        factor = _UNITS[units[0]] if units else 1000 if "." in numbers[0] or value < 20 else 1
        return round(value * factor)
    lengths = [_PAUSE_LENGTHS[word] for word in words if word in _PAUSE_LENGTHS]
    return max(lengths) if lengths else 500 if "beat" in pauses or "moment" in words else 1000
