"""Benchmarks as registered cases: `python -m benchmarks --list`, then by name, or all of them with `make bench`.

Every figure is a ratio of contenders measured in the same run on the same inputs. The older scripts beside this package
still run on their own; the cases use their pieces.
"""
