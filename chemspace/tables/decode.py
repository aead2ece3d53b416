"""Bytes to text: encodings that instruments and spreadsheets write, and files that are no text at all."""

from __future__ import annotations

import codecs
from pathlib import Path

from chemspace.errors import NotTextError, TableError
from chemspace.tables.limits import bytes_of

__all__ = ["content_of", "decode_text"]

#: First bytes of files that people give a .csv name, and what they are.
_NOT_TEXT = (
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "an Excel workbook or a zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Office document"),
    (b"\x00\x00\x00\x08Version", "a binary .ufs file of the spectrometer"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
    (b"{\\rtf", "a rich-text document"),
)
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def content_of(path: Path) -> bytes:
    """The bytes of a file. Raises TableError if it is not there, cannot be read, or is too large."""
    try:
        return bytes_of(path)
    except FileNotFoundError:
        raise TableError(str(path), "there is no such file") from None
    except OSError as error:
        raise TableError(str(path), f"it cannot be read ({error.strerror})") from error


def decode_text(raw: bytes) -> str:
    """The text of a file, line ends made uniform. Raises NotTextError if it is empty, damaged, or no text; `what` says
    which."""
    if not raw.strip(b"\x00 \t\r\n\xef\xbb\xbf\xff\xfe"):
        raise NotTextError("is empty")
    for magic, what in _NOT_TEXT:
        if raw.lstrip()[: len(magic)].lower() == magic.lower():
            raise NotTextError(f"is {what}, not text")
    encoding = encoding_of(raw)
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        raise NotTextError(f"is damaged {encoding} text") from None
    if any(ord(c) < 32 and c not in "\t\r\n\f\x1a" for c in text[:20_000]):
        raise NotTextError("is binary, not text")
    return text.rstrip("\x1a").replace("\r\n", "\n").replace("\r", "\n")


def encoding_of(raw: bytes) -> str:
    """Name of the encoding of text, as Python and pandas know it: by its byte-order mark, or by its bytes."""
    return next((encoding for bom, encoding in _BOMS if raw.startswith(bom)), None) or _without_bom(raw)


def _without_bom(raw: bytes) -> str:
    """UTF-16 of digits has a zero in every second byte; old Windows software writes one byte a character."""
    head = raw[:2000]
    if head.count(0) > len(head) // 4:
        return "utf-16-le" if head[1::2].count(0) > head[0::2].count(0) else "utf-16-be"
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252" if not any(byte in raw for byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D)) else "latin-1"
    return "utf-8"
