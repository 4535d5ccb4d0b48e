"""Sentences for the corpus: everyday English with a wide vocabulary, the same for the same seed.

Three sources: dialogue templates, chains of common words drawn from a language model, and lists of rare words
from the whole lexicon, so that nano meets every common word and every pair of phones many times.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from num2words import num2words

from vibevoice_nb.nano.english import lexicon, words

NAMES = """Alice Bob Carter Emma Frank Grace Henry Maya Oscar Sam Tom Lucy Peter Mary David Anna John James Robert
Michael Sarah Laura Daniel Susan Karen Paul Mark George Kate Rachel Simon Oliver Sophia Lucas Nora Felix Clara Hugo
Iris Leo Julia Adam Ella Max Ruth Victor Diana Martin Helen Walter Rose Arthur Jane Edward Linda Kevin Nancy Brian
Carol Steven Maria Jason Lisa Eric Amy Gary Angela Larry Brenda Scott Emily Andrew Rebecca Omar Priya Mei Yuki Sofia
Ivan Fatima Hassan Aisha Nadia Ingrid Lars Mateo Elena Ruben Kai Ada""".split()
PLACES = """London Paris France Germany Spain Italy China Japan Europe America Canada Texas Chicago Boston Berlin Vienna
Prague Rome Athens Egypt India Africa Brazil Mexico Australia Sweden Norway Finland Poland Ireland Scotland Wales
Dublin Madrid Lisbon Moscow Tokyo Sydney Toronto Seattle Denver Florida California Alaska Peru Chile Kenya Iceland
Holland Belgium Greece Turkey Switzerland Austria Hungary Vietnam Korea Singapore Oregon Montana Virginia""".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()
NOUNS = """apple answer artist baby bag ball band bank basket beach bed bell bicycle bird boat book bottle box boy bridge
brother brush building bus butter button cake camera car card cat chair change chapter cheese child choice church
circle city class clock cloud coat coffee company computer cook corner country cousin cow cup customer dance daughter
day desk dinner doctor dog door dream dress driver egg email engine evening experiment eye face factory family farm
farmer father field film finger fire fish floor flower forest friend game garden gift girl glass goal government group
guest guitar hand hat heart hill history holiday horse hospital hotel hour house idea island jacket job journey judge
key king kitchen knife lake lamp language lawyer leaf lesson letter library light line list machine magazine manager
map market meal meeting message mirror moment money month morning mother mountain mouth movie museum music name nature
neighbor newspaper night noise number nurse ocean office opinion orange orchestra page paint paper parent park party
path pencil person phone photo picture piece place plan plane plant plate player pocket poem police pool problem
program project promise question radio reason recipe restaurant ring river road room rule sailor sandwich school
science scientist sea season secret shadow ship shirt shoe shop show sister sky smile snow soldier song sound soup
spring star station step stone storm story street student subject summer sun surgeon table teacher team test theory
thing thought ticket tiger tool tower town toy train tree trip truck uncle university valley vegetable video village
visitor voice wall watch water weather week wheel wife wind window winter witness woman wood word worker world writer
year zoo""".split()
ADJECTIVES = """amazing ancient angry bad beautiful big bitter black blue brave bright broken brown busy calm careful
cheap clean clear clever cold common complete cool crazy curious dangerous dark deep different difficult dirty dry early
easy empty excellent expensive fair famous fast fat fine foreign free fresh friendly full funny gentle golden good great
green happy hard healthy heavy high honest hot huge hungry important interesting kind large late lazy light local lonely
long loud lovely lucky modern narrow natural new nice noisy old open orange perfect pink pleasant polite poor popular
pretty private proud public pure quick quiet rare ready real red rich right rough round sad safe serious sharp short shy
silent silly simple slow small smooth soft special strange strict strong sudden sweet tall terrible thick thin tiny
tired true ugly unusual useful usual valuable warm weak wet white whole wide wild wise wonderful wooden wrong yellow
young""".split()
# Base and past of verbs that take an object.
VERBS = """accept:accepted answer:answered ask:asked avoid:avoided believe:believed borrow:borrowed bring:brought
build:built burn:burned buy:bought call:called carry:carried catch:caught change:changed check:checked choose:chose
clean:cleaned close:closed collect:collected compare:compared cook:cooked count:counted cover:covered cut:cut
describe:described design:designed destroy:destroyed discover:discovered discuss:discussed draw:drew drive:drove
enjoy:enjoyed examine:examined explain:explained fill:filled find:found finish:finished fix:fixed follow:followed
forget:forgot forgive:forgave get:got give:gave guess:guessed hear:heard help:helped hide:hid hold:held ignore:ignored
imagine:imagined improve:improved introduce:introduced invite:invited join:joined keep:kept kick:kicked know:knew
learn:learned leave:left lift:lifted like:liked lose:lost love:loved make:made measure:measured meet:met miss:missed
mix:mixed move:moved need:needed notice:noticed offer:offered open:opened order:ordered own:owned paint:painted
pass:passed pay:paid pick:picked plan:planned prefer:preferred prepare:prepared protect:protected prove:proved
publish:published pull:pulled push:pushed reach:reached read:read receive:received record:recorded remember:remembered
repair:repaired replace:replaced return:returned save:saved see:saw sell:sold send:sent share:shared show:showed
sing:sang smell:smelled solve:solved start:started steal:stole stop:stopped study:studied support:supported take:took
taste:tasted teach:taught tell:told test:tested throw:threw touch:touched translate:translated trust:trusted
understand:understood use:used visit:visited want:wanted warn:warned wash:washed watch:watched wear:wore win:won
write:wrote""".split()
PAST_ALONE = """arrived appeared cried danced disappeared escaped fell flew hesitated jumped laughed listened lived
looked played prayed ran sat shouted slept smiled spoke stood stayed swam talked traveled waited walked whispered
worked""".split()
ADVERBS = """quickly slowly carefully quietly loudly happily sadly today yesterday again always often never together alone
outside inside early late soon easily suddenly finally recently usually sometimes probably certainly actually really
clearly exactly immediately upstairs everywhere somehow anyway tonight""".split()
PREPOSITIONS = """near under behind beside above below inside across around through over from with without before after
about against between toward""".split()
PRONOUNS = "he she they we you I".split()
TOPICS = """space travel,the weather,modern art,old trains,healthy food,climate change,learning languages,small business,
machine learning,the history of bread,long distance running,classical music,wild animals,city planning,good sleep,
deep sea fishing,the price of houses,renewable energy,open source software,public transport,raising children,
ancient Rome,playing chess,growing vegetables,board games,the human brain,black holes,quantum physics,solar power,
making furniture,writing novels,the stock market,mountain climbing,digital privacy,voting rights,volcanoes,
photography,the common cold,electric cars,handwriting""".replace("\n", " ").split(",")
PHRASES = """hello|hi there|good morning|good afternoon|good evening|good night|thank you|thank you very much|thanks a lot|
welcome|welcome back|please|yes|no|well|okay|right|sure|of course|I think so|see you soon|see you tomorrow|that is great|
exactly|absolutely|I agree|I disagree|I see|really|wow|oh|you know|I mean|actually|to be honest|by the way|for example|
in other words|on the other hand|never mind|excuse me|I'm sorry|no problem|you're welcome|not at all|maybe|perhaps|
I'm not sure|that's right|that's a good point|how interesting|what a surprise|congratulations|good luck|take care|
have a nice day|nice to meet you|how are you|I'm fine|it's a pleasure|don't worry|let's see|come on|hurry up|
wait a minute|tell me more|let me think|as you know|as far as I know|in my opinion|generally speaking|first of all|
after all|at the moment|in the end|so far|once again|that's it for today|stay with us|thanks for listening|
thank you for having me|it's great to be here""".replace("\n", "").split("|")

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
    """Writes sentences; two writers of one seed write the same ones.

    Parameters
    ----------
    seed : int
        Of the random choices.
    avoid : iterable of str
        Sentences never to write, compared by their words (the held-out set).

    Examples
    --------
    >>> sentence = next(Writer(1, sources={"template": 1.0}).sentences())
    >>> sentence == next(Writer(1, sources={"template": 1.0}).sentences())
    True
    """

    def __init__(
        self, seed: int, avoid: Iterable[str] = (), sources: dict[str, float] | None = None
    ) -> None:
        self.rng = random.Random(seed)
        self.seen = {" ".join(words(s)) for s in avoid}
        self.sources = sources or {"template": 0.38, "chain": 0.40, "rare": 0.22}
        self._rare = [w for w in lexicon() if len(w) > 2 and "'" not in w and not _BLOCKED.search(w)]
        self._shuffled: list[str] = []
        self._chains: WordChains | None = None

    def sentences(self) -> Iterator[str]:
        """Sentences without end, no two with the same words, of 2 to 16 words."""
        while True:
            kind = self.rng.choices(list(self.sources), list(self.sources.values()))[0]
            text = {"template": self.template, "chain": self.chain, "rare": self.rare}[kind]()
            if len(text) < 45 and self.rng.random() < 0.3:
                # Two sentences in a breath, as a turn of a script has them.
                text = f"{_polish(text)} {_polish(self.template())}"
            text = _polish(text)
            key = " ".join(re.findall(r"[a-z']+", text.lower()))
            if key in self.seen or not 8 <= len(text) <= 100 or _BLOCKED.search(key):
                continue
            self.seen.add(key)
            yield text

    def template(self) -> str:
        """One line of everyday talk; sometimes two short ones."""
        pick = self.rng.choice
        text = pick(_TEMPLATES)(self)
        if len(text) < 34 and self.rng.random() < 0.25:
            text = f"{pick(PHRASES)}, {text}"
        return text if text[-1] in ".?!" else text + pick("...!" if len(text) < 30 else ".....!")

    def chain(self) -> str:
        """Common words in an order English allows."""
        self._chains = self._chains or WordChains([w for w in lexicon() if not _BLOCKED.search(w)])
        drawn = self._chains.draw(self.rng, self.rng.choice([3, 4, 5, 6, 7, 8, 8, 9, 10, 10, 11, 12, 13]))
        for i in range(2, len(drawn) - 2):
            if drawn[i] in ("and", "but", "so", "because", "which", "or", "if", "when") and self.rng.random() < 0.4:
                drawn[i - 1] += ","
            elif self.rng.random() < 0.03:
                drawn[i] += self.rng.choice([",", ",", ",", ";", ":", " -"])
        asks = drawn[0] in ("what how why where when who do does did is are can could will would should".split())
        return " ".join(drawn) + ("?" if asks and self.rng.random() < 0.8 else self.rng.choice("......?!"))

    def rare(self) -> str:
        """Words of the whole lexicon, each before any comes again; as a list or in a carrier sentence."""
        drawn = [self._next_rare() for _ in range(self.rng.randint(2, 5))]
        if self.rng.random() < 0.55:
            gaps = [self.rng.choice([", ", ", ", " ", " and "]) for _ in drawn[1:]]
            return drawn[0] + "".join(g + w for g, w in zip(gaps, drawn[1:], strict=True)) + self.rng.choice("...!?")
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

    # What the templates are made of.

    def number(self) -> str:
        """A number in words; small ones more often."""
        size = self.rng.choices([20, 100, 1000, 10_000, 3_000_000], [40, 30, 15, 10, 5])[0]
        value = self.rng.randrange(size)
        if value > 10_000:
            value -= value % 100_000
        return num2words(value).replace(",", "").replace("-", " ")

    def year(self) -> str:
        """A year in words."""
        return num2words(self.rng.randint(1700, 2029), to="year").replace("-", " ")

    def noun(self, plural: bool = False) -> str:
        """A noun, sometimes in the plural."""
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
        """A noun phrase."""
        pick, die = self.rng.choice, self.rng.random()
        owner = pick("the a my your this that his her our their every another the a".split())
        if die < 0.4:
            return f"{owner} {self.noun()}"
        if die < 0.78:
            return f"{owner} {pick(ADJECTIVES)} {self.noun()}"
        if die < 0.85:
            return f"{pick(NAMES)}'s {self.noun()}"
        if die < 0.94:
            return f"{pick(['two', 'three', 'ten', 'some', 'many', 'these', 'those', 'a few'])} {self.noun(True)}"
        return f"the {self.noun()} of the {self.noun()}"

    def who(self) -> str:
        """A subject."""
        die = self.rng.random()
        return self.rng.choice(PRONOUNS) if die < 0.4 else self.rng.choice(NAMES) if die < 0.6 else self.thing()

    def did(self) -> str:
        """A past clause without its subject."""
        if self.rng.random() < 0.65:
            return f"{self.rng.choice(_PASTS)} {self.thing()}"
        return f"{self.rng.choice(PAST_ALONE)} {self.rng.choice(PREPOSITIONS)} {self.thing()}"

    def do(self) -> str:
        """An infinitive clause."""
        return f"{self.rng.choice(_BASES)} {self.thing()}"


