"""The cases, one file a part of the house."""
