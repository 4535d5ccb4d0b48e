"""Vocabulary of the sentences of the corpus."""

from __future__ import annotations

NAMES = """Alice Bob Carter Emma Frank Grace Henry Maya Oscar Sam Tom Lucy Peter Mary David Anna John James
Robert Michael Sarah Laura Daniel Susan Karen Paul Mark George Kate Rachel Simon Oliver Sophia Lucas Nora
Felix Clara Hugo Iris Leo Julia Adam Ella Max Ruth Victor Diana Martin Helen Walter Rose Arthur Jane Edward
Linda Kevin Nancy Brian Carol Steven Maria Jason Lisa Eric Amy Gary Angela Larry Brenda Scott Emily Andrew
Rebecca Omar Priya Mei Yuki Sofia Ivan Fatima Hassan Aisha Nadia
Ingrid Lars Mateo Elena Ruben Kai Ada""".split()
PLACES = """London Paris France Germany Spain Italy China Japan Europe America Canada Texas Chicago Boston
Berlin Vienna Prague Rome Athens Egypt India Africa Brazil Mexico Australia Sweden Norway Finland Poland
Ireland Scotland Wales Dublin Madrid Lisbon Moscow Tokyo Sydney Toronto Seattle Denver Florida California
Alaska Peru Chile Kenya Iceland Holland Belgium Greece Turkey Switzerland Austria Hungary Vietnam Korea
Singapore Oregon Montana Virginia""".split()
DAYS = """Monday Tuesday Wednesday Thursday Friday Saturday Sunday""".split()
MONTHS = """January February March April May June July August
September October November December""".split()
NOUNS = """apple answer artist baby bag ball band bank basket beach bed bell bicycle bird boat book bottle
box boy bridge brother brush building bus butter button cake camera car card cat chair change chapter cheese
child choice church circle city class clock cloud coat coffee company computer cook corner country cousin
cow cup customer dance daughter day desk dinner doctor dog door dream dress driver egg email engine evening
experiment eye face factory family farm farmer father field film finger fire fish floor flower forest friend
game garden gift girl glass goal government group guest guitar hand hat heart hill history holiday horse
hospital hotel hour house idea island jacket job journey judge key king kitchen knife lake lamp language
lawyer leaf lesson letter library light line list machine magazine manager map market meal meeting message
mirror moment money month morning mother mountain mouth movie museum music name nature neighbor newspaper
night noise number nurse ocean office opinion orange orchestra page paint paper parent park party path
pencil person phone photo picture piece place plan plane plant plate player pocket poem police pool problem
program project promise question radio reason recipe restaurant ring river road room rule sailor sandwich
school science scientist sea season secret shadow ship shirt shoe shop show sister sky smile snow soldier
song sound soup spring star station step stone storm story street student subject summer sun surgeon table
teacher team test theory thing thought ticket tiger tool tower town toy train tree trip truck uncle
university valley vegetable video village visitor voice wall watch water weather week wheel wife wind window
winter witness woman wood word worker world writer year zoo""".split()
ADJECTIVES = """amazing ancient angry bad beautiful big bitter black blue brave bright broken brown busy
calm careful cheap clean clear clever cold common complete cool crazy curious dangerous dark deep different
difficult dirty dry early easy empty excellent expensive fair famous fast fat fine foreign free fresh
friendly full funny gentle golden good great green happy hard healthy heavy high honest hot huge hungry
important interesting kind large late lazy light local lonely long loud lovely lucky modern narrow natural
new nice noisy old open orange perfect pink pleasant polite poor popular pretty private proud public pure
quick quiet rare ready real red rich right rough round sad safe serious sharp short shy silent silly simple
slow small smooth soft special strange strict strong sudden sweet tall terrible thick thin tiny tired true
ugly unusual useful usual valuable warm weak wet white whole wide wild wise wonderful wooden wrong yellow
young""".split()
# Base and past of verbs that take an object.
VERBS = """accept:accepted answer:answered ask:asked avoid:avoided believe:believed borrow:borrowed
bring:brought build:built burn:burned buy:bought call:called carry:carried catch:caught change:changed
check:checked choose:chose clean:cleaned close:closed collect:collected compare:compared cook:cooked
count:counted cover:covered cut:cut describe:described design:designed destroy:destroyed discover:discovered
discuss:discussed draw:drew drive:drove enjoy:enjoyed examine:examined explain:explained fill:filled
find:found finish:finished fix:fixed follow:followed forget:forgot forgive:forgave get:got give:gave
guess:guessed hear:heard help:helped hide:hid hold:held ignore:ignored imagine:imagined improve:improved
introduce:introduced invite:invited join:joined keep:kept kick:kicked know:knew learn:learned leave:left
lift:lifted like:liked lose:lost love:loved make:made measure:measured meet:met miss:missed mix:mixed
move:moved need:needed notice:noticed offer:offered open:opened order:ordered own:owned paint:painted
pass:passed pay:paid pick:picked plan:planned prefer:preferred prepare:prepared protect:protected
prove:proved publish:published pull:pulled push:pushed reach:reached read:read receive:received
record:recorded remember:remembered repair:repaired replace:replaced return:returned save:saved see:saw
sell:sold send:sent share:shared show:showed sing:sang smell:smelled solve:solved start:started steal:stole
stop:stopped study:studied support:supported take:took taste:tasted teach:taught tell:told test:tested
throw:threw touch:touched translate:translated trust:trusted understand:understood use:used visit:visited
want:wanted warn:warned wash:washed watch:watched wear:wore win:won write:wrote""".split()
PAST_ALONE = """arrived appeared cried danced disappeared escaped fell flew hesitated jumped laughed
listened lived looked played prayed ran sat shouted slept smiled spoke stood stayed swam talked traveled
waited walked whispered worked""".split()
ADVERBS = """quickly slowly carefully quietly loudly happily sadly today yesterday again always often never
together alone outside inside early late soon easily suddenly finally recently usually sometimes probably
certainly actually really clearly exactly immediately upstairs
everywhere somehow anyway tonight""".split()
PREPOSITIONS = """near under behind beside above below inside across around through over from with without
before after about against between toward""".split()
PRONOUNS = """he she they we you I""".split()
TOPICS = """space travel, the weather, modern art, old trains, healthy food, climate change, learning
languages, small business, machine learning, the history of bread, long distance running, classical music,
wild animals, city planning, good sleep, deep sea fishing, the price of houses, renewable energy, open
source software, public transport, raising children, ancient Rome, playing chess, growing vegetables, board
games, the human brain, black holes, quantum physics, solar power, making furniture, writing novels, the
stock market, mountain climbing, digital privacy, voting rights, volcanoes, photography, the common cold,
electric cars, handwriting""".replace("\n", " ").split(", ")
PHRASES = """hello, hi there, good morning, good afternoon, good evening, good night, thank you, thank you
very much, thanks a lot, welcome, welcome back, please, yes, no, well, okay, right, sure, of course, I think
so, see you soon, see you tomorrow, that is great, exactly, absolutely, I agree, I disagree, I see, really,
wow, oh, you know, I mean, actually, to be honest, by the way, for example, in other words, on the other
hand, never mind, excuse me, I'm sorry, no problem, you're welcome, not at all, maybe, perhaps, I'm not
sure, that's right, that's a good point, how interesting, what a surprise, congratulations, good luck, take
care, have a nice day, nice to meet you, how are you, I'm fine, it's a pleasure, don't worry, let's see,
come on, hurry up, wait a minute, tell me more, let me think, as you know, as far as I know, in my opinion,
generally speaking, first of all, after all, at the moment, in the end, so far, once again, that's it for
today, stay with us, thanks for listening, thank you for having me,
it's great to be here""".replace("\n", " ").split(", ")
# `{name}` is a word of a list or a generated phrase.
TEMPLATES = """{who} {did}
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
someone {past} my {noun}!""".splitlines()
