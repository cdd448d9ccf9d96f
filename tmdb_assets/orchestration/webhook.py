"""The receiver of alerts at `ALERT_WEBHOOK_URL`: the JSON of Slack's incoming webhooks.

Mattermost, Rocket.Chat and others take it too. Reference: https://api.slack.com/messaging/webhooks
"""

from __future__ import annotations

import html
import time
from typing import Any

import requests
import tenacity
import urllib3.exceptions
from pydantic import SecretStr

from tmdb_assets.errors.problem import ActionableError, Retry, plain_lines
from tmdb_assets.tmdb.transport import ends_at, open_session

TIMEOUT_S = 5.0  # to connect, and again to answer; the daemon stops a sensor after 60 s
TRIES = 3
LONGEST_TEXT = 8_000  # Slack cuts a message at 40,000 characters; nobody reads that many
PASSING = (429, 500, 502, 503, 504)


class ReceiverError(ActionableError):
    """The receiver did not accept a message. No field holds its address, which is a secret."""

    retry = Retry.LATER


class NoAnswerError(ReceiverError):
    """The message was sent and no answer came in time: the receiver may have accepted it."""


def post(url: SecretStr, text: str, picture: str | None = None) -> None:
    """Send a text with Slack's special characters escaped; failures that may pass are retried for some seconds.

    It is shown without markup and previews of links; words of others in it should be `unmarked`, as not every receiver
    heeds that. `picture` is the address of a picture to show below it.
    Redirects are not followed. Raises `ReceiverError` within 20 s when the receiver does not accept it.
    """
    # Slack's three special characters: https://api.slack.com/reference/surfaces/formatting#escaping
    text = html.escape(plain_lines(text[:LONGEST_TEXT]), quote=False)
    message: dict[str, Any] = {"text": text, "mrkdwn": False, "unfurl_links": False, "unfurl_media": False}
    if picture:
        message["attachments"] = [{"fallback": picture, "image_url": picture}]
    retrying = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(TRIES),
        wait=tenacity.wait_exponential(multiplier=0.2, max=1),
        retry=tenacity.retry_if_exception(_is_passing),
        reraise=True,
    )
    retrying(_post_once, url.get_secret_value(), message)


def _is_passing(error: BaseException) -> bool:
    return isinstance(error, ReceiverError) and error.problem.retry is Retry.NOW


def _post_once(url: str, message: dict[str, Any]) -> None:
    try:
        # The status is enough; the body may be slow.
        with (
            open_session() as session,
            ends_at(time.monotonic, time.monotonic() + 2 * TIMEOUT_S),
            session.post(url, json=message, timeout=TIMEOUT_S, allow_redirects=False, stream=True) as answer,
        ):
            status, is_redirect = answer.status_code, answer.is_redirect
    except requests.ReadTimeout:
        raise NoAnswerError(f"no answer within {TIMEOUT_S:g} s") from None
    except requests.ConnectionError as error:  # its text contains the address
        raise ReceiverError(f"it cannot be reached: {type(error).__name__}", retry=Retry.NOW) from None
    except (OSError, urllib3.exceptions.HTTPError) as error:  # requests' own, and a missing file of certificates
        raise ReceiverError(f"it cannot be used: {type(error).__name__}") from None
    if status in PASSING:
        raise ReceiverError(f"status {status}", retry=Retry.NOW)
    if is_redirect:
        raise ReceiverError(f"status {status}, a redirect; it must be the final address")
    if not 200 <= status < 300:
        raise ReceiverError(f"status {status}")