def _polish(text: str) -> str:
    text = re.sub(r"\bi\b", "I", re.sub(r"\bi'", "I'", text))
    text = re.sub(r"\b([Aa]) (?=[aeiou](?!ni|ne\b|se|ro))", r"\1n ", text)
    return text[0].upper() + text[1:]


def _t(pattern: str) -> Callable[[Writer], str]:
    """A template: `{name}` is a choice from a list or a call of the writer's method."""
    lists: dict[str, list[str]] = {
        "name": NAMES, "place": PLACES, "day": DAYS, "month": MONTHS, "adj": ADJECTIVES, "adv": ADVERBS,
        "prep": PREPOSITIONS, "pron": PRONOUNS, "topic": TOPICS, "phrase": PHRASES, "base": _BASES, "past": _PASTS,
        "aux": "can will did could should would might must may".split(), "plain": "he she they we you".split(),
        "hour": "one two three four five six seven eight nine ten eleven twelve".split(),
        "often": "always often never sometimes usually rarely already still".split(),
        "very": "very really so quite not too rather pretty".split(),
        "neg": "don't didn't can't won't couldn't wouldn't shouldn't".split(),
        "when": ["today", "tomorrow", "next week", "next year", "this morning", "right now", "in the evening", "at noon"],
        "ago": ["yesterday", "last night", "last week", "this morning", "a long time ago", "two days ago"],
        "link": "but because so and although while since until".split(),
    }  # fmt: skip
    calls: dict[str, Callable[[Writer], str]] = {
        "number": Writer.number, "year": Writer.year, "noun": Writer.noun, "thing": Writer.thing, "who": Writer.who,
        "did": Writer.did, "do": Writer.do, "nouns": lambda w: w.noun(True),
    }  # fmt: skip

    def write(writer: Writer) -> str:
        def fill(match: re.Match[str]) -> str:
            key = match[1]
            return calls[key](writer) if key in calls else writer.rng.choice(lists[key])

        return re.sub(r"\{(\w+)\}", fill, pattern)

    return write


