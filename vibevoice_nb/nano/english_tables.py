"""The tables behind `vibevoice_nb.nano.english`: what is written one way and said another."""

from __future__ import annotations


def _table(text: str) -> dict[str, str]:
    """Pairs written ``short=long``, separated by commas."""
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
sat=saturday""")
# Common words too: an abbreviation only with a capital and its full stop.
DOTTED_ONLY = frozenset(
    (
        "co st gen rep col hon rev est mar jun mon wed sat sun fri ed fig sen inc ave mt ft ch oct sr jan dec"
    ).split()
)

UNITS = _table("""km=kilometer, m=meter, cm=centimeter, mm=millimeter, kg=kilogram, g=gram, mg=milligram,
l=liter, ml=milliliter, lb=pound, lbs=pound, oz=ounce, mi=mile, ft=foot, in=inch, h=hour, hr=hour, hrs=hour,
min=minute, s=second, sec=second, ms=millisecond, kb=kilobyte, mb=megabyte, gb=gigabyte, tb=terabyte,
hz=hertz, khz=kilohertz, mhz=megahertz, ghz=gigahertz, w=watt, kw=kilowatt, v=volt, mph=mile per hour,
km/h=kilometer per hour, °c=degree celsius, °f=degree fahrenheit, °=degree""")
PLURALS = _table(
    """foot=feet, inch=inches, hertz=hertz, kilohertz=kilohertz, megahertz=megahertz, gigahertz=gigahertz"""
)
SCALES = _table("""k=thousand, m=million, b=billion, bn=billion, t=trillion, thousand=thousand,
million=million, billion=billion, trillion=trillion""")
# The unit and its hundredth.
CURRENCIES = {
    "$": ("dollar", "cent"),
    "€": ("euro", "cent"),
    "£": ("pound", "penny"),
    "¥": ("yen", "sen"),
    "₹": ("rupee", "paisa"),
}

# Symbols and letters of the Latin script that don't come apart into a letter and an accent.
SYMBOLS = {
    "&": " and ", "@": " at ", "%": " percent ", "+": " plus ", "=": " equals ", "#": " number ",
    "°": " degrees ", "*": " ", "_": " ", "/": " slash ", "\\": " backslash ", "<": " less than ",
    ">": " greater than ", "~": " about ", "^": " to the ", "|": " ", "×": " times ", "÷": " divided by ",
    "±": " plus or minus ", "©": " copyright ", "™": " ", "®": " ", "§": " section ", "$": " dollars ",
    "€": " euros ", "£": " pounds ", "¥": " yen ", "₹": " rupees ", "…": ". ", "æ": "ae", "œ": "oe",
    "ß": "ss", "ø": "o", "ł": "l", "đ": "d", "ð": "th", "þ": "th", "ı": "i",
}  # fmt: skip
