"""Where tensor programs run: the processor, or a CUDA device that torch sees."""

from __future__ import annotations

from screening.errors import DeviceError

__all__ = ["usable_device"]


def usable_device(device: str) -> str:
    """The device's name as it was given, if torch can compute there.

    Args:
        device: "cpu", "cuda", or "cuda:1" for the second card.

    Raises:
        DeviceError: for any other name, and for a CUDA device where torch sees none of that number.
    """
    if device == "cpu":
        return device
    kind, colon, number = device.partition(":")
    if kind != "cuda" or (colon and not number.isdecimal()):
        raise DeviceError(f"device {device!r} is not known; it is 'cpu', 'cuda' or, of several cards, 'cuda:1'")
    import torch  # a process that stays on the processor may not need it here

    if not torch.cuda.is_available():
        raise DeviceError(
            f"device {device!r} is not there: torch {torch.__version__} sees no CUDA device; use 'cpu', or a torch "
            "that is built for CUDA on a machine with an NVIDIA card and its driver"
        )
    count = torch.cuda.device_count()
    if number and int(number) >= count:
        raise DeviceError(f"device {device!r} is not there: torch sees {count}, the last is 'cuda:{count - 1}'")
    return device
