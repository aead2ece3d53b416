"""Errors of the server."""

from __future__ import annotations

from campaigns.errors import CampaignError


class WebError(CampaignError):
    """Anything the server refuses."""


class TokenError(WebError):
    """A token file, or a name in it, that cannot be used."""


class UnauthenticatedError(WebError):
    """A request that needs a token and has none, or one that nobody has."""


class ForbiddenError(WebError):
    """A request by somebody who may not do that."""


class NotServedError(WebError):
    """A campaign, job, draft or compound that is not here."""


class NotReadyError(WebError):
    """Something that is still being computed, or has to be asked for first."""


class WorkerError(WebError):
    """Work in a process of its own that was refused there, or whose process died."""


class BusyError(WebError):
    """More work than the server takes on at once."""


class QueryError(WebError):
    """A question that cannot be answered as it was put."""
