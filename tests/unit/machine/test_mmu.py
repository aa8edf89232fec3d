"""Translation by hand-made Sv39 tables: permissions, A and D, superpages, traps with the manual's numbers."""

from __future__ import annotations

import pytest

from toyvm.base.errors import UsageError
from toyvm.machine.hart import Hart
from toyvm.machine.mmu import Access, Mmu
from toyvm.machine.physical_memory import PhysicalMemory
from toyvm.machine.sv39 import (
    PTE_A,
    PTE_D,
    PTE_R,
    PTE_U,
    PTE_V,
    PTE_W,
    PTE_X,
    is_canonical,
    make_pte,
    pte_frame,
    vpn,
    walk,
)
from toyvm.machine.traps import Cause, Trap

VA = 0x12345_6000
USER = PTE_V | PTE_U


@pytest.fixture
def mmu() -> Mmu:
    """Frame 1 is the root, 2 and 3 the tables of VA."""
    memory = PhysicalMemory(1 << 20)
    memory.u64[(1 << 12 >> 3) + vpn(VA, 2)] = make_pte(2, PTE_V)
    memory.u64[(2 << 12 >> 3) + vpn(VA, 1)] = make_pte(3, PTE_V)
    return Mmu(memory, 1)


def put(mmu: Mmu, pte: int, va: int = VA) -> int:
    slot = (3 << 12 >> 3) + vpn(va, 0)
    mmu.memory.u64[slot] = pte
    return slot


def test_read_sets_accessed_only_and_fills_only_the_read_tlb(mmu: Mmu) -> None:
    slot = put(mmu, make_pte(9, USER | PTE_R | PTE_W))
    assert mmu.translate(VA + 0x123, Access.READ) == 0x9123
    assert mmu.memory.u64[slot] == make_pte(9, USER | PTE_R | PTE_W | PTE_A)
    assert mmu.tlb.read == {VA >> 12: 0x9000 - VA}
    assert not mmu.tlb.write and not mmu.tlb.execute


def test_write_sets_dirty_even_after_a_read_hit(mmu: Mmu) -> None:
    slot = put(mmu, make_pte(9, USER | PTE_R | PTE_W))
    mmu.translate(VA, Access.READ)
    assert mmu.translate(VA + 8, Access.WRITE) == 0x9008
    assert mmu.memory.u64[slot] & (PTE_A | PTE_D) == PTE_A | PTE_D


def test_a_hit_is_not_a_miss(mmu: Mmu) -> None:
    put(mmu, make_pte(9, USER | PTE_R))
    for _ in range(3):
        mmu.translate(VA, Access.READ)
    assert mmu.tlb.misses == 1
    mmu.tlb.drop(VA >> 12)
    mmu.translate(VA, Access.READ)
    assert mmu.tlb.misses == 2


@pytest.mark.parametrize(
    ("pte", "access", "cause"),
    [
        (0, Access.READ, 13),
        (0, Access.WRITE, 15),
        (0, Access.EXECUTE, 12),
        (make_pte(9, USER | PTE_R), Access.WRITE, 15),
        (make_pte(9, USER | PTE_R | PTE_W), Access.EXECUTE, 12),
        (make_pte(9, USER | PTE_X), Access.READ, 13),
        (make_pte(9, PTE_V | PTE_R), Access.READ, 13),  # not for user mode
        (make_pte(9, USER | PTE_W), Access.WRITE, 15),  # W without R is reserved
        (make_pte(9, USER | PTE_R) | 1 << 60, Access.READ, 13),  # reserved high bits
        (make_pte(1 << 30, USER | PTE_R), Access.READ, 5),  # beyond physical memory
        (make_pte(1 << 30, USER | PTE_R | PTE_W), Access.WRITE, 7),
        (make_pte(1 << 30, USER | PTE_X), Access.EXECUTE, 1),
    ],
)
def test_traps(mmu: Mmu, pte: int, access: Access, cause: int) -> None:
    put(mmu, pte)
    with pytest.raises(Trap) as caught:
        mmu.translate(VA + 4, access)
    assert (caught.value.cause, caught.value.tval) == (cause, VA + 4)
    assert VA >> 12 not in mmu.tlb.read | mmu.tlb.write | mmu.tlb.execute


