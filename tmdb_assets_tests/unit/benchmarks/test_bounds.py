"""The ingestion benchmark's verdict on its figures, and its exit code."""

from __future__ import annotations

from contextlib import nullcontext

from benchmarks import ingest


def test_a_figure_beyond_its_bound_fails_the_measurement(monkeypatch, capsys):
    found = {"share_of_limit_percent": 97.5, "refused": 0}
    monkeypatch.setitem(ingest.PARTS, "pace", lambda _: dict(found))
    monkeypatch.setattr(ingest, "private_server", lambda _: nullcontext("postgresql://nowhere"))
    monkeypatch.setattr(ingest, "machine", lambda _: "no machine")
    assert ingest.main(["--parts", "pace"]) == 0
    assert "pace, share_of_limit_percent: 97.50, within the bound of 97" in capsys.readouterr().out
    found["share_of_limit_percent"] = 96.9
    assert ingest.main(["--parts", "pace"]) == 1
    assert "pace, share_of_limit_percent: 96.90, UNDER the bound of 97" in capsys.readouterr().out
    found |= {"share_of_limit_percent": 98, "refused": 1}
    assert ingest.main(["--parts", "pace"]) == 1
    assert "pace, refused: 1.00, OVER the bound of 0" in capsys.readouterr().out
    # Other sizes have no bounds.
    assert ingest.main(["--parts", "pace", "--pace-films", "60"]) == 0
