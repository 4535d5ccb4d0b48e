"""Line breaks of subtitles: at sentences and phrases, never between words that belong together."""

from __future__ import annotations

import re

import pytest
from cpu_time import least_seconds
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vibevoice_nb.export.line_breaks import LINE_WIDTH, LINES, break_screens, text_width

# Read and agreed to one by one: the label, and the screens.
EXAMPLES: list[tuple[str, list[list[str]]]] = [
    ("Ben: ", [["Ben: Very well, thank you.", "Is there any coffee?"]]),
    ("Anna: ", [["Anna: Good morning,", "and welcome to our little show."]]),
    ("Ben: ", [["Ben: I made some coffee and went", "for a walk by the river."]]),
    ("Anna: ", [["Anna: That sounds like a good way", "to begin the day."]]),
    (
        "",
        [
            ["The committee that was formed last year", "has decided to postpone the vote"],
            ["until the end of March."],
        ],
    ),
    ("", [["Dr. Smith lives", "at 5 Main St. in New York City,"], ["where he has worked since 1999."]]),
    (
        "Ben: ",
        [
            ["Ben: If you want to come with me,"],
            ["you should bring a warm coat", "because it is going to snow."],
        ],
    ),
    ("", [["What was the hardest part", "of writing your first book"], ["about the history of trains?"]]),
    ("", [["She laughed and said", "that nothing had changed"], ["since the day we met in the mountains."]]),
    ("", [["She asked me whether I had seen the man", "who lives next door to the old bakery."]]),
    ("", [["Yes. No. Maybe. I don't know,", "to be honest with you."]]),
    ("", [["你好，世界。今天天气很好，我们一起去公园", "散步吧。然后我们可以在湖边的小餐馆吃午饭。"]]),
    (
        "",
        [
            ["Two hundred and fifty people came", "to the opening"],
            ["of the museum on Friday night,", "and most of them stayed until midnight."],
        ],
    ),
    (
        "Moderator of the evening: ",
        [
            ["Moderator of the evening: Welcome", "to the show, everybody,"],
            ["it is lovely to see", "so many of you here tonight."],
        ],
    ),
    ("", [["It costs 5 kg of gold to buy a horse", "from the king of Spain."]]),
    ("", [["I told him that I would think about it,", "but I never did."]]),
    ("", [["We are not going to make it in time."]]),
    ("", [["Wait - what did you say?"], ["I thought that you were joking", "about the trip to Paris."]]),
    (
        "Ada: ",
        [
            ["Ada: It was the best of times,"],
            ["it was the worst of times, it was the age", "of wisdom, it was the age of foolishness."],
        ],
    ),
    ("", [["Let us take a short break and then come", "back to the questions from our listeners."]]),
    ("", [["He gave me a book,", "a pen and a very old map of the city."]]),
    ("Ben: ", [["Ben: No, thank you.", "I have had enough coffee for today."]]),
    ("", [["The number of people who live", "in the United States is 335 million."]]),
]


@pytest.mark.parametrize(("label", "screens"), EXAMPLES)
def test_examples(label: str, screens: list[list[str]]) -> None:
    whole = " ".join(line for screen in screens for line in screen)
    whole = re.sub(r"(?<=[\u3000-\u9fff]) ", "", whole)  # Chinese has no blanks
    assert break_screens(whole.removeprefix(label), label) == screens


def test_there_are_examples_enough() -> None:
    assert len(EXAMPLES) >= 20


WORDS = (
    "the a an of to in with and but that who very my I you he Dr. No. 5 kg Anna Smith thank went wonderful, "
    "said. Really? houses quietly; because it's don't New York is walk --- “so” (yes) e.g. 1,000"
).split()
TEXTS = st.one_of(
    st.text(max_size=200).map(lambda text: " ".join(text.split())),
    st.lists(st.sampled_from([*WORDS, "你好，世界。今天天气", "a" * 90]), max_size=40).map(" ".join),
)
LABELS = st.one_of(st.just(""), st.sampled_from(["Ben: ", "Speaker 1: ", "The moderator of the evening: "]))


@settings(max_examples=300, deadline=None)
@given(TEXTS, LABELS)
def test_no_word_is_lost_and_lines_keep_their_width(text: str, label: str) -> None:
    screens = break_screens(text, label)
    said = "".join(line for screen in screens for line in screen)
    assert re.sub(r"\s", "", said) == re.sub(r"\s", "", label + text)
    assert all(1 <= len(screen) <= LINES for screen in screens)
    assert all(line == line.strip() and 0 < text_width(line) <= LINE_WIDTH for s in screens for line in s)


PHRASES = st.sampled_from(
    [
        "the house",
        "in a garden",
        "and she said",
        "thank you,",
        "went home",
        "of my brother",
        "Dr. Smith",
        "5 kg",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PHRASES, min_size=1, max_size=30))
@example(5 * ["Dr. Smith"])
def test_phrases_stay_together(phrases: list[str]) -> None:
    lines = [line for screen in break_screens(" ".join(phrases)) for line in screen]
    assert not [line for line in lines if re.search(r"(?:^| )(?:the|a|in|of|my|and|thank|Dr\.|5)$", line)]


def test_the_label_does_not_count_in_the_balance() -> None:
    assert break_screens("Very well, thank you. Is there any coffee?", "Benjamin: ") == [
        ["Benjamin: Very well, thank you.", "Is there any coffee?"]
    ]


@pytest.mark.parametrize("piece", ["word ", "你", "你好，", "a", "a b ", ". ", "the "])
def test_time_grows_with_length_and_no_faster(piece: str) -> None:
    def seconds(length: int) -> float:
        text = (piece * (length // len(piece))).strip()
        return least_seconds(lambda: break_screens(text))

    seconds(500)
    assert seconds(8000) < max(0.3, 8 * seconds(2000))
