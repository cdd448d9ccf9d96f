"""The words of the glossary: no text of the project uses a phrase that docs/glossary.md says to avoid."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tmdb_assets.settings import PROJECT_ROOT

GLOSSARY = PROJECT_ROOT / "docs" / "glossary.md"
TEXTS = (
    "*.md",
    "docs/**/*.md",
    "sql/**/*.sql",
    "tmdb_assets/**/*.py",
    "tmdb_assets/**/*.js",
    "tmdb_assets/**/*.html",
    "tmdb_assets_tests/**/*.py",
    "benchmarks/**/*.py",
    "*.yml",
    "*.yaml",
    "Makefile",
)


def phrases(glossary: str) -> list[str]:
    """The phrases in quotation marks in the last column of the glossary's tables."""
    cells = [line.rstrip("|").rpartition("|")[2] for line in glossary.splitlines() if line.startswith("| ")]
    return [phrase for cell in cells for phrase in re.findall(r'"([^"]+)"', cell)]


def texts() -> Iterator[Path]:
    for pattern in TEXTS:
        yield from (path for path in PROJECT_ROOT.glob(pattern) if path != GLOSSARY and path != Path(__file__))


def find(phrase: str, text: str) -> list[str]:
    """Where a text uses the phrase as whole words, on one line or over a line break."""
    words = r"[\s#]+".join(re.escape(word) for word in phrase.split())
    return [match.group() for match in re.finditer(rf"(?<!\w){words}(?!\w)", text, re.IGNORECASE)]


def test_no_text_uses_a_phrase_to_avoid() -> None:
    avoided = phrases(GLOSSARY.read_text(encoding="utf-8"))
    assert len(avoided) > 30
    found = {}
    for path in texts():
        text = path.read_text(encoding="utf-8")
        lowered = text.lower()
        # Most texts lack the longest word, and a plain search takes no time.
        likely = [phrase for phrase in avoided if max(phrase.lower().split(), key=len) in lowered]
        if used := [phrase for phrase in likely if find(phrase, text)]:
            found[str(path.relative_to(PROJECT_ROOT))] = used
    assert found == {}


def test_a_phrase_to_avoid_is_found() -> None:
    assert phrases('| say | avoid |\n| again | "anew", "once anew" |') == ["anew", "once anew"]
    assert find("told in the log", "It is told in\n# the log.") == ["told in\n# the log"]
    assert find("anew", "It is renewed.") == []
