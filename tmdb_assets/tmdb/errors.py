"""What can go wrong with TMDb: permanent or worth another try, and what its reader needs to know.

Codes: https://developer.themoviedb.org/docs/errors
"""

from __future__ import annotations

import datetime as dt
import http
import re
import socket
import ssl
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import IncompleteRead
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import orjson
import requests
import urllib3.exceptions

from tmdb_assets.errors.problem import KEPT, ActionableError, Retry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LONGEST_TOLD_SECONDS = 366 * 86_400.0  # a date that far away is no date to run again


class TmdbError(ActionableError):
    """Base of all that this package raises."""

    kept = KEPT


class UnauthorizedError(TmdbError):
    """The token is missing, wrong or suspended: no further request makes sense."""


class UnreachableError(TmdbError):
    """The API could not be reached, or answered only with faults, until the retries were used up."""

    retry = Retry.LATER


class BadRequestError(TmdbError):
    """The API refuses the request for good (4xx other than 401, 404, 408, 429; a redirect; 501)."""


class UnreadableAnswerError(TmdbError):
    """The answer was cut short, not JSON, or of the wrong shape, also after the retries."""

    retry = Retry.LATER


@dataclass(frozen=True)
class Fault:
    """One failed try that is worth another: `kind` is counted, `cause` is told.

    `retry_after` is the wait in seconds that the server asks for, if it does. `unreadable` marks an answer that
    came but could not be used, and `answered` one that came at all.
    """

    kind: str
    cause: str
    retry_after: float | None = None
    unreadable: bool = False
    answered: bool = False


_CONNECTION_FAULTS: tuple[tuple[tuple[type[BaseException], ...], str, str], ...] = (
    ((requests.exceptions.ConnectTimeout,), "connect timeout", "no connection in time"),
    ((urllib3.exceptions.ReadTimeoutError, requests.exceptions.ReadTimeout), "read timeout", "no answer in time"),
    ((urllib3.exceptions.NameResolutionError, socket.gaierror), "dns", "its name could not be resolved"),
    ((ConnectionRefusedError,), "connection", "connection refused"),
    ((ConnectionError,), "connection", "connection dropped"),
    ((ssl.SSLError,), "tls", "TLS handshake failed"),
    ((TimeoutError,), "read timeout", "no answer in time"),
)
_UNREADABLE = (IncompleteRead, urllib3.exceptions.IncompleteRead, urllib3.exceptions.DecodeError)

_ADVICE = {
    403: "Access is blocked: ask TMDb about the account, or your network's administrator",
    407: "Your proxy requires a login: put it in HTTPS_PROXY",
}
_REPORT = "This is a fault in tmdb-assets: please report it with this line"
_SET_IT = (
    "Set TMDB_TOKEN to the v4 read access token of your account (themoviedb.org, Settings, API: the long one, not the "
    "API key)"
)


def checked_token(token: str) -> str:
    """The token without space around it. Raises `UnauthorizedError` for one that no header can carry.

    Checked here, because http.client would quote it in its own error.
    """
    token = token.strip()
    if not token or not all("!" <= character <= "~" for character in token):
        raise UnauthorizedError(
            "TMDB_TOKEN is not a token: it is empty, or contains spaces or characters that no token has",
            action=_SET_IT,
            setting="TMDB_TOKEN",
        )
    return token


