"""Failures of requests to TMDb: which are retried, and the error a person reads when retries do not help.

Codes: https://developer.themoviedb.org/docs/errors
"""

from __future__ import annotations

import datetime as dt
import re
import socket
import ssl
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import IncompleteRead, responses
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
import urllib3.exceptions

from tmdb_assets.errors.problem import KEPT, ActionableError, Retry
from tmdb_assets.tmdb.payload import read_error

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LONGEST_SHOWN_SECONDS = 366 * 86_400.0  # of a Retry-After: no later date is shown


class TmdbError(ActionableError):
    """Base of the errors that this room raises."""

    kept = KEPT


class UnauthorizedError(TmdbError):
    """The token is missing, wrong or suspended; no request can succeed."""


class UnreachableError(TmdbError):
    """The API could not be reached, or answered only with faults, for as long as requests are retried."""

    retry = Retry.LATER


class DayOverError(TmdbError):
    """The day for which requests are sent has ended, at midnight UTC; its figures can no longer be requested."""


class BadRequestError(TmdbError):
    """The API refuses the request permanently: 4xx other than 401, 404, 408 and 429; a redirect; 501."""


class UnreadableAnswerError(TmdbError):
    """The answer was cut short, not JSON, or of the wrong shape, even after retries."""

    retry = Retry.LATER


