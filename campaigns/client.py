"""A thin client of the REST interface, for scripts and the lab's programs: `Client("http://127.0.0.1:8710")`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import uuid4

import httpx

from campaigns.errors import RemoteError
from chemspace.errors import TableError
from chemspace.tables.grid import MAX_LIBRARY_BYTES, bytes_of

Json = dict[str, Any]
Tell = Callable[[Json], None] | None
#: A table's file, or its rows.
Table = str | Path | Sequence[Mapping[str, Any]]
#: One file or its content, or one a scan.
_Files = str | Path | bytes | Sequence[str | Path] | None
#: How often a request is sent that gets no answer.
ATTEMPTS = 3


class Client:
    """Speaks to one server; answers are the JSON values that `docs/web.md` describes. Every method raises
    `RemoteError` for what the server refuses. A request that gets no answer is sent again; a write carries a key by
    which the server does it once."""

    def __init__(self, address: str, token: str | None = None, *, timeout_s: float = 60.0) -> None:
        """Prepare to speak to `address`, with a token where the server asks for one."""
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        try:
            self._http = httpx.Client(base_url=address.rstrip("/") + "/api/", headers=headers, timeout=timeout_s)
        except (httpx.InvalidURL, ValueError) as error:
            raise RemoteError(0, f"{address!r} is no address of a server, or the token is none ({error})") from None

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def campaigns(self) -> list[Json]:
        """Every campaign of the server."""
        return self._rows("campaigns")

    def campaign(self, name: str) -> Json:
        """Where one campaign stands."""
        return self._json("GET", f"campaigns/{name}")

    def suggestions(self, name: str, round: int | None = None) -> Json:
        """The suggestions of a round, the last by default."""
        return self._json("GET", f"campaigns/{name}/suggestions", params=_given(round=round))

    def suggest(self, name: str, batch_size: int | None = None, seed: int | None = None, *, more: bool = False) -> Json:
        """Suggest what to make next; a job."""
        asked = _given(batch_size=batch_size, seed=seed, more=more)
        return self._json("POST", f"campaigns/{name}/suggestions", json=asked)

    def accept(self, name: str, formula: str, reason: str = "") -> Json:
        """Say that a suggestion will be made."""
        return self.outcome(name, formula, "accepted", reason)

    def decline(self, name: str, formula: str, reason: str) -> Json:
        """Say that a suggestion will not be made, and why."""
        return self.outcome(name, formula, "declined", reason)

    def outcome(self, name: str, formula: str, stage: str, reason: str = "", made: str = "") -> Json:
        """Say how a synthesis stands or ended."""
        body = {"formula": formula, "stage": stage, "reason": reason, "made": made}
        return self._json("POST", f"campaigns/{name}/outcomes", json=body)

    def decline_cation(self, name: str, cation: str, reason: str, place: str = "spacer") -> Json:
        """Leave every compound with a cation in this place ("spacer" or "cage") out of all rounds to come."""
        body = {"cation": cation, "place": place, "reason": reason}
        return self._json("POST", f"campaigns/{name}/declines", json=body)

    def declines(self, name: str) -> list[Json]:
        """The cations that are not used."""
        return self._rows(f"campaigns/{name}/declines")

    def description(self, name: str) -> Json:
        """The campaign's description, to change and to hand to `amend`."""
        return self._json("GET", f"campaigns/{name}/description")

    def amend(
        self,
        name: str,
        description: Mapping[str, Any],
        *,
        libraries: Mapping[str, str] | None = None,
        reason: str = "",
        confirmed: bool = False,
    ) -> Json:
        """Change a campaign's description; without `confirmed` the differences are answered and nothing is stored.

        Args:
            name: the campaign.
            description: the whole description as it shall be.
            libraries: text of each library file that the campaign does not keep yet, by its name.
            reason: why, for the record.
            confirmed: the differences are right.
        """
        body = {"description": dict(description), "libraries": dict(libraries or {}), "reason": reason}
        return self._json("POST", f"campaigns/{name}/amendments", json=body | {"confirmed": confirmed})

    def undo(self, name: str, event: int, reason: str, *, confirmed: bool = False) -> Json:
        """Undo an event by its number; `confirmed` undoes it though later events stand on it."""
        body = {"reason": reason, "confirmed": confirmed}
        return self._json("POST", f"campaigns/{name}/events/{event}/undo", json=body)

    def outcomes(self, name: str) -> list[Json]:
        """Every step in the lives of compounds."""
        return self._rows(f"campaigns/{name}/outcomes")

    def measurements(self, name: str, task: str | None = None) -> list[Json]:
        """The campaign's own record, or that of a related task."""
        return self._rows(f"campaigns/{name}/measurements", params=_given(task=task))

    def ingest_table(
        self,
        name: str,
        table: Table,
        *,
        columns: Mapping[str, str] | None = None,
        dry_run: bool = False,
        learn: bool = True,
        **settings: object,
    ) -> Json:
        """Take in a table of measured lifetimes.

        Args:
            name: the campaign.
            table: CSV, Excel workbook or JSON lines, or its rows.
            columns: column of a field where it has another name, as {"lifetime": "tau"}.
            dry_run: show row by row what would happen, and write nothing.
            learn: train on it and suggest anew, in the background.
            **settings: further fields of the form: unit, sheet, task, accept_guesses, accept_extreme, keep_going.
        """
        return self._upload(f"campaigns/{name}/measurements/table", table, columns, dry_run, learn, settings)

    def ingest_trace(
        self,
        name: str,
        formula: str,
        sc: _Files = (),
        cc: _Files = (),
        trace: _Files = (),
        sc_map: _Files = (),
        cc_map: _Files = (),
        **settings: object,
    ) -> Json:
        """Fit the traces or maps of one crystal and take the lifetime in.

        Args:
            name: the campaign.
            formula: what was measured.
            sc, cc: the same- and counter-circular trace, one file or one a scan; or
            trace: a file with both; or
            sc_map, cc_map: wavelength x delay maps.
            **settings: further fields of the form, such as sample, irf_fwhm_ps, window_low_nm, window_high_nm, dry_run;
                `columns` is a list of ROLE=HEADING, as ["sc=LL", "cc=LR"].
        """
        given = {"sc": sc, "cc": cc, "trace": trace, "sc_map": sc_map, "cc_map": cc_map}
        files = [
            _file(role, path)
            for role, paths in given.items()
            for path in ((paths,) if isinstance(paths, str | Path | bytes) else paths or ())
        ]
        lists = {key: list(value) for key, value in settings.items() if isinstance(value, list | tuple)}
        plain = {key: _text(value) for key, value in settings.items() if key not in lists}
        data = {"formula": formula, **plain, **lists}
        return self._json("POST", f"campaigns/{name}/measurements/trace", files=files, data=data)

    def retract(self, name: str, number: int, reason: str, task: str | None = None) -> Json:
        """Take a measurement back, or a row of a related task."""
        path = f"campaigns/{name}/measurements/{number}/retraction"
        return self._json("POST", path, json={"reason": reason}, params=_given(task=task))

    def properties(self, name: str) -> list[Json]:
        """The further measured properties, such as a band gap, with the verdict on the model of each."""
        return self._rows(f"campaigns/{name}/properties")

    def values(self, name: str, property: str) -> list[Json]:
        """Every value of a property, the launch's table first."""
        return self._rows(f"campaigns/{name}/properties/{property}/values")

    def ingest_values(
        self,
        name: str,
        property: str,
        table: Table,
        *,
        columns: Mapping[str, str] | None = None,
        dry_run: bool = False,
        learn: bool = True,
        **settings: object,
    ) -> Json:
        """Take in a table of values of a property: columns compound, value and, where they are known, error, sample.

        Args:
            name: the campaign.
            property: its name.
            table, columns, dry_run, learn: as for `ingest_table`.
            **settings: further fields of the form: sheet, keep_going.
        """
        return self._upload(f"campaigns/{name}/properties/{property}/table", table, columns, dry_run, learn, settings)

    def retract_value(self, name: str, property: str, number: int, reason: str) -> Json:
        """Take a value of a property back."""
        path = f"campaigns/{name}/properties/{property}/values/{number}/retraction"
        return self._json("POST", path, json={"reason": reason})

    def predict(self, name: str, formula: str | None = None, **compound: object) -> Json:
        """Predict a compound: a job. Either `formula`, or smiles with n_layers, cage, b_site, halide."""
        return self._json("POST", f"campaigns/{name}/predictions", json=_given(formula=formula, **compound))

    def ranking(self, name: str, **query: object) -> Json:
        """One page of the ranking: page, size, sort, text, n_layers and other fields of the query."""
        return self._json("GET", f"campaigns/{name}/ranking", params=_given(**query))

    def compound(self, name: str, formula: str) -> Json:
        """What is known of one compound."""
        return self._json("GET", f"campaigns/{name}/compound", params={"formula": formula})

    def events(self, name: str, offset: int = 0, limit: int = 100) -> Json:
        """What happened, newest first."""
        return self._json("GET", f"campaigns/{name}/events", params={"offset": offset, "limit": limit})

    def job(self, job: str) -> Json:
        """How far a job is."""
        return self._json("GET", f"jobs/{job}")

    def wait(self, job: str | Json, *, timeout_s: float = 600.0, every_s: float = 0.5, tell: Tell = None) -> Json:
        """Wait for a job and return its result.

        Args:
            job: its id, or the answer that names it (of `suggest`, `predict`, `ingest_table`, ...).
            timeout_s: patience.
            every_s: between questions.
            tell: told the job as it stands after each.

        Raises:
            RemoteError: if it failed, or patience ran out.
        """
        until = time.monotonic() + timeout_s
        number = job if isinstance(job, str) else str(job.get("id") or job["job"])
        while True:
            now = self.job(number)
            if tell is not None:
                tell(now)
            if now["state"] == "done":
                result: Json = now["result"]
                return result
            if now["state"] == "failed":
                raise RemoteError(200, f"{now['kind']} failed: {now['problem']}")
            if time.monotonic() > until:
                raise RemoteError(0, f"{now['kind']} is not done after {timeout_s:g} s; it goes on (job {number})")
            time.sleep(every_s)

    def _upload(
        self,
        path: str,
        table: Table,
        columns: Mapping[str, str] | None,
        dry_run: bool,
        learn: bool,
        settings: Mapping[str, object],
    ) -> Json:
        data: dict[str, Any] = {key: _text(value) for key, value in _given(**settings).items()}
        data |= {"dry_run": _text(dry_run), "learn": _text(learn)}
        data["columns"] = [f"{field}={column}" for field, column in (columns or {}).items()]
        return self._json("POST", path, files=[_file("file", table)], data=data)

    def _rows(self, path: str, **how: Any) -> list[Json]:
        found: list[Json] = self._ask("GET", path, **how)
        return found

    def _json(self, verb: str, path: str, **how: Any) -> Json:
        found: Json = self._ask(verb, path, **how)
        return found

    def _ask(self, verb: str, path: str, **how: Any) -> Any:
        headers = {"idempotency-key": uuid4().hex} if verb == "POST" else {}
        for attempt in range(ATTEMPTS):
            try:
                answer = self._http.request(verb, path, headers=headers, **how)
                break
            except httpx.HTTPError as error:
                if attempt == ATTEMPTS - 1 or not isinstance(error, httpx.TransportError):
                    raise RemoteError(0, f"{self._http.base_url}: no answer ({error})") from error
                time.sleep(0.5 * 2**attempt)
        try:
            content = answer.json()
            if answer.is_success:
                return content
            refused = RemoteError(answer.status_code, content["title"], tuple(content["problems"]))
        except (ValueError, KeyError, TypeError):
            what = (
                f"{self._http.base_url}: the answer ({answer.status_code}) is not spinscreen's; is the address right?"
            )
            refused = RemoteError(answer.status_code, what)
        raise refused


def _given(**values: object) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _file(field: str, given: Table | bytes) -> tuple[str, tuple[str, bytes]]:
    if isinstance(given, bytes):
        return field, (f"{field}.csv", given)
    if not isinstance(given, str | Path):
        return field, ("told.jsonl", "".join(json.dumps(row) + "\n" for row in given).encode())
    path = Path(given)
    try:
        return field, (path.name, bytes_of(path, MAX_LIBRARY_BYTES))
    except (OSError, TableError) as error:
        raise RemoteError(0, f"{path} cannot be read ({error})") from error


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
