"""A pretend CUDA device: tensors that say they live on one, while the processor does their arithmetic.

For tests where there is no GPU. What goes wrong with one is mostly that tensors of two devices meet, or that something
reads its memory as if it were the processor's; both raise here as they do in torch. Values stay real, so that programs
whose course depends on numbers run to their end (torch's fake tensors have no values). Speed, memory and the rounding
of a GPU's own kernels are beyond it; `reverse_sums` shows what another order of additions does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

__all__ = ["PretendDevice", "PretendTensor", "pretend_device"]

aten = torch.ops.aten
#: What torch itself allows between devices: copies, and places given by tensors of the processor.
COPIES = {aten.copy_.default, aten._to_copy.default}
PLACES = {aten.index.Tensor, aten.index_put_.default, aten.index_put.default}
#: Products, whose sums a device adds up in its own order.
PRODUCTS = {aten.mm.default, aten.bmm.default, aten.bmm.out, aten.addmm.default, aten.baddbmm.default}
#: Functions that read memory from Python.
READERS = {Tensor.numpy, Tensor.__array__, Tensor.data_ptr, Tensor.untyped_storage}
#: Functions whose Python body makes tensors on the device of another.
WHOLE = {torch.nn.functional.embedding_bag}
#: Functions that make a tensor from Python's numbers without asking the dispatcher.
MAKERS = {Tensor.new_tensor}


@dataclass
class PretendDevice:
    """What happens on the device.

    Attributes:
        reverse_sums: the terms of matrix products are added up in the opposite order, as another device might.
        ran: how often each operation ran there, by torch's name without the overload ("bmm").
    """

    reverse_sums: bool = False
    ran: Counter[str] = field(default_factory=Counter)


class PretendTensor(Tensor):
    """A tensor of the device; `held` is the tensor of the processor that has its values."""

    held: Tensor
    home = PretendDevice()

    @staticmethod
    def __new__(cls, held: Tensor) -> PretendTensor:
        # To torch's C++ half it is a tensor of the processor: a build without CUDA has no autograd for others.
        told: PretendTensor = Tensor._make_wrapper_subclass(
            cls, held.shape, strides=held.stride(), storage_offset=held.storage_offset(), dtype=held.dtype
        )
        told.held = held
        return told

    @property
    def device(self) -> torch.device:  # type: ignore[override]  # an attribute of torch's class
        return torch.device("cuda", 0)

    @property
    def is_cuda(self) -> bool:  # type: ignore[override]  # as above
        return True

    @property
    def is_cpu(self) -> bool:  # type: ignore[override]  # as above
        return False

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in READERS and isinstance(args[0], PretendTensor):
            raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() first.")
        if func in (Tensor.tolist, Tensor.__repr__):
            return func(args[0].held)
        if func in (Tensor.to, Tensor.cpu):
            return _moved(func, args, kwargs)
        with torch._C.DisableTorchFunctionSubclass():
            told = _run(func, args, kwargs) if func in WHOLE else func(*args, **kwargs)
        return PretendTensor(told) if func in MAKERS else told

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]  # torch asks for a class method
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if torch.Tag.nondeterministic_seeded in func.tags:
            raise AssertionError(f"{func} draws random numbers on the device; they would not be the processor's")
        if func is aten._fused_adam_.default:
            _refuse_other_strides(*args[:4])
        if func is aten.copy_.default and not isinstance(args[0], PretendTensor):
            return args[0].copy_(args[1].held)
        return _run(func, args, kwargs)


class _Placing(TorchFunctionMode):
    """Sends tensors to the device that are made there or moved there by name."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in (Tensor.to, Tensor.cpu):
            return _moved(func, args, kwargs)
        if not _is_cuda(kwargs.get("device")) or func is torch._C._nn._parse_to:  # that one only reads arguments
            return func(*args, **kwargs)
        if kwargs.get("generator") is not None:
            raise RuntimeError("Expected a 'cuda' device type for generator but found 'cpu'")
        return PretendTensor(_plain(func(*args, **{**kwargs, "device": "cpu"})))


