"""Parts of speech, as far as they decide between the pronunciations of a word.

Only a word's neighbors are read. Words of no list below are nouns, except behind a word or before one that
makes them verbs, participles or adjectives.
"""

from __future__ import annotations

from collections.abc import Sequence

DETERMINERS = frozenset(
    "a an the this these those every each another any some no both either neither".split()
)
OWNERS = frozenset("my your his its our their her whose".split())
_SUBJECTS = frozenset("i you we they who".split())
_SINGULAR = frozenset("he she it".split())
_OBJECTS = frozenset("me him us them it you himself herself itself themselves".split())
_BE = frozenset("am are is was were be been being isn't aren't wasn't weren't".split())
_HAVE = frozenset("have has had having haven't hasn't hadn't i've you've we've they've".split())
_BEFORE_VERBS = frozenset(
    """to can could will would shall should may might must do does did can't couldn't won't wouldn't shouldn't
    don't doesn't didn't mustn't let's i'll you'll he'll she'll it'll we'll they'll i'd you'd we'd they'd
    please""".split()
)
_ADVERBS = frozenset(
    """not never very too also just only then now again still quite rather almost always often here well even
    much more most less least so really already""".split()
)
_DEGREES = frozenset("very too so quite rather more most less".split())
_FUNCTION = (
    DETERMINERS | OWNERS | _SUBJECTS | _SINGULAR | _OBJECTS | _BE | _HAVE | _BEFORE_VERBS | _ADVERBS
) | frozenset(
    """all such of in on at by for with from into about as than if while though although because since until
    unless upon over under between among through during without within against toward towards before after
    behind beyond near per via despite above below across along around beside besides beneath throughout and
    or
    but nor yet she myself yourself ourselves there when where why how whom what which that""".split()
)
_PLACES = frozenset("in on at with near here there together alone by under among and".split())


def tag(words: Sequence[str], at: int) -> str:
    """Return VERB, NOUN, ADJ, VBD, VBN, ADV or DT for a word of a sentence.

    Parameters
    ----------
    words : sequence of str
        Words in lower case; empty where there is punctuation.
    at : int

    Examples
    --------
    >>> [tag(text.split(), at) for text, at in
    ...  (("a new record", 2), ("to record it", 1), ("they use it", 1), ("the use of", 1), ("that cup", 0))]
    ['NOUN', 'VERB', 'VERB', 'NOUN', 'DT']
    """
    word, following = words[at], words[at + 1] if at + 1 < len(words) else ""
    if word == "that":
        return "DT" if following and following not in _FUNCTION else "IN"
    if word == "used":
        return "VBD" if following == "to" else "VBN"
    before, degree = _before(words, at)
    if word == "live" and following in _PLACES and before not in DETERMINERS | _BE:
        return "VERB"
    if before in _HAVE:
        return "VBN"
    if degree or before in _BE:
        return "ADJ"
    if before in _BEFORE_VERBS or before in _SUBJECTS:
        return "VERB"
    if before in _SINGULAR:
        return "VBD"
    if before in DETERMINERS | OWNERS:
        return "NOUN"
    takes_object = following in DETERMINERS or following in OWNERS or following in _OBJECTS
    return "VERB" if takes_object and (not before or before in _FUNCTION) else "NOUN"


def _before(words: Sequence[str], at: int) -> tuple[str, bool]:
    """Return the word before, adverbs skipped, and True if an adverb of degree is just before."""
    index = at - 1
    while index >= 0 and words[index] in _ADVERBS and at - index < 4:
        index -= 1
    return (words[index] if index >= 0 else "", at > 0 and words[at - 1] in _DEGREES)
