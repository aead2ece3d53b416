"""Requests made up from the OpenAPI document, valid and not, and what must hold of every answer."""

from __future__ import annotations

from collections import Counter
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

__all__ = ["fuzz"]

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
FORMULAS = ("(PA)2PbI4", "(BDA)(FA)Pb2I7", "(PEA)2(MA)2Pb3I10", "(4AMP)PbI4", "MAPbI3", "(PEA)2SnBr4")
#: Texts that stand in a trace or in the server's own paths and nowhere else.
TRACES = ("Traceback", 'File "', "site-packages", "spinscreen-uploads")


def fuzz(app: Any, token: str | None, campaign: str, examples: int, *, seed: int = 0) -> Counter[tuple[str, int]]:
    """Send about `examples` valid and as many invalid requests to every operation of `app`.

    Returns:
        How often each operation gave each status.

    Raises:
        AssertionError: for a status 500 or above, an answer that the document does not name, or a trace in one.
    """
    headers = {"host": "127.0.0.1"} | ({} if token is None else {"authorization": f"Bearer {token}"})
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", app, headers={"host": "127.0.0.1"})
    seen: Counter[tuple[str, int]] = Counter()
    for result in schema.get_all_operations():
        operation = result.ok()
        for mode in MODES:
            _send(operation, mode, headers, campaign, examples, seed, seen)
    return seen


def _send(
    operation: Any,
    mode: GenerationMode,
    headers: dict[str, str],
    campaign: str,
    examples: int,
    seed: int,
    seen: Counter[tuple[str, int]],
) -> None:
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        derandomize=seed == 0,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(mode))
    def ask(case: Case) -> None:
        draw = sum(map(ord, case.id))
        if "campaign" in (case.path_parameters or {}) and draw % 5:
            case.path_parameters["campaign"] = campaign  # mostly one that is there
        for part in (case.body, case.query):  # every other formula is one, or made-up texts would all be refused
            if isinstance(part, dict) and "formula" in part and draw % 2:
                part["formula"] = FORMULAS[draw // 2 % len(FORMULAS)]
        answer = case.call(headers=headers)
        seen[operation.label, answer.status_code] += 1
        text = answer.content.decode("utf-8", "replace")
        assert not any(trace in text for trace in TRACES), text[:2000]
        case.validate_response(answer, checks=CHECKS)

    ask()