@pytest.mark.parametrize("va", [1 << 38, 1 << 39, 1 << 63, (1 << 64) - (1 << 39)])
def test_addresses_outside_the_39_bits_fault(mmu: Mmu, va: int) -> None:
    with pytest.raises(Trap):
        mmu.translate(va, Access.READ)


def test_canonical_is_sign_extension_of_bit_38() -> None:
    assert is_canonical((1 << 38) - 1) and is_canonical((1 << 64) - 1)
    assert not is_canonical(1 << 38) and not is_canonical((1 << 64) - (1 << 39))


def test_superpage_and_misaligned_superpage(mmu: Mmu) -> None:
    memory = PhysicalMemory(4 << 20)
    mmu = Mmu(memory, 1)
    memory.u64[(1 << 12 >> 3) + vpn(VA, 2)] = make_pte(2, PTE_V)
    slot = (2 << 12 >> 3) + vpn(VA, 1)
    memory.u64[slot] = make_pte(512, USER | PTE_R)
    assert mmu.translate(VA + 5, Access.READ) == 0x200000 + ((VA + 5) & 0x1FFFFF)
    mmu.tlb.flush()
    memory.u64[slot] = make_pte(513, USER | PTE_R)
    with pytest.raises(Trap):
        mmu.translate(VA, Access.READ)


def test_a_table_outside_memory_is_no_translation(mmu: Mmu) -> None:
    mmu.memory.u64[(2 << 12 >> 3) + vpn(VA, 1)] = make_pte(1 << 40, PTE_V)
    assert walk(mmu.memory, mmu.root_ppn, VA) is None
    assert pte_frame(make_pte(1 << 40, PTE_V)) == 1 << 40


def test_misaligned_access_across_two_frames(mmu: Mmu) -> None:
    put(mmu, make_pte(9, USER | PTE_R | PTE_W))
    put(mmu, make_pte(20, USER | PTE_R | PTE_W), VA + 4096)
    mmu.store(VA + 4093, 8, 0x1122334455667788)
    assert mmu.load(VA + 4093, 8) == 0x1122334455667788
    assert bytes(mmu.memory.u8[0x9FFD:0xA000]) == bytes([0x88, 0x77, 0x66])
    assert bytes(mmu.memory.u8[0x14000:0x14005]) == bytes([0x55, 0x44, 0x33, 0x22, 0x11])


def test_a_store_that_faults_on_its_second_page_writes_nothing(mmu: Mmu) -> None:
    put(mmu, make_pte(9, USER | PTE_R | PTE_W))
    with pytest.raises(Trap) as caught:
        mmu.store(VA + 4094, 4, 0xFFFFFFFF)
    assert caught.value.tval == VA + 4096
    assert bytes(mmu.memory.u8[0x9FFE:0xA000]) == b"\0\0"


def test_fetch_across_a_page(mmu: Mmu) -> None:
    put(mmu, make_pte(9, USER | PTE_X))
    mmu.memory.u16[0x9FFE >> 1] = 0x0001
    assert mmu.fetch(VA + 4094) == 0x0001  # a compressed instruction needs no second page
    mmu.memory.u16[0x9FFE >> 1] = 0x0013
    with pytest.raises(Trap) as caught:
        mmu.fetch(VA + 4094)
    assert (caught.value.cause, caught.value.tval) == (Cause.INSTRUCTION_PAGE_FAULT, VA + 4096)


def test_hart_copy_is_independent(mmu: Mmu) -> None:
    hart = Hart(mmu, 0x1000)
    hart.x[10], hart.instret, hart.fcsr = 7, 99, 3
    twin = hart.copy()
    twin.x[10] = 8
    assert (hart.x[10], twin.pc, twin.fcsr, twin.instret) == (7, 0x1000, 3, 0)


@pytest.mark.parametrize("size", [0, -4096, 4097, 1 << 70])
def test_impossible_memory_sizes(size: int) -> None:
    with pytest.raises(UsageError):
        PhysicalMemory(size)
