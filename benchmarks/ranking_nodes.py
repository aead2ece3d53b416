"""A ranking and a learned oracle on Dask workers, measured with a few local ones, and what they come to on many nodes.

    python -m benchmarks.ranking_nodes --compounds 1000000 --workers 2 4 8

For each number of workers (one thread each): wall seconds, CPU seconds of all of them in the pass, bytes that each gets
at its start and that a task sends back. From these, on paper: seconds and bytes for `--asked` compounds on `--nodes`
nodes of `--cores` cores. Wall seconds say something only where there are as many idle cores as workers; CPU seconds
and bytes do everywhere. The list is compared with that of one process.

A learned oracle that computes `--share` of the spacers spends its calculations in Dask tasks (`launch --dask`); reading
drawings, learning and predicting stay on the machine that asks, by the estimate that a launch prints.
"""

from __future__ import annotations

import argparse
import pickle
import time
from collections.abc import Callable

from distributed import Client, LocalCluster

from benchmarks.oracle_speed import sample
from benchmarks.ranking_space import space_of, trained
from benchmarks.timing import cpu_seconds
from oracle import Limits, Protocol
from oracle.compute import compute
from oracle.record import Task
from screening.learned_oracle import SearchPlan, spacer_features
from screening.ranking import Candidates, PassSettings, rank
from screening.ranking.candidates import _TASKS, Pass, SinglePrecision

#: Compounds of the list, and those that a pass keeps beyond it; time of Dask's scheduler for a task, about, seconds:
#: https://docs.dask.org/en/stable/best-practices.html#avoid-very-large-graphs
TOP, SPARE, A_TASK = 100, 1000, 1e-3


def bytes_of(candidates: Candidates, block_size: int) -> tuple[int, int]:
    """What each worker gets at its start, and what a task sends back."""
    work = Pass(candidates, SinglePrecision(candidates.surrogate), None, TOP + SPARE, block_size)
    return len(pickle.dumps(work)), len(pickle.dumps(work.run(0, 1, float("-inf"))))


def oracle_work(spacers: float, threads: int, share: float) -> None:
    """Print what a learned oracle for so many spacers comes to, from four calculations and 350 drawings here."""
    protocol, smiles = Protocol(), [cation.smiles for cation in sample(350)]
    tasks = [Task(cation.inchikey, cation.smiles, cation.charge) for cation in sample(4)]
    begin = cpu_seconds()
    records = [compute(task, protocol) for task in tasks]
    each, begin = (cpu_seconds() - begin) / len(tasks), cpu_seconds()
    spacer_features(smiles)
    read = (cpu_seconds() - begin) / len(smiles)
    task, record = (len(pickle.dumps(one)) for one in ((tasks[0], protocol, Limits()), records[0]))
    plan = SearchPlan(round(spacers), 0, round(share * spacers))
    seconds, memory_mb = plan.cost(smiles, 0.0, 1, protocol)
    print(f"  a learned oracle that computes {share:.0%} of the spacers, ", end="")
    print(f"{plan.budget:.1e}, at {each:.2f} CPU s: ", end="")
    print(f"{plan.budget * each / threads / 3600:.1f} h; {plan.budget * task / 1e9:.0f} GB of tasks out, ", end="")
    print(f"{plan.budget * record / 1e9:.0f} GB of records back, {plan.budget * A_TASK / 3600:.1f} h of the scheduler")
    print(f"  on the machine that asks: {spacers * read / 3600:.0f} core-hours to read the drawings, ", end="")
    print(f"{seconds / 3600:.0f} h to learn and predict in {plan.n_rounds} rounds, {memory_mb / 1e3:.0f} GB")


def timed(client: Client, function: Callable[[], object]) -> tuple[object, float, float]:
    """What a function returns, wall seconds, and CPU seconds that all workers spent meanwhile."""
    before, begin = sum(client.run(time.process_time).values()), time.perf_counter()
    result = function()
    wall = time.perf_counter() - begin
    return result, wall, sum(client.run(time.process_time).values()) - before


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compounds", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, nargs="+", default=[2, 4, 8])
    parser.add_argument("--asked", type=float, default=1e12)
    parser.add_argument("--nodes", type=int, default=100)
    parser.add_argument("--cores", type=int, default=32)
    parser.add_argument("--share", type=float, default=0.03)
    asked = parser.parse_args()
    surrogate, best = trained()
    parts = space_of(asked.compounds, 9)
    candidates, block = Candidates(*parts, surrogate, best), 8192
    size, spacers = len(parts[0]), len(parts[0].spacers)
    one = rank(candidates, TOP, PassSettings(block, 1, single_precision=True)).frame["index"].tolist()
    few = space_of(asked.compounds // 10, 9)
    (given, returned), (least, _) = bytes_of(candidates, block), bytes_of(Candidates(*few, surrogate, best), block)
    a_spacer = (given - least) / (spacers - len(few[0].spacers))
    print(f"{size:,} compounds of {spacers:,} spacers; a worker gets {given / 1e6:.2f} MB, ", end="")
    print(f"{a_spacer:.0f} bytes of it a spacer; a task sends back {returned / 1e3:.1f} kB")
    for n in asked.workers:
        with (
            LocalCluster(n, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster,
            Client(cluster) as client,
        ):
            settings = PassSettings(block, single_precision=True, client=client)
            rank(Candidates(*few, surrogate, best), TOP, settings)  # workers load what they need
            ranking, wall, cpu = timed(client, lambda s=settings: rank(candidates, TOP, s))  # type: ignore[misc]
        same = ranking.frame["index"].tolist() == one  # type: ignore[attr-defined]
        print(f"{n} workers: {wall:.1f} s, {cpu:.1f} CPU s, {cpu / size * 1e6:.2f} us a compound; ", end="")
        print(f"the list of one process: {same}", flush=True)
    threads = asked.nodes * asked.cores
    tasks, held = _TASKS * threads, asked.asked / (size / spacers)
    print(f"on paper, {asked.asked:.0e} compounds on {asked.nodes} nodes of {asked.cores} cores:")
    print(f"  the pass {cpu / size * asked.asked / threads / 3600:.2f} h; ", end="")
    print(f"{tasks:,} tasks, {tasks * A_TASK:.0f} s of the scheduler, {tasks * returned / 1e9:.2f} GB sent back")
    print(f"  {held:.1e} spacers at {size // spacers} compounds each: {held * a_spacer / 1e9:.0f} GB a worker")
    oracle_work(held, threads, asked.share)


if __name__ == "__main__":
    main()