_TEMPLATES = [_t(p) for p in """{who} {did}
{who} {did} {adv}
{who} {did} {ago}
the {noun} is {adj}, and the {noun} is {adj}
{aux} {plain} {do}?
{phrase}, {name}
{phrase}! {phrase}.
{phrase}, {plain} {did}
there are {number} {nouns} {prep} {thing}
the number is {number}
my phone number is {number}, {number}, {number}
on {day} {who} {did}
in {month} the {noun} was {adj}
what is the {adj} {noun}?
where is {thing}?
where did {plain} {base} {thing}?
{number}, {number}, {number}
my name is {name} and I am {number} years old
I want to {do}
I would like to {do}, please
I hope to {do} {when}
we should {do} {when}
you can {do} {when}
do you think that {plain} {did}?
do you remember when {plain} {did}?
{name}, what do you think about {thing}?
{name}, how was your trip to {place}?
today we are talking about {topic}
let's talk about {topic}, {name}
my guest today is {name}, a {adj} {noun} from {place}
it is {very} {adj} to {do}
how much does {thing} cost?
how many {nouns} did you {base}?
how often do you {do}?
if {pron} {past} {thing}, {plain} would {do}
that was {adj}, {link} {plain} {did}
that sounds {adj}, {name}
{plain} have {often} {past} {thing} in {place}
let us {do} and {do}
they traveled from {place} to {place} in {month}
about {number} percent of the {nouns} are {adj}
the {noun} costs {number} dollars
the bill was {number} dollars and {number} cents
I {neg} {do}
I {neg} {do}, {link} I {neg} {do}
{ago} {who} {did}
why {neg} you {do}?
why is {thing} so {adj}?
who {past} {thing}?
when will {who} {do}?
which {noun} is {adj}?
he was born in {year}
in {year}, {who} {did}
the {noun} was built in {year}
it's {hour} o'clock
it's {hour} thirty in {place}
the train to {place} leaves at {number}
meet me at {number} on {day}
{name} and {name} live in {place}
{name} is from {place}, {link} {name} is from {place}
I've {often} {past} {thing}
she's {often} {adj} on {day}
they're {very} {adj}, aren't they?
it isn't {adj}, it's {adj}!
don't {do}!
please {do}
please don't {do}, {name}
welcome to the show, {name}
we'll be back with {topic} after this
thanks for coming, {name}
the {adj} {noun} and the {adj} {noun}
{adj}, {adj} and {adj}
not the {noun}, the {noun}
one {noun}, two {nouns}, and three {nouns}
I love {topic}, especially in {month}
have you ever been to {place}?
have you ever {past} {thing}?
in {place}, {nouns} are {very} {adj}
{who} {did}, {link} {who} {did}
the {noun} {prep} the {noun} is {adj}
is {thing} {adj} or {adj}?
I am {very} {adj} {when}
you look {adj}, {name}
open the {noun} and {base} the {noun}
first {do}, then {do}
our next question comes from {name} in {place}
can you tell us more about {topic}?
what did you learn about {topic}?
what happened to {thing}?
I've been reading about {topic}
{nouns} and {nouns} are {adj}
nothing is {adj} in {place}
everyone {past} {thing}
someone {past} my {noun}!
""".strip().splitlines()]


