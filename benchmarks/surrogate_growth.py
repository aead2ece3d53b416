"""What one ingest costs as rows grow, and whether threads change a number.

    python -m benchmarks.surrogate_growth [--rows 47 150 500] [--threads 1 2 4]

The published rows, and copies of them moved by a tenth of each feature's spread with spacers of their own. Timed is
what a campaign computes anew when a result comes in: the validation by both leave-out splits and the fit, in a process
of its own. For each number of threads of OpenMP and BLAS the same is computed of the 47 rows, and the digest of every
prediction printed: they are to be the same.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import time


def measured(rows: int) -> tuple[float, str]:
    """CPU seconds of validation and fit, and a digest of what they predict."""
    import numpy as np

    from screening import TrainingRows, cross_validate, fit_surrogate
    from screening.paper import default_table

    table, rng = default_table(), np.random.default_rng(0)
    k = len(table.y)
    source = np.arange(rows) % k
    moved = 0.1 * table.x.std(axis=0) * rng.standard_normal((rows, table.x.shape[1])) * (np.arange(rows) >= k)[:, None]
    noise = 0.1 * rng.standard_normal(rows) * (np.arange(rows) >= k)
    groups = [f"{table.groups[row]} {turn}" for row, turn in zip(source, np.arange(rows) // k, strict=True)]
    compounds = [f"{table.compounds[row]} {turn}" for row, turn in zip(source, np.arange(rows) // k, strict=True)]
    training = TrainingRows.of(
        table.x[source] + moved, table.y[source] + noise, table.noise[source], groups, compounds=compounds
    )
    begin = time.process_time()
    validation = cross_validate(training)
    surrogate = fit_surrogate(training, validation=validation)
    spent = time.process_time() - begin
    numbers = [*surrogate.predict(table.x), validation.predictions["mean"].to_numpy()]
    return spent, hashlib.sha256(b"".join(part.tobytes() for part in numbers)).hexdigest()[:16]


def main() -> None:
    """Print a line for each number of rows, and for each number of threads."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="*", type=int, default=[47, 150, 500])
    parser.add_argument("--threads", nargs="*", type=int, default=[1, 2, 4])
    asked = parser.parse_args()
    cases = [(rows, 1) for rows in asked.rows] + [(47, threads) for threads in asked.threads]
    print(f"{'rows':>6}{'threads':>9}{'CPU s':>8}  digest of the predictions")
    for rows, threads in cases:
        code = f"from benchmarks.surrogate_growth import measured; print(*measured({rows}))"
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
        environment = {**os.environ, **dict.fromkeys(names, str(threads))}
        told = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        seconds, digest = told.stdout.split()
        print(f"{rows:6}{threads:9}{float(seconds):8.1f}  {digest}", flush=True)


if __name__ == "__main__":
    main()