def checked_host(url: str, variable: str, example: str) -> str:
    """The host of `url`, with its port if it names one. Raises `UnreachableError`, naming `variable`, without one.

    Checked here, because requests fails on some with a TypeError. The address itself may hold a login: never shown.
    """
    try:
        parts = urlsplit(url if "://" in url else f"//{url}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host:
        raise UnreachableError(
            f"{variable} is not a usable address",
            action=f"Set it to one like {example}",
            setting=variable,
            retry=Retry.ONCE_FIXED,
        )
    return host if port is None else f"{host}:{port}"


def missing_endpoint(path: str) -> BadRequestError:
    """The error for a 404 where TMDb always has an answer."""
    return BadRequestError(
        f"There is no {path} at TMDB_API_URL (404)",
        action="Check that the address ends in /3",
        setting="TMDB_API_URL",
    )


def unreadable(cause: str) -> Fault:
    """The fault of an answer that came but cannot be used."""
    return Fault("unreadable", cause, unreadable=True, answered=True)


def classify_exception(error: Exception, host: str, setting: str) -> Fault | UnreachableError:
    """Say what an exception of requests or urllib3 means; `setting` is the variable that names `host`.

    The exception's own text is not used: it may hold a proxy's login.
    """
    chain = list(_chain(error))
    if any(isinstance(link, ssl.SSLCertVerificationError) for link in chain):
        return UnreachableError(
            f"{host} could not prove its identity: its TLS certificate is not trusted",
            action="Behind an inspecting proxy, name its certificates in REQUESTS_CA_BUNDLE; otherwise check "
            f"{setting} and the clock",
            setting=setting,
            retry=Retry.ONCE_FIXED,
        )
    if any(isinstance(link, requests.exceptions.InvalidURL) for link in chain):
        return UnreachableError(
            f"{host} is not a usable address", action=f"Check {setting}", setting=setting, retry=Retry.ONCE_FIXED
        )
    if any(isinstance(link, _UNREADABLE) for link in chain):
        return unreadable("cut short or wrongly compressed")
    via = "the proxy of HTTPS_PROXY: " if any(isinstance(e, urllib3.exceptions.ProxyError) for e in chain) else ""
    for types, kind, cause in _CONNECTION_FAULTS:
        if any(isinstance(link, types) for link in chain):
            return Fault(kind, via + cause)
    return Fault("connection", f"{via}{type(chain[-1]).__name__}")


def classify_status(status: int, headers: Mapping[str, str], body: bytes, target: str) -> Fault | TmdbError:
    """Say what an answer other than 200 and 404 means; `target` is the path and query that was asked.

    `body` and `headers` must not hold the token any more: parts of them are shown.
    """
    if status == 429:
        return Fault("429", "429 Too Many Requests", retry_after_seconds(headers), answered=True)
    if status == 408 or (status >= 500 and status != 501):
        return Fault(str(status), _status_words(status), retry_after_seconds(headers), answered=True)
    if 200 <= status < 300:
        return unreadable(f"status {_status_words(status)}")
    if 300 <= status < 400:
        place = urlsplit(headers.get("Location", ""))
        where = f" to {place.scheme}://{place.hostname}" if place.hostname else ""
        return BadRequestError(
            f"TMDB_API_URL does not name the API itself: {target} is redirected{where} ({status}), and the token is "
            "not sent on",
            action="Set TMDB_API_URL to the API's own address, https:// included",
            setting="TMDB_API_URL",
        )
    said = _what_tmdb_says(status, body)
    if status == 401:
        return UnauthorizedError(f"TMDb refused the token {said}", action=_SET_IT, setting="TMDB_TOKEN")
    return BadRequestError(f"TMDb refused the request {target} {said}", action=_ADVICE.get(status, _REPORT))


def final_error(fault: Fault, spent: str, *, host: str, setting: str, target: str) -> TmdbError:
    """The error once a fault has outlasted its retries (`Tries.spent`); `setting` is the variable that names `host`."""
    spent += f", last: {fault.cause}"
    if fault.unreadable:
        return UnreadableAnswerError(f"TMDb's answer to {target} cannot be read ({spent}). It is left out")
    if fault.retry_after:
        spent += f", asking to wait {fault.retry_after:.0f} s"
    if fault.answered:
        failing, action = "answers with faults", None
    else:
        failing, action = "cannot be reached", f"Check the network, {setting} and, behind a proxy, HTTPS_PROXY"
    return UnreachableError(
        f"{host} {failing} ({spent})", action=action, setting=setting, cause=f"{host} {failing} ({fault.cause})"
    )


def refused_error(
    host: str, tries: int, seconds: float, wish: float | None, now: dt.datetime | None = None
) -> UnreachableError:
    """The error once a 429 is not followed by another try, after `seconds` since the first.

    `wish` is how many seconds it asks to wait, if it does; `now` (aware; default the present) is when that begins.
    """
    spent = f"429 Too Many Requests, {tries} {'try' if tries == 1 else 'tries'} in {seconds:.0f} s"
    retry_at = None
    if wish:
        wait = dt.timedelta(seconds=min(wish, _LONGEST_TOLD_SECONDS) + 60)
        retry_at = (now or dt.datetime.now(dt.UTC)) + wait
        spent += f"; it asks to wait {_duration_words(wish)}"
    return UnreachableError(
        f"{host} is rate-limiting us ({spent})",
        action="If this happens again, lower TMDB_RATE_LIMIT",
        setting="TMDB_RATE_LIMIT",
        retry_at=retry_at,
    )


def retry_after_seconds(headers: Mapping[str, str], now: dt.datetime | None = None) -> float | None:
    """Seconds that a Retry-After header asks to wait (RFC 9110, 10.2.3), or None without a usable one.

    A date is counted from the answer's own Date header where it has one, so that a wrong clock here does not
    matter; otherwise from `now` (aware; default the present).
    """
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", value, re.ASCII):
        return float(value)
    until = _http_date(value)
    if until is None:
        return None
    since = _http_date(headers.get("Date", "")) or now or dt.datetime.now(dt.UTC)
    return max(0.0, (until - since).total_seconds())


def _http_date(value: str) -> dt.datetime | None:
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=dt.UTC)


def _what_tmdb_says(status: int, body: bytes) -> str:
    """`(401, code 7): message` as far as the body has it; one line of at most 200 characters of theirs."""
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        said = None
    if not isinstance(said, dict):
        return f"({_status_words(status)})"
    code = f", code {said['status_code']}" if isinstance(said.get("status_code"), int) else ""
    message = said.get("status_message") or said.get("errors") or ""
    text = " ".join(str(message).split())[:200].rstrip(".")
    return f"({status}{code})" + (f": {text}" if text else "")


def _duration_words(seconds: float) -> str:
    """`90 s`, `25 minutes` or `2.5 hours`."""
    if seconds < 600:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.3g} hours"


def _status_words(status: int) -> str:
    known = status in set(http.HTTPStatus)
    return f"{status} {http.HTTPStatus(status).phrase}" if known else str(status)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and what it wraps: urllib3 keeps the cause in `reason`, requests in its arguments."""
    seen: set[int] = set()
    links: list[object] = [error]
    while links:
        link = links.pop(0)
        if isinstance(link, BaseException) and id(link) not in seen:
            seen.add(id(link))
            yield link
            links += [getattr(link, "reason", None), *link.args, link.__cause__, link.__context__]
