"""Finds the texts in code and pages; run as a module, it adds new ones to the catalogue and drops the stale ones."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from tmdb_assets.language import FOLDER, LANGUAGES, catalogue

PACKAGE = FOLDER.parent
_STRING = r'"(?:[^"\\]|\\.)*"'
_CALL = re.compile(rf"\b(trn?)\(\s*({_STRING})(?:,\s*({_STRING}))?")
# A text between tags, or an attribute that is read out or shown; what has a $ is filled in already translated.
_HTML = re.compile(
    r"(?P<before>>\s*)(?P<text>[^<>$]*[^\W\d_][^<>$]*?)(?P<after>\s*<)"
    r'|(?P<name>(?:aria-label|placeholder|title)=")(?P<attribute>[^"$]+)(?=")'
)

Text = str | tuple[str, str]
"""A text, or its forms for one and for many."""


def texts_of_python(code: str) -> Iterator[Text]:
    """The texts that are arguments of `tr`, `trn` and `mark`."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"tr", "trn", "mark"}:
            given = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            if node.func.id == "trn":
                yield (given[0], given[1])
            elif given:
                yield given[0]


def texts_of_script(code: str) -> Iterator[Text]:
    """The texts that are arguments of `tr` and `trn` in JavaScript."""
    for name, one, many in _CALL.findall(code):
        yield (json.loads(one), json.loads(many)) if name == "trn" else json.loads(one)


def texts_of_html(page: str) -> Iterator[str]:
    """The texts of a page, between its tags and in its attributes."""
    for found in _HTML.finditer(page):
        yield found["text"] or found["attribute"]


def translate_html(page: str, translate: Callable[[str], str]) -> str:
    """A page with each of its texts replaced."""

    def replace(found: re.Match[str]) -> str:
        if found["text"]:
            return f"{found['before']}{translate(found['text'])}{found['after']}"
        return f"{found['name']}{translate(found['attribute'])}"

    return _HTML.sub(replace, page)


_KINDS: dict[str, Callable[[str], Iterator[Text]]] = {
    ".py": texts_of_python,
    ".js": texts_of_script,
    ".html": texts_of_html,
}


def texts_in(folder: Path = PACKAGE) -> set[Text]:
    """The texts of all files of a folder."""
    files = [path for path in folder.rglob("*.*") if path.suffix in _KINDS]
    return {text for path in files for text in _KINDS[path.suffix](path.read_text(encoding="utf-8"))}


def renew() -> None:
    """Write the catalogues again: new texts without a translation, no stale ones, in the order of the alphabet."""
    for language in LANGUAGES[1:]:
        known, path = catalogue(language), FOLDER / f"{language}.po"
        entries = [entry(text, known.get(text if isinstance(text, str) else text[0], "")) for text in texts_in()]
        path.write_text("\n".join([_HEADER, *sorted(entries)]), encoding="utf-8")


_HEADER = """# `python -m tmdb_assets.language.extract` adds the new texts of the code and drops the stale ones.
msgid ""
msgstr ""
"Language: fr\\n"
"Plural-Forms: nplurals=2; plural=(n > 1);\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"""


def entry(text: Text, translated: str | tuple[str, ...]) -> str:
    """A text and its translation as an entry of a catalogue."""
    if isinstance(text, str):
        return f"msgid {_quoted(text)}\nmsgstr {_quoted(str(translated))}\n"
    one, many = ("", "") if isinstance(translated, str) else translated
    forms = f"msgstr[0] {_quoted(one)}\nmsgstr[1] {_quoted(many)}\n"
    return f"msgid {_quoted(text[0])}\nmsgid_plural {_quoted(text[1])}\n{forms}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # gettext has the same escapes


if __name__ == "__main__":
    renew()
