"""Pronunciation lexicon of nano: a word list as pronounced by flite's US English.

``python -m vibevoice_nb.training.nano1.lexicon --words /usr/share/dict/american-english
--out lexicon.txt.gz``
"""

from __future__ import annotations

import argparse
import ctypes
import gzip
import re
import shutil
import subprocess
from pathlib import Path

from vibevoice_nb.errors import OptionError
from vibevoice_nb.nano.english import LETTER_NAMES
from vibevoice_nb.nano.english_tables import PHONES
from vibevoice_nb.training.nano1.vocabulary import NAMES, PLACES

# Contractions, titles and newer words that are missing in a spelling dictionary.
EXTRA = (
    "i'm i've i'll i'd you're you've you'll you'd he's he'll he'd she's she'll she'd it's it'll it'd "
    "we're we've we'll we'd they're they've they'll they'd that's that'll that'd there's there'll here's "
    "what's what're what'll who's who'll who'd where's when's why's how's let's isn't aren't wasn't "
    "weren't don't doesn't didn't won't wouldn't can't couldn't shouldn't mustn't haven't hasn't hadn't "
    "ain't needn't could've should've would've might've y'all ma'am o'clock podcast podcasts podcaster "
    "blog blogs blogger email emails online offline website websites wifi smartphone smartphones app apps "
    "selfie startup startups laptop laptops hashtag livestream playlist playlists mister missus doctor "
    "professor saint okay hey hmm wow yeah yep nope uh um oh ah kilometer kilometers kilometre milliliter "
    "centimeter centimeters gigabyte gigabytes megabyte megabytes kilobyte terabyte hertz kilohertz "
    "megahertz google youtube facebook twitter instagram wikipedia python jupyter notebook github linux "
    "emma olivia liam noah sophia isabella mia amelia ava luna mateo aiden ethan logan lucas owen leo "
    "hugo felix priya ravi anika mei chen yuki sofia elena ivan igor fatima omar hassan aisha nadia lars "
    "ingrid bjorn ruben alasdair berlin munich zurich vienna prague warsaw budapest lisbon barcelona "
    "amsterdam brussels copenhagen stockholm oslo helsinki reykjavik edinburgh glasgow dublin manchester "
    "liverpool bristol leeds mumbai delhi kolkata beijing shanghai tokyo osaka kyoto seoul bangkok hanoi "
    "jakarta sydney melbourne auckland nairobi lagos cairo casablanca covid et cetera nasa nato unesco "
    "unicef "
).split()

# Words whose noun and verb flite reads differently, where the verb is likelier; errors of flite.
CORRECTIONS = {
    "aged": "eʤd", "audio": "ɔdio", "certificate": "sɝtɪfəkət", "collect": "kəlɛkt", "combine": "kəmbán",
    "combines": "kəmbánz", "compress": "kəmprɛs", "conduct": "kəndʌkt", "confine": "kənfán",
    "convert": "kənvɝt", "converts": "kənvɝts", "covid": "kovɪd", "decrease": "dɪkris",
    "defects": "difɛkts", "does": "dʌz", "excuse": "ɪkskjuz", "exploit": "ɪksplót", "hmm": "hʌm",
    "initiate": "ɪnɪʃiet", "insert": "ɪnsɝt", "kai": "ká", "katie": "keti", "lead": "lid", "leads": "lidz",
    "live": "lɪv", "minute": "mɪnət", "miz": "mɪz", "proceed": "prəsid", "proceeds": "prəsidz",
    "produce": "prədus", "produces": "prədusəz", "putting": "pʊtɪŋ", "read": "rid", "reading": "ridɪŋ",
    "refuse": "rəfjuz", "reject": "rɪʤɛkt", "rejects": "rɪʤɛkts", "sam": "sæm", "suspect": "səspɛkt",
    "tear": "tɛr", "upset": "əpsɛt", "use": "juz", "uses": "juzɪz",
}  # fmt: skip


