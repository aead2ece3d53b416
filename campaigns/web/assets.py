"""Scripts and styles, all of this package or of Plotly's, never of another server."""

from __future__ import annotations

import gzip
from functools import lru_cache
from hashlib import sha256
from importlib import resources

from fastapi import FastAPI, Request, Response

from campaigns.web.errors import NotServedError

_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".txt": "text/plain"}
#: Where each asset is: package, folder in it, file.
_FILES = {
    "style.css": ("campaigns.report", "static", "style.css"),
    "plots.js": ("campaigns.report", "static", "plots.js"),
    "plotly.js": ("plotly", "package_data", "plotly.min.js"),
    **{
        name: ("campaigns.web", "static", name)
        for name in ("web.css", "app.js", "view3d.js", "theme.js", "htmx.js", "3dmol.js", "icon.svg")
    },
    **{name: ("campaigns.web", "static", name) for name in ("htmx.LICENSE.txt", "3dmol.LICENSE.txt")},
}


def mount_assets(app: FastAPI) -> None:
    """Serve the assets under /static."""

    @app.get("/static/{name}", include_in_schema=False)
    def asset(name: str, request: Request) -> Response:
        if name not in _FILES:
            raise NotServedError("there is no such file")
        plain, packed, tag = _read(name)
        headers = {"etag": f'"{tag}"', "vary": "accept-encoding"}
        # An address with the content's own hash can be kept for ever.
        kept = request.query_params.get("v") == tag
        headers["cache-control"] = "public, max-age=31536000, immutable" if kept else "no-cache"
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(packed, media_type=_type(name), headers={**headers, "content-encoding": "gzip"})
        return Response(plain, media_type=_type(name), headers=headers)


def address_of(name: str) -> str:
    """Address of an asset, with the hash of its content."""
    return f"/static/{name}?v={_read(name)[2]}"


@lru_cache(maxsize=len(_FILES))
def _read(name: str) -> tuple[bytes, bytes, str]:
    package, *path = _FILES[name]
    content = resources.files(package).joinpath(*path).read_bytes()
    return content, gzip.compress(content, 6), sha256(content).hexdigest()[:16]


def _type(name: str) -> str:
    return _TYPES[name[name.rindex(".") :]] + "; charset=utf-8"
