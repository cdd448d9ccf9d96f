"""The language of what readers see: texts by one catalogue, numbers and dates by locale. Babel is only read for French.

A text is written in English where it is shown: `tr("Films")`, `trn("{n} film", "{n} films", number, n=...)`; where it
is declared but not yet shown, `mark("Films")`. Its French is in `fr.po`, which `python -m tmdb_assets.language.extract`
brings up to date.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator

Language = Literal["en", "fr"]
LANGUAGES: tuple[Language, ...] = ("en", "fr")
FOLDER = Path(__file__).parent

_language: ContextVar[Language] = ContextVar("language", default="en")


def language() -> Language:
    """The language in which texts are made now."""
    return _language.get()


def choose(chosen: Language) -> None:
    """Make texts in this language from now on, in this thread."""
    _language.set(chosen)


@contextmanager
def use(chosen: Language) -> Iterator[None]:
    """Make texts in this language inside of the block."""
    token = _language.set(chosen)
    try:
        yield
    finally:
        _language.reset(token)


def mark(text: str) -> str:
    """The text as it is: declares that it is shown by a later `tr`."""
    return text


def tr(text: str, /, **values: object) -> str:
    """A text in the chosen language, with `{name}` replaced by values; as it is where the catalogue lacks it."""
    known = text if _language.get() == "en" else catalogue(_language.get()).get(text, text)
    found = known if isinstance(known, str) else known[0]
    return found.format(**values) if values else found


def trn(one: str, many: str, number: float, /, **values: object) -> str:
    """The form of a text for a number: `one` or `many`, with `{name}` replaced by values."""
    if _language.get() == "en":
        return (one if number == 1 else many).format(**values)
    forms = catalogue(_language.get()).get(one, (one, many))
    return forms[number >= 2].format(**values)  # the rule of French: 0 and 1 film, 2 films


@cache
def catalogue(of: Language) -> dict[str, str | tuple[str, ...]]:
    """The texts of a language by their English, which is the singular for texts with a number."""
    from babel.messages.pofile import read_po

    with (FOLDER / f"{of}.po").open("rb") as file:
        found = read_po(file, locale=of)
    return {_key(message.id): _form(message.string) for message in found if message.id and message.string}


def _key(identifier: Any) -> str:
    return identifier if isinstance(identifier, str) else str(identifier[0])


def _form(string: Any) -> str | tuple[str, ...]:
    return string if isinstance(string, str) else tuple(string)


def localised(number: str) -> str:
    """A number that is written the English way ("1,234.5"), as the chosen language writes it ("1 234,5")."""
    return number if _language.get() == "en" else number.translate(_symbols(_language.get()))


@cache
def _symbols(of: Language) -> dict[int, str]:
    from babel.numbers import get_decimal_symbol, get_group_symbol

    # The charts' own font has no narrow space.
    return {ord(","): get_group_symbol(of).replace("\u202f", "\u00a0"), ord("."): get_decimal_symbol(of)}


def percent(number: str) -> str:
    """A number that is written the English way, followed by the sign of percent."""
    return tr("{number}%", number=localised(number))


def day_text(day: dt.date | str, length: Literal["long", "medium", "short"] = "long") -> str:
    """A date: 2026-11-30, or in French "30 novembre 2026", "30 nov. 2026" or 30/11/2026 where there is little room."""
    if _language.get() == "en":
        return str(day)
    import datetime as dt

    from babel.dates import format_date

    on = dt.date.fromisoformat(day) if isinstance(day, str) else day
    if length == "short":
        return format_date(on, length, _language.get())
    return ("1er" if on.day == 1 else str(on.day)) + format_date(on, length, _language.get()).lstrip("0123456789")


def month_names(of: Language) -> tuple[list[str], list[str]]:
    """The months of a year, in full and in short."""
    from babel import Locale

    months = Locale(of).months["format"]
    return [months["wide"][month] for month in range(1, 13)], [months["abbreviated"][month] for month in range(1, 13)]


def country_name(code: str | None, name: str | None) -> str | None:
    """A country by its ISO 3166-1 code; `name` in English, or where the code has none."""
    return _named("territories", code and code.upper(), name)


def language_name(code: str | None, name: str | None) -> str | None:
    """A language by its ISO 639-1 code, with a capital; `name` in English, or where the code has none."""
    found = _named("languages", {"cn": "yue"}.get(code or "", code), name)  # TMDb's code for Cantonese
    return found[:1].upper() + found[1:] if found else found


def _named(what: str, code: str | None, name: str | None) -> str | None:
    if _language.get() == "en" or not code:
        return name
    from babel import Locale

    return getattr(Locale(_language.get()), what).get(code, name)  # type: ignore[no-any-return]
