"""The command that compares a CUDA device with the processor, tried out on the processor."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks import device

QUICK = ["--device", "cpu", "--rows", "10", "--repeats", "1"]


def test_the_processor_agrees_with_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert device.main(QUICK) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"torch {torch.__version__}, cpu: the processor itself"
    assert [line.split()[-6:-2] for line in lines[2:-2]] == [
        ["0.0e+00", "0.0e+00", allowed, "ok"] for allowed in (*["1e-06"] * 4, "1e-03", "1e-03", "1e-04")
    ]
    assert all("the same list" in line for line in lines[-2:])


def test_a_difference_above_what_is_allowed_is_an_exit_status_of_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(device, "SINGLE", -1.0)
    assert device.main(QUICK) == 1
    assert capsys.readouterr().out.count("TOO FAR") == 1


@pytest.mark.parametrize(("mean", "sd"), [(2e-6, 0.0), (0.0, 2e-6), (np.nan, 0.0), (0.0, np.inf)])
def test_a_check_holds_only_by_numbers_within_what_is_allowed(mean: float, sd: float) -> None:
    assert device.Check("within", 1.0, 1.0, 1e-6, 0.0, 1e-6).holds
    assert not device.Check("outside", 1.0, 1.0, mean, sd, 1e-6).holds


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_device_that_is_not_there_is_an_exit_status_of_two(capsys: pytest.CaptureFixture[str]) -> None:
    assert device.main([]) == 2
    assert "sees no CUDA device" in capsys.readouterr().err
