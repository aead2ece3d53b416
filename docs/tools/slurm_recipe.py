"""Describes a library of cations with SLURM jobs as workers. Start it where jobs can be submitted.

pip install "spinscreen[dask]"
python slurm_recipe.py amines.smi shared.db --jobs 10 --cores 16 --walltime 04:00:00
"""

from __future__ import annotations

import argparse

from dask_jobqueue import SLURMCluster

from chemspace import CationLibrary
from oracle import Limits, OracleStore, Protocol, describe_each


def main() -> None:
    """Submits the jobs, describes the library, ends the jobs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library")
    parser.add_argument("store")
    parser.add_argument("--jobs", type=int, default=10)
    parser.add_argument("--cores", type=int, default=16)
    parser.add_argument("--walltime", default="04:00:00")
    parser.add_argument("--partition", default=None)
    options = parser.parse_args()
    cations = list(CationLibrary.read(options.library))
    limits = Limits(seconds=600.0, memory_mb=2000.0)
    jobs = SLURMCluster(
        cores=options.cores,
        processes=1,
        memory=f"{options.cores * 2} GB",  # every core has a worker process, which may take limits.memory_mb
        walltime=options.walltime,
        queue=options.partition,
    )
    with jobs, OracleStore(options.store) as store:
        # Unlike `scale`, this puts a new job in the place of one that ended or was killed.
        jobs.adapt(minimum_jobs=options.jobs, maximum_jobs=options.jobs)
        found = describe_each(cations, Protocol(), store, limits=limits, dask=jobs.scheduler_address)
        for done, record in enumerate(found, start=1):
            print(f"{done} of {len(cations)}: {record.smiles} {record.error or 'ok'}", flush=True)


if __name__ == "__main__":
    main()
