"""How wide interval bounds of the networks are over boxes of neighbouring spacers.

    python -m benchmarks.network_bounds --spacers 12000

A bound over a group of spacers spares their predictions where even its optimistic end is out of reach of the list. For
boxes around each of 500 drawn spacers and its nearest ones in standardised features (one kind of surroundings),
interval arithmetic through every network gives the ends of their mean; its width stands beside the spread and the range
of the mean over all spacers. Distances between n neighbours in d features fall as n^(-1/d): `--scaled` shrinks boxes.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor

from benchmarks.ranking_scale import library_like
from benchmarks.ranking_space import space_of, trained
from oracle.descriptors import CationTable
from screening.ranking import Candidates
from screening.surrogates.ensembles import encode
from screening.surrogates.model import EnsembleComponent


def ends(networks: EnsembleComponent, low: np.ndarray, high: np.ndarray) -> tuple[Tensor, Tensor]:
    """Least and most of the networks' mean over boxes between `low` and `high` (m, d), each (m,)."""
    least, most = (encode(torch.from_numpy(corner), networks.edges).mT[None] for corner in (low, high))
    for layer in range(networks.n_layers):
        weight, bias = networks.get_buffer(f"weight_{layer}"), networks.get_buffer(f"bias_{layer}")
        up, down = weight.clamp_min(0.0), weight.clamp_max(0.0)
        least, most = up @ least + down @ most + bias, up @ most + down @ least + bias
        if layer < networks.n_layers - 1:
            least, most = least.sigmoid(), most.sigmoid()
    return least[:, 0].mean(0), most[:, 0].mean(0)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spacers", type=int, default=12_000)
    parser.add_argument("--scaled", type=float, nargs="+", default=[1.0, 0.5, 0.1])
    asked = parser.parse_args()
    surrogate, best = trained()
    space, table, cages = space_of(asked.spacers * 105)
    table = CationTable(library_like(len(space.spacers)), table.organic)
    features = Candidates(space, table, cages, surrogate, best).block_features
    kinds, _ = features.kinds
    x = features.features(np.arange(len(space.spacers)), np.full(len(space.spacers), kinds[len(kinds) // 2]))
    model = surrogate.model
    z = (x - model.x_mean.numpy()) / model.x_sd.numpy()
    (networks,) = (component for component in model.components if isinstance(component, EnsembleComponent))
    drawn = z[np.random.default_rng(0).choice(len(z), 500, replace=False)]
    nearest = cKDTree(z).query(drawn, k=9)[1]
    with torch.no_grad():
        mean = networks.marginal(torch.from_numpy(z))[0]
        print(f"mean of the networks over {len(z):,} spacers: sd {mean.std():.2f}, range {mean.max() - mean.min():.2f}")
        for size in (2, 4, 9):
            boxes = z[nearest[:, :size]]
            centre, half = (boxes.max(1) + boxes.min(1)) / 2.0, (boxes.max(1) - boxes.min(1)) / 2.0
            for scale in asked.scaled:
                least, most = ends(networks, centre - scale * half, centre + scale * half)
                print(f"boxes of {size} spacers times {scale:g}: width of its bounds {(most - least).median():.2f}")


if __name__ == "__main__":
    main()