@dataclass(frozen=True)
class Fault:
    """A failed try that is retried: `kind` is what statistics count, `cause` what messages say.

    `retry_after` is the Retry-After of the answer in seconds. `answered`: the server sent an answer; `unreadable`: that
    answer cannot be used.
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
    403: "Access is blocked: contact TMDb about the account, or your network's administrator",
    407: "Your proxy requires a login: put it in HTTPS_PROXY",
}
_REPORT = "This is a fault in tmdb-assets: please report it with this line"
_SET_IT = (
    "Set TMDB_TOKEN to the v4 read access token of your account (themoviedb.org, Settings, API: the long one, not the "
    "API key)"
)


def checked_token(token: str) -> str:
    """Return the token, stripped. Raises `UnauthorizedError` when an HTTP header cannot carry it.

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
    """Return the host of `url`, and its port if given. Raises `UnreachableError`, naming `variable`, if it has none.

    Checked here, because requests raises a TypeError for some URLs. The URL is never shown, as it may contain a login.
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
    """Return the error for a 404 from an endpoint that always exists."""
    return BadRequestError(
        f"There is no {path} at TMDB_API_URL (404)",
        action="Check that the address ends in /3",
        setting="TMDB_API_URL",
    )


def unreadable(cause: str) -> Fault:
    """Return the fault of an answer that cannot be used."""
    return Fault("unreadable", cause, unreadable=True, answered=True)


def classify_exception(error: Exception, host: str, setting: str) -> Fault | UnreachableError:
    """Classify an exception of requests or urllib3; `setting` is the variable that names `host`.

    The exception's own text is not used, as it may contain a proxy's login.
    """
    chain = list(_chain(error))
    if any(isinstance(link, ssl.SSLCertVerificationError) for link in chain):
        return UnreachableError(
            f"The TLS certificate of {host} is not trusted",
            action="Behind a proxy that inspects TLS, set REQUESTS_CA_BUNDLE to its certificates; otherwise check "
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


def classify_status(
    status: int, headers: Mapping[str, str], body: bytes | bytearray, target: str, now: dt.datetime
) -> Fault | TmdbError:
    """Classify an answer other than 200 and 404; `target` is the path and query of the request, `now` is aware.

    A refusal is TMDb's only in its own words: anything between here and TMDb can send a 401.

    Parts of `body` and `headers` are shown, so the caller removes the token from them first.
    """
    if status == 429:
        return Fault("429", "429 Too Many Requests", _retry_after_seconds(headers, now), answered=True)
    if status == 408 or (status >= 500 and status != 501):
        return Fault(str(status), _status_words(status), _retry_after_seconds(headers, now), answered=True)
    if 200 <= status < 300:
        return unreadable(f"status {_status_words(status)}")
    if 300 <= status < 400:
        place = urlsplit(headers.get("Location", ""))
        where = f" to {place.scheme}://{place.hostname}" if place.hostname else ""
        return BadRequestError(
            f"TMDB_API_URL is not the API's own address: {target} is redirected{where} ({status}); redirects are not "
            "followed, to protect the token",
            action="Set TMDB_API_URL to the API's own address, including https://",
            setting="TMDB_API_URL",
        )
    own = read_error(body)
    if own is None and status not in _ADVICE:
        return unreadable(f"{_status_words(status)}, but not TMDb's own")
    said = _tmdb_message(status, own)
    if status == 401:
        return UnauthorizedError(f"TMDb refused the token {said}", action=_SET_IT, setting="TMDB_TOKEN")
    return BadRequestError(f"TMDb refused the request {target} {said}", action=_ADVICE.get(status, _REPORT))


def final_error(fault: Fault, spent: str, *, host: str, setting: str, target: str) -> TmdbError:
    """Return the error for a fault that outlasted its retries; `setting` is the variable that names `host`."""
    spent += f", last: {fault.cause}"
    if fault.unreadable:
        return UnreadableAnswerError(
            f"TMDb's answer to {target} cannot be read ({spent}). It is left out",
            action=f"If this lasts, check {setting} and what answers in TMDb's place, such as a proxy",
        )
    if fault.retry_after:
        spent += f", Retry-After {fault.retry_after:.0f} s"
    if fault.answered:
        failing, action = "answers with faults", None
    else:
        failing, action = "cannot be reached", f"Check the network, {setting} and, behind a proxy, HTTPS_PROXY"
    return UnreachableError(
        f"{host} {failing} ({spent})", action=action, setting=setting, cause=f"{host} {failing} ({fault.cause})"
    )


def refused_error(
    host: str, tries: int, seconds: float, retry_after: float | None, now: dt.datetime
) -> UnreachableError:
    """Return the error for a 429 that is not retried any more, `seconds` after the first try.

    `retry_after` is its Retry-After in seconds, counted from `now` (aware).
    """
    spent = f"429 Too Many Requests, {tries} {'try' if tries == 1 else 'tries'} in {seconds:.0f} s"
    retry_at = None
    if retry_after:
        wait = dt.timedelta(seconds=min(retry_after, _LONGEST_SHOWN_SECONDS) + 60)
        retry_at = now + wait
        spent += f"; it asks us to wait {_duration_words(retry_after)}"
    return UnreachableError(
        f"{host} is rate-limiting us ({spent})",
        action="If this happens again, lower TMDB_RATE_LIMIT",
        setting="TMDB_RATE_LIMIT",
        retry_at=retry_at,
    )


def _retry_after_seconds(headers: Mapping[str, str], now: dt.datetime) -> float | None:
    """Return the Retry-After header (RFC 9110, 10.2.3) in seconds, or None if it is missing or invalid.

    A date is counted from the answer's Date header, if any, so that a wrong clock on this machine does not matter.
    """
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", value, re.ASCII):
        return float(value)
    until = _http_date(value)
    if until is None:
        return None
    since = _http_date(headers.get("Date", "")) or now
    return max(0.0, (until - since).total_seconds())


def _http_date(value: str) -> dt.datetime | None:
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=dt.UTC)


def _tmdb_message(status: int, own: Mapping[str, Any] | None) -> str:
    """Return `(401, code 7): message` as far as TMDb's error has them, in one line; `message` has 200 characters."""
    if own is None:
        return f"({_status_words(status)})"
    code = f", code {own['status_code']}" if isinstance(own.get("status_code"), int) else ""
    message = own.get("status_message") or own.get("errors") or ""
    text = " ".join(str(message).split())[:200].rstrip(".")
    return f"({status}{code})" + (f": {text}" if text else "")


def _duration_words(seconds: float) -> str:
    """`90 s`, `25 minutes`, `2.5 hours`, `123 days` or `more than a year`."""
    short = f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} minutes"
    long = f"{seconds / 3600:.3g} hours" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"
    return "more than a year" if seconds > _LONGEST_SHOWN_SECONDS else short if seconds < 7200 else long


def _status_words(status: int) -> str:
    return f"{status} {responses.get(status, '')}".rstrip()


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and those it wraps: urllib3 keeps the cause in `reason`, requests in its arguments."""
    seen: set[int] = set()
    links: list[object] = [error]
    while links:
        link = links.pop(0)
        if isinstance(link, BaseException) and id(link) not in seen:
            seen.add(id(link))
            yield link
            links += [getattr(link, "reason", None), *link.args, link.__cause__, link.__context__]
