"""What the tests of the tickets measure their texts with."""

from word_runs import runs, words

from coursekit.tickets import Ticket

WEEKDAYS = (
    r"mon(?:days?)?|tues?(?:days?)?|wed(?:nesdays?)?|thu(?:rs)?(?:days?)?|fri(?:days?)?|sat(?:urdays?)?|sun(?:days?)?|"
    r"(?:mon|diens|donners|frei|sams|sonn)tags?|mittwochs?|fritig|(?:lun|mar|mercre|jeu|vendre|same)dis?|dimanches?|"
    r"lunes|martes|mi[ée]rcoles|jueves|viernes|s[áa]bados?|domingos?"
)
WEEKDAY_NUMBER = {
    name: number
    for number, names in enumerate(
        (
            "mon lun",
            "tue diens mardi martes",
            "wed mittwoch mer mié",
            "thu donners jeu jue",
            "fri frei ven vie",
            "sat sams sam sáb",
            "sun sonn dim dom",
        )
    )
    for name in names.split()
}  # from the first letters
DAY_WORDS = (
    r"today|tomorrow|tmrw|yesterday|christmas(?: day| eve)?|black friday|easter monday|la saint valentin|reyes|piątek|soboty|ieri|heute?|(?:ü|ue)?bermorgen|morgen|"
    r"(?:vor)?gestern|karfreitag|aujourd'hui|ce jour|(?:après-)?demain|hier|hoy|(?:pasado )?ma[ñn]ana|(?:ante)?ayer|anoche"
)
CURRENCY = (
    r"€|£|\$|eur(?:o|os)?|gbp|pounds?|quid|chf|franken|fr\.|francs?|sek|dkk|nok|kr\.?|czk|zł|pln|cents?|öcken|balles|"
    r"d[óo]lares|dollars?|usd"
)
LOOKS_LIKE = {
    "parcel_id": r"(?:qs[ .-]*)?\d(?:[ .-]*\d){7}(?:[ .-]*[a-z]{2})?",
    "order_id": r"(?=.*\d)#?[\w/-]{3,20}",
    "amount": rf"(?=.*(?:\d|euro)).*(?:{CURRENCY}).*",
    "date": rf".*(?:\d|\b(?:{WEEKDAYS}|{DAY_WORDS})\b).*",
}
MUST_BE_MARKED = {
    "parcel_id": r"\bqs ?\d\d|\b\d{8}(?:[a-z]{2})?\b",
    "order_id": r"(?<!\w)#\d|\bPO-\w*\d",
    "amount": r"[€£]\s?\d|\d\s?[€£]|\d\s?(?:euros?|franken)\b",
    "date": r"\b\d{4}-\d\d-\d\d|\b\d\d?[./]\d\d?[./]\d\d|\b(?:today|tomorrow|yesterday|heute|gestern|demain|ayer)\b|"
    r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b|\b(?:diens|donners|frei|sams|sonn)tags?\b|\bjueves\b|\bvendredi\b",
}
COMMON_WORDS = {
    "en": "the and is it you we to of my that have not our was for with",
    "de": "der die das und ist nicht ich wir sie ein den mit zu wurde",
    "fr": "le la les et est vous nous je une du des pas que pour dans au il un",
    "es": "el la los y es que no por una con se para lo un",
}


def masked(ticket: Ticket) -> str:
    """The text with each entity replaced by the name of its type: a template with other values shows as the same text."""
    pieces, position = [], 0
    for span in ticket.entities:
        pieces += [ticket.text[position : span.start], f" {span.label} "]
        position = span.end
    return "".join(pieces) + ticket.text[position:]


def five_grams(ticket: Ticket) -> set[tuple[str, ...]]:
    """Every run of five words of the masked text."""
    return runs(words(masked(ticket)), 5)


def overlap(one: Ticket, other: Ticket) -> float:
    """The share, 0 to 1, of the shorter ticket's word five-grams that the other one has too."""
    first, second = five_grams(one), five_grams(other)
    return len(first & second) / max(1, min(len(first), len(second)))
