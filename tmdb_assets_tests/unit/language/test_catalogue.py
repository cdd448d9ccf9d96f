"""Every text is translated, no translation is stale, and a French page shows no English text of the catalogue."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from tmdb_assets.charts.labels import Moved, format_count, format_measure, percent_text, riser_sentence
from tmdb_assets.language import catalogue, country_name, day_text, language_name, mark, tr, trn, use
from tmdb_assets.language.extract import (
    entry,
    texts_in,
    texts_of_html,
    texts_of_python,
    texts_of_script,
    translate_html,
)

FIELD = re.compile(r"\{(\w+)\}")


def forms(text):
    return (text,) if isinstance(text, str) else text


def test_every_text_is_translated_and_no_translation_is_stale():
    known, texts = catalogue("fr"), texts_in()
    keys = {forms(text)[0] for text in texts}
    assert keys - known.keys() == set(), "write them in fr.po: python -m tmdb_assets.language.extract"
    assert known.keys() - keys == set(), "drop them: python -m tmdb_assets.language.extract"
    assert [text for text in texts if len(forms(text)) != len(forms(known[forms(text)[0]]))] == []


def test_a_translation_has_the_fields_of_its_text():
    known = catalogue("fr")
    for text in texts_in():
        wanted = {name for form in forms(text) for name in FIELD.findall(form)}
        for form in forms(known[forms(text)[0]]):
            assert set(FIELD.findall(form)) <= wanted
        assert set(FIELD.findall(forms(known[forms(text)[0]])[-1])) == wanted


def test_french_typography():
    for text in catalogue("fr").values():
        for form in forms(text):
            assert not re.search(r"[\w)}] ?[:;!?»%](?=\s|$)|«[^\u00a0]|\w'\w", form), form


def test_numbers_dates_and_names():
    day = dt.date(2026, 11, 30)
    with use("fr"):
        assert (format_measure(1234.56), format_measure(0.01)) == ("1\u00a0234,6", "<0,1")
        assert (format_count(1234567), format_count(4e9), format_count(999)) == ("1,2\u00a0M", "4,0\u00a0Md", "999")
        assert percent_text(10.0, 8.0) == "−20\u00a0%"
        assert (day_text(day), day_text("2026-11-01", "medium")) == ("30 novembre 2026", "1er nov. 2026")
        assert (country_name("US", "United States"), country_name("XX", "Ex")) == ("États-Unis", "Ex")
        assert (language_name("ja", "Japanese"), language_name(None, None)) == ("Japonais", None)
        assert trn("{films} film", "{films} films", 0, films=0) == "0 film"
        assert riser_sentence(Moved("Heat", 10.0, 15.0)) == (
            "«\u00a0Heat\u00a0» a le plus progressé cette semaine\u00a0: de 10,0 à 15,0, +50\u00a0%."
        )
        assert tr("no text of the catalogue") == "no text of the catalogue"
    assert (format_measure(1234.56), day_text(day), mark("Films")) == ("1,234.6", "2026-11-30", "Films")


def test_texts_are_found_in_code_scripts_and_pages():
    code = 'a = tr("One {n}", n=1)\nb = trn("x", "y", 2)\nc = mark("two"\n" lines")\nd = tr(a)\n'
    assert list(texts_of_python(code)) == ["One {n}", ("x", "y"), "two lines"]
    assert list(texts_of_script('f(tr("A \\"b\\""), `${trn("c", "d", n)}`, str("e"))')) == ['A "b"', ("c", "d")]
    page = '<p title="tip" class="x"> Some text <b>$filled</b>, and <i lang="fr">more</i></p>'
    assert list(texts_of_html(page)) == ["tip", "Some text", ", and", "more"]
    assert translate_html(page, str.upper).startswith('<p title="TIP" class="x"> SOME TEXT <b>$filled</b>, AND <i')
    assert entry(("a", "b"), "") == 'msgid "a"\nmsgid_plural "b"\nmsgstr[0] ""\nmsgstr[1] ""\n'
    assert entry("a\n", "ä") == 'msgid "a\\n"\nmsgstr "ä"\n'


@pytest.mark.parametrize("of", ["en", "fr"])
def test_the_language_is_that_of_the_block(of):
    with use(of):
        assert tr("Films by popularity") == {"en": "Films by popularity", "fr": "Films par popularité"}[of]
    assert tr("Films by popularity") == "Films by popularity"