@contextmanager
def pretend_device(reverse_sums: bool = False) -> Iterator[PretendDevice]:
    """A CUDA device for the time of a block, in this thread; `reverse_sums` as in `PretendDevice`."""
    device = PretendDevice(reverse_sums)
    with (
        mock.patch.object(torch.cuda, "is_available", return_value=True),
        mock.patch.object(torch.cuda, "device_count", return_value=1),
        mock.patch.object(PretendTensor, "home", device),
        _Placing(),
    ):
        yield device


def _moved(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """Result of `to` or `cpu`, on the device that its arguments name, or on that of the tensor itself."""
    source, *rest = args
    named = [kwargs.get("device"), kwargs.get("other"), *rest]
    target = torch.device("cpu") if func is Tensor.cpu else source.device
    for one in named:
        if isinstance(one, Tensor):
            target = one.device
        elif isinstance(one, (str, torch.device)):
            target = torch.device(one)
    there = isinstance(source, PretendTensor)
    with torch._C.DisableTorchFunction():
        if target.type == "cuda" and there:
            moved: Tensor = source.to(*map(_here, rest), **{k: _here(v) for k, v in kwargs.items()})
            return moved
        told: Tensor = func(_plain(source), *map(_here, rest), **{k: _here(v) for k, v in kwargs.items()})
        return PretendTensor(told.clone() if told is source else told) if target.type == "cuda" else told


def _here(argument: Any) -> Any:
    """An argument of `to` with the processor in place of the device."""
    if _is_cuda(argument):
        return torch.device("cpu")
    return _plain(argument)


def _is_cuda(argument: Any) -> bool:
    return isinstance(argument, (str, torch.device)) and str(argument).startswith("cuda")


def _plain(argument: Any) -> Any:
    return argument.held if isinstance(argument, PretendTensor) else argument


def _run(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Result of an operation on the device, worked out on the processor."""
    _refuse_mix(func, args, kwargs)
    PretendTensor.home.ran[getattr(func, "overloadpacket", func).__name__] += 1
    own: dict[int, PretendTensor] = {}
    held, held_kwargs = _held(args, own), {name: _held(value, own) for name, value in kwargs.items()}
    if PretendTensor.home.reverse_sums and func in PRODUCTS:
        held = (*held[:-2], held[-2].flip(-1), held[-1].flip(-2))
    return _there(func(*held, **held_kwargs), own)


def _held(argument: Any, own: dict[int, PretendTensor]) -> Any:
    """The processor's side of an operation's arguments; `own` learns whose each tensor is."""
    if isinstance(argument, PretendTensor):
        own[id(argument.held)] = argument
        return argument.held
    if isinstance(argument, (list, tuple)):
        return type(argument)(_held(one, own) for one in argument)
    return torch.device("cpu") if _is_cuda(argument) else argument


def _there(told: Any, own: dict[int, PretendTensor]) -> Any:
    """An operation's results on the device; what it changed in place is the tensor that it was given."""
    if isinstance(told, Tensor):
        return own[id(told)] if id(told) in own else PretendTensor(told)
    return type(told)(_there(one, own) for one in told) if isinstance(told, (list, tuple)) else told


def _flat(arguments: Any) -> Iterator[Any]:
    for one in arguments:
        if isinstance(one, (list, tuple)):
            yield from _flat(one)
        else:
            yield one


def _refuse_mix(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if func in COPIES:
        return
    given: list[Any] = [*args, *kwargs.values()]
    if func in PLACES:
        given = [args[0], *args[2:]]
        if not isinstance(args[0], PretendTensor):
            raise RuntimeError("indices should be either on cpu or on the same device as the indexed tensor (cpu)")
    for tensor in _flat(given):
        if isinstance(tensor, Tensor) and not isinstance(tensor, PretendTensor) and tensor.dim() > 0:
            raise RuntimeError(
                f"Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu! {func}"
            )


def _refuse_other_strides(*lists: list[Tensor]) -> None:
    """CUDA's fused Adam takes parameters, gradients and moments of the same layout only."""
    for each in zip(*lists, strict=True):
        if len({(t.shape, t.stride(), t.dtype) for t in each}) > 1:
            raise RuntimeError("params, grads, exp_avgs, and exp_avg_sqs must have same dtype, device, and layout")
