"""The texts of a page in the language in which it is written, and in the other one, to which its script can switch."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape, unescape

import orjson

from tmdb_assets.language import LANGUAGES, Language, catalogue, tr, use
from tmdb_assets.language.extract import texts_of_script, translate_html
from tmdb_assets.language.names import CONTINENTS, GENRES, RELEASES

_PIECE = re.compile(r'>([^<>]+)<|(?:aria-label|title)="([^"]+)"')


@dataclass(frozen=True)
class Texts:
    """Makes the texts of a page, and remembers them in English and French; each is made safe for HTML."""

    language: Language
    pairs: dict[str, str] = field(default_factory=dict)

    def __call__(self, text: str) -> str:
        """A text of the catalogue."""
        return self.made(lambda: {"": tr(text)})[""]

    def made(self, make: Callable[[], dict[str, str]]) -> dict[str, str]:
        """The texts that a function makes, by its keys."""
        by_language: dict[str, dict[str, str]] = {}
        for each in LANGUAGES:
            with use(each):
                by_language[each] = make()
        self.pairs.update(zip(by_language["en"].values(), by_language["fr"].values(), strict=True))
        return {name: escape(text) for name, text in by_language[self.language].items()}

    def rendered(self, make: Callable[[], str]) -> str:
        """The HTML that a function makes; in each language it has the same elements."""
        by_language: dict[str, str] = {}
        for each in LANGUAGES:
            with use(each):
                by_language[each] = make()
        pieces = (
            [unescape(text or name).strip() for text, name in _PIECE.findall(by_language[of])] for of in LANGUAGES
        )
        self.pairs.update((one, other) for one, other in zip(*pieces, strict=True) if one != other)
        return by_language[self.language]

    def translated(self, page: str) -> str:
        """A template with its texts in the page's language."""
        return translate_html(page, self)

    def embedded(self, script: str) -> str:
        """What the page's script needs of both languages, as JSON that cannot end its element."""
        known = catalogue("fr")
        used = {text if isinstance(text, str) else text[0] for text in texts_of_script(script)}
        french = {text: known.get(text, text) for text in sorted({*used, *GENRES, *CONTINENTS, *RELEASES})}
        data = {"french": french, "page": [pair for pair in self.pairs.items() if pair[0]]}
        return orjson.dumps(data).decode().replace("<", "\\u003c")
