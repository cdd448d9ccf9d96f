"""What to do about a failed check, as metadata of its result: in each form in which an asset or check returns it."""

from __future__ import annotations

from dagster import AssetCheckResult, MaterializeResult

from tmdb_assets.assets.steps.advice import ACTION, advised

CHECKS = {
    "whole": "Every page is stored. If not: run the day again; nothing is lost.",
    "plain": "Today is loaded.",  # says nothing of what to do
}


def check(name: str | None = "whole", *, passed: bool = False) -> AssetCheckResult:
    return AssetCheckResult(passed=passed, check_name=name, metadata={"rows": 3}, description="Two pages are missing.")


def shown(result: AssetCheckResult) -> dict[str, object]:
    return {name: value.value for name, value in result.metadata.items()}


def test_a_failed_check_says_what_to_do_and_a_passed_one_does_not():
    failed = {ACTION: "Run the day again; nothing is lost.", "rows": 3}
    advise = advised(lambda result: result, CHECKS)
    assert shown(advise(check())) == failed
    assert advise(check()).description == "Two pages are missing."
    assert shown(advise(check(passed=True))) == {"rows": 3}
    assert shown(advise(check("plain"))) == {"rows": 3}
    only = advised(lambda result: result, {"whole": CHECKS["whole"]})
    assert shown(only(check(None))) == failed

    def events():
        yield MaterializeResult(metadata={"bytes": 1}, check_results=[check(), check("plain", passed=True)])
        yield check()

    made, last = advised(events, CHECKS)()
    assert [shown(result) for result in made.check_results] == [failed, {"rows": 3}]
    assert made.metadata == {"bytes": 1}
    assert shown(last) == failed


def test_its_own_metadata_is_not_replaced():
    own = AssetCheckResult(passed=False, check_name="whole", metadata={ACTION: "Nothing."})
    assert shown(advised(lambda: own, CHECKS)()) == {ACTION: "Nothing."}
