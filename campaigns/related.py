"""Results of another metal, halide, technique or laboratory: a related task, learnt from where that predicts better."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from campaigns.artifacts import Artifacts, validation_form
from campaigns.config import CampaignConfig
from campaigns.training import TrainingSet, validate

if TYPE_CHECKING:
    from screening.validation import Validation

#: Fewer related rows than this are not tried.
FEWEST_ROWS = 3
#: Validations that are kept: a round tries each related task once.
KEPT = 8


@dataclass(frozen=True)
class RelatedTask:
    """What became of a related task."""

    name: str  #: of the task
    n_rows: int  #: rows of it that have descriptors
    is_used: bool  #: whether the model learns from it
    #: `saved`, `stderr`: squared error (log10 rate) of compounds left out that learning from it saves, and the paired
    #: standard error of that; None where it was not tried.
    saved: float | None = None
    stderr: float | None = None
    reason: str = ""  #: why it was not tried; "" where it was

    def to_dict(self) -> dict[str, Any]:
        """As JSON, with the sentence for people."""
        return asdict(self) | {"sentence": self.sentence}

    @property
    def sentence(self) -> str:
        """Whether the model learns from it, and why."""
        rows = f"related task {self.name} ({self.n_rows} row{'' if self.n_rows == 1 else 's'})"
        if self.saved is None or self.stderr is None:
            return f"{rows}: ignored, {self.reason}"
        error = f"{self.saved:+.3f} ± {self.stderr:.3f} of squared error saved on compounds left out"
        if self.is_used:
            return f"{rows}: learnt from, {error}"
        return f"{rows}: ignored, learning from it does not predict better by more than the error of that ({error})"


def join_tasks(
    training: TrainingSet, config: CampaignConfig, artifacts: Artifacts, key: str
) -> tuple[TrainingSet, Validation, str, tuple[RelatedTask, ...]]:
    """Try the related tasks one after the other, and keep each that predicts compounds left out better by more than one
    paired standard error. Returns the rows with the tasks that are learnt from, their validation, the key of both, and
    what became of each task."""
    from screening.surrogates.registry import get_recipe, learns_tasks
    from screening.validation.card import squared_error_saved

    best = artifacts.get("validation", key, _validating(training, config), validation_form())
    told, able = [], learns_tasks(get_recipe(config.surrogate))
    for name, rows in training.related.items():
        n_rows = len(rows.dataset)
        if not able or n_rows < FEWEST_ROWS:
            few = f"at least {FEWEST_ROWS} rows with descriptors are needed"
            reason = few if able else f"the surrogate {config.surrogate} learns nothing from related tasks"
            told.append(RelatedTask(name, n_rows, is_used=False, reason=reason))
            continue
        numbers = (rows.x, rows.dataset.log10_rate, rows.dataset.noise, rows.dataset.censored)
        of_rows = sha256(b"".join(np.ascontiguousarray(one).tobytes() for one in numbers)).hexdigest()[:16]
        joint, joint_key = replace(training, joined=(*training.joined, name)), f"{key} {name} {of_rows}"
        tried = artifacts.get("related", joint_key, _validating(joint, config), validation_form(), keep=KEPT)
        saved, stderr = squared_error_saved(tried, best, np.asarray(training.rows.compounds), "leave_one_compound_out")
        is_used = saved > stderr
        told.append(RelatedTask(name, n_rows, is_used, saved, stderr))
        if is_used:
            training, best, key = joint, tried, joint_key
    return training, best, key, tuple(told)


def _validating(training: TrainingSet, config: CampaignConfig) -> Callable[[], Validation]:
    return lambda: validate(training, config)
