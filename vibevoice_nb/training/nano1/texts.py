"""Sentences for the corpus: everyday English with a wide vocabulary, the same for the same seed.

Three sources: dialogue templates, chains of common words drawn from a language model, and lists of rare words
from the whole lexicon, so that every common word and every pair of phones occurs many times.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from num2words import num2words

from vibevoice_nb.nano.english import lexicon, words
from vibevoice_nb.training.nano1.vocabulary import (
    ADJECTIVES,
    ADVERBS,
    DAYS,
    MONTHS,
    NAMES,
    NOUNS,
    PAST_ALONE,
    PHRASES,
    PLACES,
    PREPOSITIONS,
    PRONOUNS,
    TEMPLATES,
    TOPICS,
    VERBS,
)

_BLOCKED = re.compile(
    r"(fuck|shit|cunt|bitch|whor|slut|nigg|fagg?ot|\bfags?\b|dick|cock|piss|penis|vagin|rap(e|ed|ing|ist)s?\b|porn|"
    r"\bass(es|hole)?\b|bastard|\btits?\b|titt|orgasm|masturbat|erecti|jizz|\bcum\b|semen|sex|spic\b|kike|chink|wetback|"
    r"retard|tranny|dyke|molest|incest|suicid|nazi|genital|pedo|hooker|prostitut|blowjob|\banal\b|turd|wank|twat|boob|"
    r"damn|\bhell\b|goddam|crap|negro|coon\b|gook|bugger|bollock|fart)"
)


def _split_verbs() -> tuple[list[str], list[str]]:
    pairs = [v.split(":") for v in VERBS]
    return [p[0] for p in pairs], [p[1] for p in pairs]


_BASES, _PASTS = _split_verbs()


class Writer:
    """Generator of sentences, the same for the same seed.

    Parameters
    ----------
    seed : int
        Seed of the random choices.
    avoid : iterable of str
        Sentences to leave out, compared by their words (the held-out set).

    Examples
    --------
    >>> sentence = next(Writer(1, sources={"template": 1.0}).sentences())
    >>> sentence == next(Writer(1, sources={"template": 1.0}).sentences())
    True
    """

    def __init__(self, seed: int, avoid: Iterable[str] = (), sources: dict[str, float] | None = None) -> None:
        self.rng = random.Random(seed)
        self.seen = {" ".join(words(s)) for s in avoid}
        self.sources = sources or {"template": 0.38, "chain": 0.40, "rare": 0.22}
        self._rare = [w for w in lexicon() if len(w) > 2 and "'" not in w and not _BLOCKED.search(w)]
        self._shuffled: list[str] = []
        self._chains: WordChains | None = None

    def sentences(self) -> Iterator[str]:
        """Yield sentences of 2 to 16 words without end, no two with the same words."""
        while True:
            kind = self.rng.choices(list(self.sources), list(self.sources.values()))[0]
            text = {"template": self.template, "chain": self.chain, "rare": self.rare}[kind]()
            if len(text) < 45 and self.rng.random() < 0.3:
                # Two sentences without a pause, as in a turn of a script.
                text = f"{_polish(text)} {_polish(self.template())}"
            text = _polish(text)
            key = " ".join(re.findall(r"[a-z']+", text.lower()))
            if key in self.seen or not 8 <= len(text) <= 100 or _BLOCKED.search(key):
                continue
            self.seen.add(key)
            yield text

    def template(self) -> str:
        """Return one line of everyday talk; sometimes two short ones."""
        pick = self.rng.choice
        text = pick(_TEMPLATES)(self)
        if len(text) < 34 and self.rng.random() < 0.25:
            text = f"{pick(PHRASES)}, {text}"
        return text if text[-1] in ".?!" else text + pick("...!" if len(text) < 30 else ".....!")

    def chain(self) -> str:
        """Return common words in a plausible English order."""
        self._chains = self._chains or WordChains([w for w in lexicon() if not _BLOCKED.search(w)])
        drawn = self._chains.draw(self.rng, self.rng.choice([3, 4, 5, 6, 7, 8, 8, 9, 10, 10, 11, 12, 13]))
        for i in range(2, len(drawn) - 2):
            if (
                drawn[i] in ("and", "but", "so", "because", "which", "or", "if", "when")
                and self.rng.random() < 0.4
            ):
                drawn[i - 1] += ","
            elif self.rng.random() < 0.03:
                drawn[i] += self.rng.choice([",", ",", ",", ";", ":", " -"])
        asks = drawn[0] in (
            "what how why where when who do does did is are can could will would should".split()
        )
        return " ".join(drawn) + ("?" if asks and self.rng.random() < 0.8 else self.rng.choice("......?!"))

    def rare(self) -> str:
        """Return words of the whole lexicon without repetition, as a list or in a carrier sentence."""
        drawn = [self._next_rare() for _ in range(self.rng.randint(2, 5))]
        if self.rng.random() < 0.55:
            gaps = [self.rng.choice([", ", ", ", " ", " and "]) for _ in drawn[1:]]
            return (
                drawn[0]
                + "".join(g + w for g, w in zip(gaps, drawn[1:], strict=True))
                + self.rng.choice("...!?")
            )
        a, b = drawn[0], drawn[1]
        return self.rng.choice(
            [
                f"the {a} was {b} again.", f"did you say {a} or {b}?", f"they called it {a}, not {b}.",
                f"what is {a}, and why {b}?", f"her {a} has a {b}.", f"we wrote {a} next to {b}.",
                f"it was more {a} than {b}.", f"my {a} is in the {b}.", f"the word {a} comes before {b}.",
                f"{self.rng.choice(NAMES)} said {a} and then {b}.", f"I never liked {a} or {b}!",
                f"there is no {a} without {b}.", f"is that a {a}, or is it {b}?", f"some {a}, a little {b}.",
            ]
        )  # fmt: skip

    def _next_rare(self) -> str:
        if not self._shuffled:
            self._shuffled = self.rng.sample(self._rare, len(self._rare))
        return self._shuffled.pop()

    # Elements of the templates.

    def number(self) -> str:
        """Return a number in words; small ones more often."""
        size = self.rng.choices([20, 100, 1000, 10_000, 3_000_000], [40, 30, 15, 10, 5])[0]
        value = self.rng.randrange(size)
        if value > 10_000:
            value -= value % 100_000
        return num2words(value).replace(",", "").replace("-", " ")

    def year(self) -> str:
        """Return a year in words."""
        return num2words(self.rng.randint(1700, 2029), to="year").replace("-", " ")

    def noun(self, plural: bool = False) -> str:
        """Return a noun, sometimes in the plural."""
        noun = self.rng.choice(NOUNS)
        if not plural:
            return noun
        irregular = {"child": "children", "man": "men", "woman": "women", "person": "people", "fish": "fish",
                     "knife": "knives", "leaf": "leaves", "wife": "wives", "party": "parties"}  # fmt: skip
        if noun in irregular:
            return irregular[noun]
        if noun.endswith("y") and noun[-2] not in "aeiou":
            return noun[:-1] + "ies"
        return noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")

    def thing(self) -> str:
        """Return a noun phrase."""
        pick, die = self.rng.choice, self.rng.random()
        owner = pick("the a my your this that his her our their every another the a".split())
        if die < 0.4:
            return f"{owner} {self.noun()}"
        if die < 0.78:
            return f"{owner} {pick(ADJECTIVES)} {self.noun()}"
        if die < 0.85:
            return f"{pick(NAMES)}'s {self.noun()}"
        if die < 0.94:
            return (
                pick(["two", "three", "ten", "some", "many", "these", "those", "a few"])
                + " "
                + self.noun(True)
            )
        return f"the {self.noun()} of the {self.noun()}"

    def who(self) -> str:
        """Return a subject."""
        die = self.rng.random()
        return (
            self.rng.choice(PRONOUNS) if die < 0.4 else self.rng.choice(NAMES) if die < 0.6 else self.thing()
        )

    def did(self) -> str:
        """Return a past clause without its subject."""
        if self.rng.random() < 0.65:
            return f"{self.rng.choice(_PASTS)} {self.thing()}"
        return f"{self.rng.choice(PAST_ALONE)} {self.rng.choice(PREPOSITIONS)} {self.thing()}"

    def do(self) -> str:
        """Return an infinitive clause."""
        return f"{self.rng.choice(_BASES)} {self.thing()}"


def _polish(text: str) -> str:
    text = re.sub(r"\bi\b", "I", re.sub(r"\bi'", "I'", text))
    text = re.sub(r"\b([Aa]) (?=[aeiou](?!ni|ne\b|se|ro))", r"\1n ", text)
    return text[0].upper() + text[1:]


def _t(pattern: str) -> Callable[[Writer], str]:
    """Fill a template: `{name}` is a choice from a list or a call of the writer's method."""
    lists: dict[str, list[str]] = {
        "name": NAMES, "place": PLACES, "day": DAYS, "month": MONTHS, "adj": ADJECTIVES, "adv": ADVERBS,
        "prep": PREPOSITIONS, "pron": PRONOUNS, "topic": TOPICS, "phrase": PHRASES, "base": _BASES,
        "past": _PASTS, "plain": "he she they we you".split(),
        "aux": "can will did could should would might must may".split(),
        "hour": "one two three four five six seven eight nine ten eleven twelve".split(),
        "often": "always often never sometimes usually rarely already still".split(),
        "very": "very really so quite not too rather pretty".split(),
        "neg": "don't didn't can't won't couldn't wouldn't shouldn't".split(),
        "when": "today,tomorrow,next week,next year,this morning,right now,in the evening,at noon".split(","),
        "ago": ["yesterday", "last night", "last week", "this morning", "a long time ago", "two days ago"],
        "link": "but because so and although while since until".split(),
    }  # fmt: skip
    calls: dict[str, Callable[[Writer], str]] = {
        "number": Writer.number, "year": Writer.year, "noun": Writer.noun, "thing": Writer.thing,
        "who": Writer.who, "did": Writer.did, "do": Writer.do, "nouns": lambda w: w.noun(True),
    }  # fmt: skip

    def write(writer: Writer) -> str:
        def fill(match: re.Match[str]) -> str:
            key = match[1]
            return calls[key](writer) if key in calls else writer.rng.choice(lists[key])

        return re.sub(r"\{(\w+)\}", fill, pattern)

    return write


