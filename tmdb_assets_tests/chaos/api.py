"""The look-alike of the API on any day, which can go away, come back on the same port, and answer badly."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from tmdb_assets_tests.chaos.catalogue import FILMS, catalogue_on, changed_on
from tmdb_assets_tests.fakes.replay import TOKEN, Action, Asked, Fault, ReplayServer
from tmdb_assets_tests.fakes.replay_catalogue import Catalogue
from tmdb_assets_tests.stage.many_days import ONE_DAY, export_day
from tmdb_assets_tests.stage.ports import free_port

Hook = Callable[[str, Mapping[str, str]], Action | None]


class LivingServer(ReplayServer):
    """A replay server whose change lists and exports are those of their day."""

    def __init__(self, day: dt.date, port: int, hook: Hook) -> None:
        self._port, self.day, self.is_empty = port, day, False
        super().__init__(catalogue_on(day), hook)

    def server_bind(self) -> None:
        """Listen on the port that was given."""
        self.server_address = ("127.0.0.1", self._port)
        super().server_bind()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients are killed and servers closed here: nothing of that is an error."""

    def answer(self, path: str, params: Mapping[str, str], authorization: str | None) -> tuple[int, Any]:
        """As TMDb answers on `day`."""
        status, payload = super().answer(path, params, authorization)
        asked_for = export_day(path)
        if asked_for is not None:
            if asked_for > self.day:
                return 404, {"Error": "NoSuchKey"}
            return 200, (Catalogue() if self.is_empty else catalogue_on(asked_for)).export()
        if path == "/movie/changes" and status == 200:
            first, last = (dt.date.fromisoformat(params[name]) for name in ("start_date", "end_date"))
            days = [first + number * ONE_DAY for number in range((last - first).days + 1)]
            changed = sorted({movie_id for day in days if day <= self.day for movie_id in changed_on(day, FILMS)})
            return 200, Catalogue(changed=changed).changes(int(params.get("page", "1")))
        return status, payload


class Api:
    """The server of one ground. `fault` is called before each answer, `day` is TMDb's."""

    token = TOKEN

    def __init__(self, day: dt.date) -> None:
        self._port, self.day = free_port(), day
        self.fault: Hook | None = None
        self.delay = 0.0
        self._server: LivingServer | None = None
        self.up()

    @property
    def url(self) -> str:
        """The address of the API."""
        return f"http://127.0.0.1:{self._port}/3"

    @property
    def asked(self) -> list[Asked]:
        """The requests since `set`."""
        return self._server.asked if self._server else []

    def listed(self) -> list[Any]:
        """What discover lists."""
        return catalogue_on(self.day).listing

    def set(self, day: dt.date) -> None:
        """Let it be this day, without faults and requests so far."""
        self.fault, self.delay = None, 0.0
        self.up()
        assert self._server is not None
        self._server.reset()
        self.turn(day)

    def turn(self, day: dt.date) -> None:
        """Let it be this day from now on."""
        self.day = day
        if self._server:
            self._server.is_empty, self._server.day, self._server.catalogue = False, day, catalogue_on(day)

    def list_nothing(self) -> None:
        """List no film from now on, in discover and in any export."""
        assert self._server is not None
        self._server.is_empty, self._server.catalogue = True, catalogue_on(self.day).but(listing=[])

    def up(self) -> None:
        """Listen, if it does not."""
        if self._server is None:
            self._server = LivingServer(self.day, self._port, self._act)
            self._server.__enter__()

    def down(self) -> None:
        """Close the port and every connection."""
        if self._server is not None:
            self._server.__exit__(None, None, None)
            self._server = None

    def _act(self, path: str, params: Mapping[str, str]) -> Action | None:
        made = self.fault(path, params) if self.fault else None
        return made or (Fault(delay=self.delay) if self.delay else None)
