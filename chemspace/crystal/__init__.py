"""Crystals: idealised structures of compounds to start a calculation from, and descriptors of real ones."""

from __future__ import annotations

from chemspace.crystal.build import build_parts, build_structure, write_structure
from chemspace.crystal.read import structure_descriptors

__all__ = ["build_parts", "build_structure", "structure_descriptors", "write_structure"]