_TEMPLATES = [_t(p) for p in TEMPLATES]


class WordChains:
    """Sampler of word sequences, by the trigrams of pocketsphinx's English language model.

    Parameters
    ----------
    vocabulary : list of str
        Words that may be drawn; the most frequent `size` of them are.
    size : int
        Number of words.
    """

    def __init__(self, vocabulary: list[str], size: int = 14_000) -> None:
        # Only this source needs it; the others work without the train extra.
        from pocketsphinx import Config, LogMath, NGramModel, get_model_path

        path = Path(get_model_path()) / "en-us" / "en-us.lm.bin"
        self._model = NGramModel(Config(lm=None, loglevel="FATAL"), LogMath(), str(path))
        scores = {w: self._model.prob([w]) for w in vocabulary if len(w) > 1 or w in ("a", "i")}
        kept = sorted(scores, key=lambda w: (-scores[w], w))[:size]
        self._words = kept
        self._log = math.log(1.0001)
        # Flatter than English, so that less common words occur often enough.
        self._logq = {w: 0.62 * scores[w] for w in kept}
        self._weights = [math.exp(self._logq[w] * self._log) for w in kept]
        self._cumulative: list[float] = []
        total = 0.0
        for weight in self._weights:
            total += weight
            self._cumulative.append(total)

    def draw(self, rng: random.Random, length: int, candidates: int = 36) -> list[str]:
        """Return a chain of `length` words that ends at the end of a phrase if possible."""
        history = ["<s>"]
        open_ended = set(
            "the a an of to and or but in at for with my your his her our their i we he she they is".split()
        )
        for position in range(length):
            pool = rng.choices(self._words, cum_weights=self._cumulative, k=candidates)
            if position == length - 1:
                pool = [w for w in pool if w not in open_ended] or pool
            if position:
                pool = [w for w in pool if w != history[0]]
            scores = [self._model.prob([w, *history[:2]]) - self._logq[w] for w in pool]
            top = max(scores)
            # Values slightly above 1 are closer to fluent English, at the cost of variety.
            weights = [math.exp(0.8 * (s - top) * self._log) for s in scores]
            history.insert(0, rng.choices(pool, weights)[0])
        return history[-2::-1]
