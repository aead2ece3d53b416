"""Own acquisition: a value by mean, spread and the best so far ranks a whole space; BoTorch's work on the model.

Run: python docs/howto/own_acquisition.py
"""

from __future__ import annotations

import numpy as np
import torch
from botorch.acquisition.logei import qLogExpectedImprovement
from botorch.acquisition.objective import GenericMCObjective
from botorch.sampling.normal import SobolQMCNormalSampler
from numpy.typing import NDArray
from scipy.stats import norm

from chemspace import CompoundSpace
from oracle import CationTable
from screening import SpinDataset, fit_feasibility, fit_surrogate, rank
from screening.dataset import published_descriptors
from screening.features import to_features
from screening.ranking import Candidates
from screening.strategies import Acquisition, register_strategy
from screening.surrogates import TrainingRows

Array = NDArray[np.float64]
#: Slower than ten picoseconds: log10 of the rate below -1.
GOAL = -1.0


@register_strategy
class ProbabilityOfGoal(Acquisition):
    """Logarithm of the probability that the lifetime is above ten picoseconds."""

    name = "log_p_goal"
    words = "most likely to last ten picoseconds"

    def value(self, mean: Array, sd: Array, best: float | Array) -> Array:
        """The logarithm, shape (m,), by mean and sd (m,) of log10 rate."""
        return norm.logcdf((GOAL - mean) / sd)


def main() -> None:
    """Rank the published spacers in up to four layers by it, then value the same compounds with BoTorch."""
    _, descriptors = published_descriptors()
    data = SpinDataset.published()
    keep = np.isin(data.rows["material_id"], data.trainable().rows["material_id"])
    rows, x = data.subset(keep), to_features(descriptors[keep])
    surrogate = fit_surrogate(TrainingRows.of(x, rows.log10_rate, rows.noise, rows.groups), name="gp")

    # Descriptors of one level of theory, those of training: n = 1 rows hold the pure spacer's, 3D rows the cage's.
    of_row = dict(zip(data.compounds, descriptors[:, :8], strict=True))
    pure = {c.spacer: values for c, values in of_row.items() if c is not None and c.n_layers == 1 and c.spacer}
    cages = {c.cage[0][0]: values for c, values in of_row.items() if c is not None and c.n_layers is None and c.cage}
    cages = {cation: values for cation, values in cages.items() if cation.is_organic}
    space = CompoundSpace(tuple(pure), tuple(cages), (1, 2, 3, 4))
    tables = [
        CationTable(np.array([known[c] for c in cations]), np.ones(len(cations), dtype=bool))
        for known, cations in ((pure, space.spacers), (cages, space.cages))
    ]
    measured = [space.index(c) for c in rows.compounds if c is not None and c in space]

    strategy, best = ProbabilityOfGoal(), float(rows.log10_rate.min())
    candidates = Candidates(space, *tables, surrogate, best, strategy, fit_feasibility(), exclude=measured)
    ranking = rank(candidates, top_k=5)
    print(ranking.frame[["formula", "lifetime_ps", "acquisition", "feasibility"]].round(2).to_string(index=False))

    # The model predicts log10 of the rate and BoTorch maximises, so the objective turns the sign.
    slow = GenericMCObjective(lambda samples, X=None: -samples[..., 0])
    sampler = SobolQMCNormalSampler(torch.Size([512]), seed=0)
    best = float((-rows.log10_rate).max())
    value = qLogExpectedImprovement(surrogate.model, best_f=best, sampler=sampler, objective=slow)
    points = torch.as_tensor(ranking.x)
    print("BoTorch qLogEI of each:", value(points[:, None]).detach().numpy().round(2))


if __name__ == "__main__":
    main()
