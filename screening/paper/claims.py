"""What the reference paper says its models score."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CLAIMS", "Claim"]


@dataclass(frozen=True)
class Claim:
    """One score of the paper (doi 10.1039/d5sc07406a), R2 on the rate.

    Attributes:
        model: "mlp" or "linear".
        rows: what it was trained and tested on, in the paper's words.
        split: our name of that split.
        r2_rate: as printed.
    """

    model: str
    rows: str
    split: str
    r2_rate: float


#: R2 values that the paper prints, by the model, its words for the split, and ours.
CLAIMS = (
    Claim("mlp", "38 rows, leave-one-out", "leave_one_out", 0.94),
    Claim("mlp", "38 train, 14 test", "train38_test14", 0.76),
    Claim("mlp", "45 train, 7 test", "train45_test7", 0.95),
    Claim("mlp", "52 rows, leave-one-out", "leave_one_out", 0.99),
    Claim("linear", "38 train, 14 test", "train38_test14", 0.34),
)
