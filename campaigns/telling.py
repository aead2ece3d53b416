"""Events as sentences."""

from __future__ import annotations

from campaigns.store import Event, EventKind

__all__ = ["sentence"]


def sentence(event: Event) -> str:
    """What happened, in one line."""
    payload = event.payload
    match event.kind:
        case EventKind.CREATED:
            return f"created over the library {payload['config']['library']}"
        case EventKind.MEASURED:
            formulas = ", ".join(dict.fromkeys(row["formula"] for row in payload["rows"]))
            return f"ingested {payload['name']}: {len(payload['rows'])} measured ({formulas})"
        case EventKind.FITTED:
            learnt = payload.get("properties", {}).items()
            more = "".join(f"; {name} from {told['n_rows']} values: {told['grade']}" for name, told in learnt)
            return f"trained on {payload['n_train']} of {payload['n_measured']} rows: {payload['grade']}{more}"
        case EventKind.SUGGESTED:
            formulas = ", ".join(suggestion["formula"] for suggestion in payload["suggestions"])
            return f"suggested, round {payload['number']}: {formulas}"
        case EventKind.STEPPED:
            made = f", made {payload['made']}" if payload["made"] else ""
            why = f": {payload['reason']}" if payload["reason"] else ""
            return f"{payload['formula']} {payload['stage']}{made}{why}"
        case EventKind.RETRACTED:
            return f"retracted measurement {payload['number']}: {payload['reason']}"
        case EventKind.PROPERTY_MEASURED:
            formulas = ", ".join(dict.fromkeys(row["formula"] for row in payload["rows"]))
            return f"ingested {payload['name']}: {len(payload['rows'])} values of {payload['property']} ({formulas})"
        case EventKind.PROPERTY_RETRACTED:
            return f"retracted value {payload['number']} of {payload['property']}: {payload['reason']}"
