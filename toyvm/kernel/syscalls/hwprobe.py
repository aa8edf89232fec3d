"""riscv_hwprobe(2): what the processors can do (Linux, Documentation/arch/riscv/hwprobe.rst; numbers of asm/hwprobe.h)."""

from __future__ import annotations

import errno
import struct

from toyvm.base.bits import M64
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.isa.extensions import CACHE_BLOCK, MACHINE

if TYPE_CHECKING:
    from ..proc.kernel_state import KernelState
    from ..proc.process import Process

_WHICH_CPUS = 1
_PAIR = struct.Struct("<2Q")  # key and value; a key is signed
_UNKNOWN = M64  # -1
_MAX_PAIRS = 1 << 16
_MVENDORID, _MARCHID, _MIMPID, _BASE, _EXTENSIONS, _PERFORMANCE, _ZICBOZ_SIZE, _HIGHEST, _FREQUENCY = range(9)
_SCALAR_MISALIGNED, _VECTOR_MISALIGNED, _ZICBOM_SIZE = 9, 10, 12
_IMA = 1
_FAST, _UNSUPPORTED = 3, 4
_TIME_FREQUENCY = 10**9  # the time CSR counts instructions, which take a nanosecond each
_HIGHEST_ADDRESS = (1 << 38) - 1  # of user mode, Sv39

# The bits of RISCV_HWPROBE_KEY_IMA_EXT_0, from bit 0. The names that this machine lacks keep their place
_BITS = """fd c v zba zbb zbs zicboz zbc zbkb zbkc zbkx zknd zkne zknh zksed zksh zkt zvbb zvbc zvkb zvkg zvkned
zvknha zvknhb zvksed zvksh zvkt zfh zfhmin zihintntl zvfh zvfhmin zfa ztso zacas zicond zihintpause zve32x zve32f
zve64x zve64f zve64d zimop zca zcb zcd zcf zcmop zawrs supm zicntr zihpm zfbfmin zvfbfmin zvfbfwma zicbom zaamo
zalrsc zabha zalasr zicbop"""


def _extension_bits() -> int:
    here = {*MACHINE, "fd"}
    return sum(1 << bit for bit, name in enumerate(_BITS.split()) if name in here)


_VALUES = {
    _MVENDORID: 0,
    _MARCHID: 0,
    _MIMPID: 0,
    _BASE: _IMA,
    _EXTENSIONS: _extension_bits(),
    _PERFORMANCE: _FAST,
    _ZICBOZ_SIZE: CACHE_BLOCK,
    _HIGHEST: _HIGHEST_ADDRESS,
    _FREQUENCY: _TIME_FREQUENCY,
    _SCALAR_MISALIGNED: _FAST,
    _VECTOR_MISALIGNED: _UNSUPPORTED,
    _ZICBOM_SIZE: CACHE_BLOCK,
}
_BIT_SETS = (_BASE, _EXTENSIONS, _PERFORMANCE)


def riscv_hwprobe(
    kernel: KernelState, process: Process, pairs: int, count: int, size: int, cpus: int, flags: int
) -> int:
    """riscv_hwprobe(2): store the value of each key; of a key that is unknown, -1 as the key. All harts are alike.

    With the flag 1, store which of the processors have all the values instead.

    Errors: EFAULT, EINVAL.
    """
    if flags & ~_WHICH_CPUS or count > _MAX_PAIRS or size > _MAX_PAIRS:
        raise error(errno.EINVAL)
    online = (1 << kernel.limits.cpus) - 1
    chosen = int.from_bytes(process.mm.read(cpus, size), "little") if size and cpus else 0
    given = _PAIR.iter_unpack(process.mm.read(pairs, count * _PAIR.size)) if count else iter(())
    if flags & _WHICH_CPUS:
        if not size or not cpus:
            raise error(errno.EINVAL)
        chosen = (chosen or online) & online
        if not all(_has(key, value) for key, value in given):
            chosen = 0
        process.mm.write(cpus, (chosen & (1 << 8 * size) - 1).to_bytes(size, "little"))
        return 0
    if (size or cpus) and not chosen & online:
        raise error(errno.EINVAL)
    answers = [
        _PAIR.pack(key, _VALUES[key]) if key in _VALUES else _PAIR.pack(_UNKNOWN, 0) for key, _ in given
    ]
    process.mm.write(pairs, b"".join(answers))
    return 0


def _has(key: int, value: int) -> bool:
    """Whether the harts have a value: all bits of it where the value is a set of bits."""
    known = _VALUES.get(key)
    if known is None:
        return False
    return known & value == value & M64 if key in _BIT_SETS else known == value