class WordChains:
    """Draws word sequences by the trigrams of pocketsphinx's English language model.

    Parameters
    ----------
    vocabulary : list of str
        Words that may be drawn; the most frequent `size` of them are.
    size : int
        How many.
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
        # Flatter than English itself, so that the less common words are heard often enough.
        self._logq = {w: 0.62 * scores[w] for w in kept}
        self._weights = [math.exp(self._logq[w] * self._log) for w in kept]
        self._cumulative: list[float] = []
        total = 0.0
        for weight in self._weights:
            total += weight
            self._cumulative.append(total)

    def draw(self, rng: random.Random, length: int, candidates: int = 36) -> list[str]:
        """A chain of `length` words that doesn't end in the middle of a phrase where that can be helped."""
        history = ["<s>"]
        open_ended = set("the a an of to and or but in at for with my your his her our their i we he she they is".split())
        for position in range(length):
            pool = rng.choices(self._words, cum_weights=self._cumulative, k=candidates)
            if position == length - 1:
                pool = [w for w in pool if w not in open_ended] or pool
            if position:
                pool = [w for w in pool if w != history[0]]
            scores = [self._model.prob([w, *history[:2]]) - self._logq[w] for w in pool]
            top = max(scores)
            # A little above 1 is closer to fluent English, at the cost of variety.
            weights = [math.exp(0.8 * (s - top) * self._log) for s in scores]
            history.insert(0, rng.choices(pool, weights)[0])
        return history[-2::-1]
