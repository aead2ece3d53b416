"""Which spacers of a campaign are computed, where a budget does not grant them all: round by round those that a learned
oracle asks for, until the list is stable."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from campaigns.artifacts import Artifacts, Form
from campaigns.config import CampaignConfig
from campaigns.errors import CampaignError
from campaigns.state import CampaignState
from campaigns.summary import SpacerRound
from chemspace import CompoundSpace
from chemspace.progress import Progress
from oracle import OracleStore
from screening.errors import TrainingDataError

if TYPE_CHECKING:
    from screening.learned_oracle import Known, SpacerFeatures, StartShapes
    from screening.ranking import Candidates

#: Spacers of fewer than this have their features worked out faster than read.
_WORTH_KEEPING = 2000


class SpacerSearch:
    """Rounds of calculations over the spacers of one space."""

    def __init__(self, config: CampaignConfig, space: CompoundSpace, store: Path, artifacts: Artifacts) -> None:
        """Bind the description, the space, the file of computed descriptors, and what is kept."""
        self._config, self._space, self._store, self._artifacts = config, space, store, artifacts
        self._budget = config.budget.calculations or 0
        self._shapes: StartShapes | None = None

    def next_round(
        self,
        state: CampaignState,
        data_key: str,
        chosen: NDArray[np.bool_],
        candidates: Callable[[], Candidates],
        progress: Progress | None = None,
    ) -> SpacerRound | None:
        """The next spacers to compute on these data; None where the search on them has ended.

        It follows from the log and the oracle's store alone, so a search that was stopped goes on as it would have.
        `chosen` says of each spacer whether it was chosen, shape (m,); `candidates` hold nothing that is ruled out.
        """
        from campaigns.round import SINGLE, VAST
        from screening.learned_oracle import plan_round
        from screening.ranking import PassSettings

        rounds, left = state.spacer_rounds, state.calculations_left
        on_these_data = [one for one in rounds if one.data_key == data_key]
        if on_these_data and not on_these_data[-1].spacers and (on_these_data[-1].is_stable or not left):
            return None
        number, seed = len(rounds) + 1, self._config.seed
        if not rounds:
            return self._first(data_key)
        if chosen.all():
            return SpacerRound(number=number, data_key=data_key, spacers=(), open_places=0.0, is_stable=True)
        settings = PassSettings(single_precision=len(self._space) >= SINGLE, sketched=len(self._space) >= VAST)
        try:
            choice = plan_round(
                candidates(), self._known(chosen, progress), self._budget, left, (seed, number), settings
            )
        except TrainingDataError:  # most of what was computed failed: others are tried until the budget ends
            others = np.random.default_rng([seed, number]).permutation(np.flatnonzero(~chosen))
            return self._round(number, data_key, others[: min(left, self._budget // 10 + 1)])
        planned = self._round(number, data_key, choice.spacers[: 0 if choice.is_stable else None])
        told: dict[str, Any] = {
            "list_size": choice.list_size,
            "open_places": round(choice.open_places, 3),
            "is_stable": choice.is_stable,
            "n_far": 0 if choice.is_stable else choice.n_far,
            "scores": {score.name: {k: v for k, v in asdict(score).items() if k != "name"} for score in choice.scores},
        }
        return planned.model_copy(update=told)

    def _round(self, number: int, data_key: str, places: NDArray[np.integer[Any]]) -> SpacerRound:
        """A round of these spacers, which cost nothing where the store holds them."""
        keys = tuple(self._space.spacers[int(place)].inchikey for place in places)
        return SpacerRound(number=number, data_key=data_key, spacers=keys, n_known=len(self._held(keys)))

    def _held(self, keys: Sequence[str]) -> set[str]:
        with OracleStore(self._store) as store:
            return {key for key, record in store.get_many(keys, self._config.protocol).items() if not record.retry}

    def _first(self, data_key: str) -> SpacerRound:
        """What the oracle's store holds already, and as many more as a model can begin with."""
        from screening.learned_oracle import first_spacers

        keys = [spacer.inchikey for spacer in self._space.spacers]
        in_store = self._held(keys)
        is_known = np.fromiter((key in in_store for key in keys), np.bool_, len(keys))
        if int((~is_known).sum()) <= self._budget:
            further = np.flatnonzero(~is_known)
        else:
            charges = np.array([spacer.charge for spacer in self._space.spacers])
            further = first_spacers(is_known, charges, self._budget, self._config.seed)
        if not is_known.any() and not further.size:
            raise CampaignError(
                f"a budget of {self._budget} calculations computes no spacer, and the oracle's store holds none of the "
                f"{len(keys)}; grant some calculations (--budget)"
            )
        return self._round(1, data_key, np.concatenate([np.flatnonzero(is_known), further]))

    def _known(self, chosen: NDArray[np.bool_], progress: Progress | None) -> Known:
        from screening.learned_oracle import Known, StartShapes, spacer_features

        self._shapes = self._shapes or StartShapes(self._config.protocol, 2)
        smiles = [spacer.smiles for spacer in self._space.spacers]
        key = sha256("\n".join(["2", version("rdkit"), *smiles]).encode()).hexdigest()  # second kind of features
        features = self._artifacts.get(
            "spacer_features",
            key,
            lambda: spacer_features(smiles, 2, progress),
            _FEATURES if len(smiles) >= _WORTH_KEEPING else None,
        )
        return Known(features, chosen, self._shapes)


def _pack(features: SpacerFeatures) -> dict[str, Any]:
    counts = {name: getattr(features.counts, name) for name in ("data", "indices", "indptr")}
    return {"numbers": features.numbers, "formula": features.formula, "bits": features.counts.shape[1], **counts}


def _unpack(held: Mapping[str, Any]) -> SpacerFeatures:
    from scipy.sparse import csr_matrix

    from screening.learned_oracle import SpacerFeatures

    shape = (len(held["numbers"]), held["bits"])
    counts = csr_matrix((held["data"], held["indices"], held["indptr"]), shape=shape)
    return SpacerFeatures(held["numbers"], counts, held["formula"])


_FEATURES: Form[SpacerFeatures] = Form(_pack, _unpack)