def read_words(path: Path) -> list[str]:
    """Read a list with one word per line: lower case, without possessives, plus EXTRA.

    Parameters
    ----------
    path : Path
        A list such as Debian's ``wamerican``.

    Returns
    -------
    list of str
        Sorted, without duplicates.
    """
    lines = path.read_text(encoding="utf-8", errors="ignore").split()
    plain = {w.lower() for w in lines if re.fullmatch(r"[A-Za-z]{2,}", w)}
    # flite decides whether a name in capitals such as "NATO" is spelled; keep mixed case only.
    shouted = {w.lower() for w in lines if w.isupper() and len(w) > 1}
    lower = {w for w in lines if w.islower()}
    return sorted((plain - (shouted - lower)) | set(EXTRA) | {n.lower() for n in NAMES + PLACES})


def look_up(words: list[str]) -> list[str]:
    """Return the phones of each word by flite's lexicon and letter-to-sound rules, one character per phone.

    Parameters
    ----------
    words : list of str
        Lower-case words.

    Returns
    -------
    list of str
        One for each word; empty if flite has no pronunciation.

    Raises
    ------
    OptionError
        If flite's libraries aren't installed.
    """
    try:
        flite = ctypes.CDLL("libflite.so.1", mode=ctypes.RTLD_GLOBAL)
        ctypes.CDLL("libflite_usenglish.so.1", mode=ctypes.RTLD_GLOBAL)
        cmulex = ctypes.CDLL("libflite_cmulex.so.1")
    except OSError as error:
        raise OptionError(
            str(error), "flite 2.2 and its libraries", "install it: apt-get install flite"
        ) from error
    pointer, string = ctypes.c_void_p, ctypes.c_char_p
    for function in (flite.val_car, flite.val_cdr, flite.lex_lookup, cmulex.cmu_lex_init):
        function.restype = pointer
    flite.val_string.restype = string
    for function in (flite.val_car, flite.val_cdr, flite.val_string):
        function.argtypes = [pointer]
    flite.lex_lookup.argtypes = [pointer, string, string, pointer]
    flite.flite_init()
    lexicon = cmulex.cmu_lex_init()
    spoken = []
    for word in words:
        cell, phones = flite.lex_lookup(lexicon, word.encode(), None, None), ""
        while cell:
            phones += PHONES.get(flite.val_string(flite.val_car(cell)).decode().rstrip("012"), "")
            cell = flite.val_cdr(cell)
        spoken.append(phones)
    return spoken


def speak(words: list[str]) -> list[str]:
    """Return the phones of each word in isolation; flite splits contractions before looking them up."""
    flite = shutil.which("flite")
    if flite is None:
        raise OptionError(
            "no flite on this machine", "the flite program", "install it: apt-get install flite"
        )
    spoken = []
    for word in words:
        command = [flite, "-voice", "rms", "-t", f" {word}.", "-ps", "-o", "none"]
        line = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        spoken.append("".join(PHONES.get(p, "") for p in line.split()))
    return spoken


def build(words: list[str]) -> dict[str, str]:
    """Pronounce `words`; leave out what flite reads as an abbreviation.

    Parameters
    ----------
    words : list of str
        Lower-case words.

    Returns
    -------
    dict
        Word to phones.
    """
    plain = [w for w in words if "'" not in w]
    contracted = [w for w in words if "'" in w]
    letters = ["ay" if c == "a" else c for c in LETTER_NAMES]
    table = dict(zip(plain, look_up(plain), strict=True)) | dict(
        zip(contracted, speak(contracted), strict=True)
    )
    table = {w: p for w, p in table.items() if 0 < len(p) <= len(w) + 3}
    return table | dict(zip(LETTER_NAMES, look_up(letters), strict=True)) | CORRECTIONS


def main() -> None:
    """Build the lexicon from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--words", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    table = build(read_words(options.words))
    text = "".join(f"{w}\t{p}\n" for w, p in sorted(table.items()))
    # Without a time stamp, the same words give the same file.
    options.out.write_bytes(gzip.compress(text.encode("utf-8"), 9, mtime=0))
    print(f"{len(table)} words, {options.out.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    main()
