"""Crystals: idealised structures of compounds to start a calculation from, and descriptors of real ones."""

from __future__ import annotations

from chemspace.crystal.build import build_parts, build_structure, write_structure
from chemspace.crystal.read import StructureDescriptors, read_structure, structure_descriptors

__all__ = [
    "StructureDescriptors",
    "build_parts",
    "build_structure",
    "read_structure",
    "structure_descriptors",
    "write_structure",
]
