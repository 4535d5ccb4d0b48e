"""Tables of `vibevoice_nb.nano.english`: written forms and their readings."""

from __future__ import annotations


def _table(text: str) -> dict[str, str]:
    """Parse pairs ``short=long``, separated by commas."""
    pairs = (pair.split("=") for pair in text.replace("\n", " ").split(","))
    return {short.strip(): long.strip() for short, long in pairs}


# flite's US English phones, one lower-case character each.
PHONES = _table("""aa=ɑ, ae=æ, ah=ʌ, ao=ɔ, aw=å, ax=ə, ay=á, eh=ɛ, er=ɝ, ey=e, ih=ɪ, iy=i, ow=o, oy=ó, uh=ʊ,
uw=u, b=b, ch=ʧ, d=d, dh=ð, f=f, g=g, hh=h, jh=ʤ, k=k, l=l, m=m, n=n, ng=ŋ, p=p, r=r, s=s, sh=ʃ, t=t, th=θ,
v=v, w=w, y=j, z=z, zh=ʒ""")

ABBREVIATIONS = _table("""mr=mister, mrs=missus, ms=miz, dr=doctor, prof=professor, st=saint, jr=junior,
sr=senior, vs=versus, etc=et cetera, approx=approximately, dept=department, est=established,
inc=incorporated, ltd=limited, co=company, corp=corporation, gen=general, sen=senator, rep=representative,
capt=captain, lt=lieutenant, sgt=sergeant, col=colonel, gov=governor, hon=honorable, rev=reverend,
ave=avenue, blvd=boulevard, rd=road, mt=mount, ft=fort, fig=figure, vol=volume, ch=chapter, pp=pages,
ed=edition, eds=editors, jan=january, feb=february, mar=march, apr=april, jun=june, jul=july, aug=august,
sep=september, sept=september, oct=october, nov=november, dec=december, mon=monday, tue=tuesday,
tues=tuesday, wed=wednesday, thu=thursday, thurs=thursday, fri=friday,
sat=saturday, cf=compare, ca=circa, al=al, apt=apartment, misc=miscellaneous,
govt=government, asst=assistant""")
# Also common words: abbreviations only with a capital and a full stop.
DOTTED_ONLY = frozenset(
    (
        "co st gen rep col hon rev est mar jun mon wed sat sun fri ed fig sen inc ave mt ft ch oct sr jan dec"
    ).split()
)
# Abbreviations without a capital, only with a full stop.
DOTTED_LOWER = frozenset(("cf", "ca", "al"))

# Only after a number; elsewhere single letters and `in` are words or names.
UNITS = _table("""km=kilometer, m=meter, cm=centimeter, mm=millimeter, kg=kilogram, g=gram, mg=milligram,
l=liter, L=liter, ml=milliliter, lb=pound, lbs=pound, oz=ounce, mi=mile, ft=foot, in=inch, h=hour, hr=hour,
hrs=hour, min=minute, mins=minute, s=second, sec=second, secs=second, ms=millisecond, kb=kilobyte,
mb=megabyte, gb=gigabyte, tb=terabyte, hz=hertz, khz=kilohertz, mhz=megahertz, ghz=gigahertz, W=watt,
kw=kilowatt, kwh=kilowatt hour, V=volt, mph=mile per hour, kph=kilometer per hour, mbps=megabit per second,
db=decibel, mya=million year ago, yd=yard, yds=yard, gal=gallon, °C=degree celsius, °F=degree fahrenheit,
°=degree""")
PLURALS = _table(
    """foot=feet, inch=inches, hertz=hertz, kilohertz=kilohertz, megahertz=megahertz, gigahertz=gigahertz"""
)
# Units before which "/" means "per".
PER = (
    "s second sec minute min hour hr day night week month mo year yr person head piece unit mile gallon kg lb"
).split()
SCALES = _table("""k=thousand, m=million, b=billion, bn=billion, t=trillion, thousand=thousand,
million=million, billion=billion, trillion=trillion""")
# A currency and its hundredth.
CURRENCIES = {
    "$": ("dollar", "cent"),
    "€": ("euro", "cent"),
    "£": ("pound", "penny"),
    "¥": ("yen", "sen"),
    "₹": ("rupee", "paisa"),
}

# Symbols, and Latin letters that do not decompose into a letter and an accent.
SYMBOLS = {
    "&": " and ", "@": " at ", "%": " percent ", "+": " plus ", "=": " equals ", "#": " number ",
    "°": " degrees ", "*": " ", "_": " ", "/": " slash ", "\\": " backslash ", "<": " less than ",
    ">": " greater than ", "~": " about ", "^": " to the ", "|": " ", "×": " times ", "÷": " divided by ",
    "±": " plus or minus ", "©": " copyright ", "®": " ", "§": " section ", "$": " dollars ",
    "€": " euros ", "£": " pounds ", "¥": " yen ", "₹": " rupees ", "¢": " cents ", "…": ". ",
    "≤": " less than or equal to ", "≥": " greater than or equal to ", "≠": " is not equal to ",
    "≈": " about ", "∞": " infinity ", "√": " the square root of ", "∑": " the sum of ", "‰": " per mille ",
    "æ": "ae", "œ": "oe", "ß": "ss", "ø": "o", "ł": "l", "đ": "d", "ð": "th", "þ": "th", "ı": "i",
}  # fmt: skip
DECORATION = "\u2190", "\u25ff"
"""First and last of the arrows, box drawings and geometric shapes: typography, left out silently."""

# Words in capitals that are spelled although they are also words, and the reverse.
SPELLED = frozenset(
    "us it who am id la ai un er ir pr hr pc pm ad ac dc ed eu uk tv co ad md ma ba dj iv".split()
)
SAID = _table("""OK=okay, COVID=covid, NASA=nasa, NATO=nato, IKEA=ikea, OPEC=opec, FIFA=fifa""")

# Names of kings, queens and popes: "Henry VIII" is read as "Henry the eighth".
REGNAL = frozenset(
    """Adrian Albert Alexander Alfonso Andrew Benedict Boniface Carl Carlos Catherine Charles Christian
    Clement Cleopatra Constantine Cyrus Darius David Edward Elizabeth Emmanuel Eugene Ferdinand
    Francis Franz Frederick George Gregory Gustav Haakon Harald Henry Innocent Isabella Ivan James
    Jean John Joseph Juan Julius Leo Leopold Louis Margaret Martin Mary Maximilian Mehmed Michael
    Murad Napoleon Nicholas Otto Paul Pedro Peter Philip Pius Ptolemy Ramesses Ramses Richard Robert
    Rudolf Selim Sixtus Stephen Thomas Umberto Urban Victor Wilhelm William Xerxes""".split()
)
# Headings with Roman numerals, single letters included.
HEADINGS = frozenset(
    """Act Appendix Article Book Bowl Chapter Class Episode Figure Grade Level Mark Part Phase Schedule
    Section Season Stage Table Title Type Unit Volume War""".split()
)
