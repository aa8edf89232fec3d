"""Prints a region as the text of an LLVM module, one operation per line.

    define preserve_nonecc void @region(ptr %s, i64 %left0, i64 %x1, i64 %x2, i64 %x10, ...)

Registers are stack slots in the text; LLVM turns them into SSA values. An exit stores the registers
that a path to it may have written. Alias scopes (`function_text`) state that the state, its ranges,
the table of entry points and the guest's memory do not overlap. A call of `refill` may change the
guest's memory and the ranges. `value_text` prints expressions, `memory_text` loads and stores.
"""

from __future__ import annotations

from collections.abc import Iterator

from toyvm.isa.ops import Node, Op

from .. import state_layout as layout
from ..analysis.loops import Loop, find_loops
from ..analysis.nan_boxes import boxed_at_entry
from ..analysis.regions import (
    Key,
    Region,
    RegionBlock,
    RegionStep,
    control,
    direct,
    forward,
    is_return,
    nodes,
)
from ..state_layout import PASSED
from .effects_text import EffectsText
from .float_text import F0, slot_type
from .function_text import (
    ARGUMENTS,
    CONVENTION,
    LIKELY,
    METADATA,
    MOSTLY,
    RANGE,
    RARELY,
    SOMETIMES,
    TABLE,
    UNLIKELY,
)
from .memory_text import ACCESSES, limit_of, loop_variables


class RegionPrinter(EffectsText):
    """Prints one region; `text()` is the module."""

    def __init__(self, region: Region):
        super().__init__()
        self._region = region
        self._numbers = {key: number for number, key in enumerate(region.blocks)}
        self._chosen = find_loops(region)  # inner ones first
        # The innermost loop around each block.
        self._loops = {key: loop for loop in reversed(self._chosen) for key in loop.blocks}
        self._missed = False  # whether the exit `miss` is used
        self._copy = 0  # the copy of the block in the ahead form of its loop
        self._done = 0  # instructions of the block that have been printed
        self._taken = 0  # instructions subtracted from the budget for the block and its successors
        self._dirty: set[int] = set()  # registers that may have changed since the region's entry
        self._changed: set[int] = set()  # registers that are dirty at any exit to Python
        self._touched = {
            number for block in region.blocks.values() for step in block.steps for number in _registers(step)
        }

    # --- the module ---

    def text(self) -> str:
        """The module's text."""
        dirty, boxed = _dirty_at_entry(self._region), boxed_at_entry(self._region)
        self._entry()
        for key, block in self._region.blocks.items():
            self._dirty, self._boxed = set(dirty[key]), set(boxed[key])
            self._block(block, self._loops.get(key))
        self._ahead = True
        for loop in self._chosen:
            for self._copy in range(max(map(loop.copies_of, loop.blocks))):
                for key, block in self._region.blocks.items():
                    if key in loop.blocks and self._copy < loop.copies_of(key):
                        self._dirty, self._boxed = set(dirty[key]), set(boxed[key])
                        self._block(block, loop)
        self._ahead = False
        self._lines = list(self._with_kept_ranges())
        self._way_out()
        return "\n".join(
            [
                *sorted(self._declared),
                f"define {CONVENTION} void @region({ARGUMENTS}) nounwind noredzone{self._attributes} {{",
                "entry:",
                *(f"  {variable}" for variable in self._variables),
                *self._lines,
                "}",
                METADATA,
            ]
        )

    def _entry(self) -> None:
        for name in ("%left", "%pc", "%status"):
            self._variable(name)
        self._line("store i64 %left0, ptr %left")
        for number in sorted(self._touched | set(PASSED)):
            self._line(f"%r{number} = alloca {slot_type(number)}")
            value = f"%x{number}"
            if number not in PASSED:
                value = self._state_word(number, slot_type(number))
            self._line(f"store {slot_type(number)} {value}, ptr %r{number}")
        for loop in self._chosen:
            for variable in loop_variables(loop):
                self._variable(*variable)
            self._enter_loop(loop)
        for name, word in (("jump", layout.JUMP),):
            self._line(f"%{name} = inttoptr i64 {self._state_word(word)} to ptr")
        self._line(f"br label %{self._label(self._region.entry)}")

    def _label(self, key: Key) -> str:
        return f"b{self._numbers[key]}"

    def _label_ahead(self, loop: Loop, key: Key, copy: int) -> str:
        return f"a{loop.number}_{self._numbers[key]}_{copy}"

    def _label_taken(self, loop: Loop, key: Key) -> str:
        return f"taken{loop.number}_{self._numbers[key]}"

    # --- blocks and where they lead ---

    def _block(self, block: RegionBlock, loop: Loop | None) -> None:
        """Print a block as part of a loop, in the form that `_ahead` and `_copy` select."""
        key = block.key
        self._done = 0
        self._computed, self._key, self._loop = {}, key, loop
        self._plan(block)
        if self._ahead:
            assert self._loop is not None
            self._start(self._label_ahead(self._loop, key, self._copy))
            self._taken = self._loop.longest_from[key, self._copy]
            if self._loop.checks(key, self._copy):
                self._check_ahead(key, self._loop)
        else:
            self._start(self._label(key))
            self._taken = self._region.longest[key]
            if key in self._region.heads:
                self._check(key)
        for step in block.steps[:-1]:
            self._plain(step)
        last = block.steps[-1]
        jump = control(last.effects)
        if jump is None:
            self._plain(last)
            self._go(block.after, block.stops)
        else:
            self._control(block, last, jump)

    def _check(self, key: Key) -> None:
        """Print the check of the budget: subtract what the block may use, or leave.

        In a loop with pointers, a comparison with the larger limit comes first. If the limit is
        reached, the loop looks ahead.
        """
        loop, longest, number = self._loop, self._region.longest[key], self._numbers[key]
        if loop is not None and key not in loop.looks:
            loop = None
        enough = self._name()
        if loop is not None:
            self._compare_limit(loop, f"look{number}", enough, SOMETIMES)
            self._start(f"look{number}")
        left = self._set("load i64, ptr %left")
        short, ahead, out = self._set(f"icmp ult i64 {left}, {longest}"), self._name(), self._name()
        self._line(f"br i1 {short}, label %{out}, label %{ahead}{UNLIKELY}")
        self._start(out)
        self._done = longest  # nothing has been subtracted yet
        self._leave(layout.BUDGET, str(key[0]))
        self._done = 0
        self._start(ahead)
        if loop is not None:
            good = self._look_ahead(loop, left)
            self._line(f"br i1 {good}, label %{self._label_taken(loop, key)}, label %{enough}{LIKELY}")
        else:
            self._line(f"br label %{enough}")
        self._start(enough)
        self._take()

    def _check_ahead(self, key: Key, loop: Loop) -> None:
        """Print the check in the ahead form. At the limit, the checked form looks ahead."""
        taken, reached = self._label_taken(loop, key), self._name()
        self._compare_limit(loop, reached, taken, RARELY)
        self._start(reached)
        self._enter_loops(key, loop)
        self._line(f"br label %{f'look{self._numbers[key]}' if key in loop.looks else self._label(key)}")
        self._start(taken)
        self._take()

    def _compare_limit(self, loop: Loop, reached: str, other: str, weight: str) -> None:
        left, limit = self._set("load i64, ptr %left"), self._set(f"load i64, ptr {limit_of(loop)}")
        over = self._set(f"icmp ult i64 {left}, {limit}")
        self._line(f"br i1 {over}, label %{reached}, label %{other}{weight}")

    def _take(self) -> None:
        left = self._set("load i64, ptr %left")
        self._line(f"store i64 {self._set(f'sub i64 {left}, {self._taken}')}, ptr %left")

    def _give_back(self, instructions: int) -> None:
        if instructions:
            left = self._set("load i64, ptr %left")
            self._line(f"store i64 {self._set(f'add i64 {left}, {instructions}')}, ptr %left")

    def _arrive(self, step: RegionStep) -> None:
        """Print the label where the ahead form continues if the step's access misses its range."""
        if self._loop is not None and not self._ahead and self._may_miss(step):
            label = self._label_checked(step)
            self._line(f"br label %{label}")
            self._start(label)

    def _may_miss(self, step: RegionStep) -> bool:
        """Whether a step of a loop has an access that does not use a pointer."""
        assert self._loop is not None
        uses_pointer = (self._key, step.pc) in self._loop.pointer_of
        return not uses_pointer and any(node.op in ACCESSES for node in step.effects)

    def _to_checked(self) -> None:
        assert self._loop is not None
        self._give_back(self._taken - self._region.longest[self._key])
        self._enter_loops(self._key, self._loop)
        self._line(f"br label %{self._label_checked(self._step)}")

    def _label_checked(self, step: RegionStep) -> str:
        return f"c{self._numbers[self._key]}_{step.pc:x}"

    def _plain(self, step: RegionStep) -> None:
        self._arrive(step)
        self._begin(step)
        for write in self._effects(step):
            self._write(*write)
        self._done += 1

    def _control(self, block: RegionBlock, step: RegionStep, jump: Node) -> None:
        self._arrive(step)
        self._begin(step)
        writes = self._effects(step)
        operands = [self._value(argument) for argument in jump.args]
        for write in writes:
            self._write(*write)
        self._done += 1
        if jump.op is Op.BRANCH:
            self._branch(block, operands[0], operands[1])
        elif direct(jump.args[0], step.pc) is not None:
            self._go(block.taken, False)
        elif block.taken is not None and is_return(step.effects, jump):
            back = self._set(f"icmp eq i64 {operands[0]}, {block.taken[0]}")
            yes, no = self._name(), self._name()
            self._line(f"br i1 {back}, label %{yes}, label %{no}{LIKELY}")
            self._start(yes)
            self._go(block.taken, False)
            self._start(no)
            self._transfer(operands[0])
        else:
            self._transfer(operands[0])

    def _branch(self, block: RegionBlock, condition: str, target: str) -> None:
        blocks = self._region.blocks
        taken, after = block.taken, block.after
        if condition in ("0", "1"):
            if taken is not None and condition == "1":
                self._go(taken, False)
            elif condition == "1":
                self._transfer(target)
            else:
                self._go(after, block.stops)
            return
        assert taken is not None
        labels = [self._name(), self._name()]
        weight = ""
        if (taken in blocks) != (after in blocks):
            weight = LIKELY if taken in blocks else UNLIKELY
        elif self._loop is not None and (taken in self._loop.blocks) != (after in self._loop.blocks):
            weight = MOSTLY if taken in self._loop.blocks else RARELY
        self._line(f"br i1 {condition}, label %{labels[0]}, label %{labels[1]}{weight}")
        self._start(labels[0])
        self._go(taken, False)
        self._start(labels[1])
        self._go(after, block.stops)

    def _go(self, key: Key | None, stops: bool) -> None:
        """Print a jump to a block of the region, or an exit."""
        assert key is not None
        region, loop = self._region, self._loop
        unused = self._taken - self._done
        if self._ahead and loop is not None and key in loop.blocks:
            copy = loop.copy_of(key, self._key, self._copy)
            self._give_back(unused - (0 if loop.checks(key, copy) else loop.longest_from[key, copy]))
            self._line(f"br label %{self._label_ahead(loop, key, copy)}")
        elif key in region.blocks:
            self._give_back(unused - (0 if key in region.heads else region.longest[key]))
            for entered in self._around(key):
                if self._key not in entered.blocks:
                    self._enter_loop(entered)
            self._line(f"br label %{self._label(key)}")
        elif stops:
            self._leave(layout.STOP, str(key[0]))
        else:
            self._transfer(str(key[0]))

    def _around(self, key: Key) -> Iterator[Loop]:
        """The loops around a block, the innermost first."""
        if key in self._loops:
            yield from self._loops[key].chain

    def _enter_loops(self, key: Key, ahead: Loop) -> None:
        """Set the limits of the loops inside `ahead`, whose ahead form continues in the checked form."""
        for loop in self._around(key):
            if loop is ahead:
                return
            self._enter_loop(loop)

    def _left(self) -> str:
        """The remaining budget, `self._done` instructions into the block."""
        left = self._set("load i64, ptr %left")
        back = self._taken - self._done
        return self._set(f"add i64 {left}, {back}") if back else left

    def _spill(self) -> None:
        """Store the changed registers that are not arguments in the state."""
        for number in sorted(self._dirty.difference(PASSED)):
            type_ = slot_type(number)
            self._put_state(number, self._set(f"load {type_}, ptr %r{number}"), type_)
        if any(number >= F0 for number in self._dirty):
            self._put_state(layout.FLOATS, "1")

    def _call(self, function: str, left: str) -> None:
        """Print a tail call of another function."""
        passed = [self._set(f"load i64, ptr %r{number}") for number in PASSED]
        arguments = ", ".join(["ptr %s", f"i64 {left}", *(f"i64 {value}" for value in passed)])
        self._line(f"musttail call {CONVENTION} void {function}({arguments})")
        self._line("ret void")

    def _leave(self, status: int, pc: str) -> None:
        """Print an exit to Python, `self._done` instructions into the block."""
        self._line(f"store i64 {status}, ptr %status")
        self._line(f"store i64 {pc}, ptr %pc")
        self._line(f"store i64 {self._left()}, ptr %left")
        self._line("br label %leave")
        self._changed |= self._dirty

    def _miss(self) -> str:
        self._changed |= self._dirty
        self._missed = True
        return "miss"

    def _way_out(self) -> None:
        """Print the common exit to Python. The code is long, so there is only one copy."""
        if self._missed:
            self._start("miss")
            for variable, word in (("pc", layout.AT), ("left", layout.REST)):
                self._line(f"store i64 {self._state_word(word, scope=RANGE)}, ptr %{variable}")
            self._line(f"store i64 {layout.MISS}, ptr %status")
            self._line("br label %leave")
        self._start("leave")
        self._dirty = self._changed
        self._spill()
        self._put_state(layout.PC, self._set("load i64, ptr %pc"))
        self._put_state(layout.STATUS, self._set("load i64, ptr %status"))
        leave = self._set(f"inttoptr i64 {self._state_word(layout.LEAVE)} to ptr")
        self._call(leave, self._set("load i64, ptr %left"))

    def _transfer(self, target: str) -> None:
        """Print a jump to the function at an address, through the table of entry points."""
        mask = (1 << layout.JUMP_BITS) - 1
        index = str(int(target) >> 1 & mask) if target.isdigit() else ""
        if not index:
            index = self._set(f"and i64 {self._set(f'lshr i64 {target}, 1')}, {mask}")
        slot = self._set(f"getelementptr {{i64, ptr}}, ptr %jump, i64 {index}")
        there = self._set(f"load i64, ptr {slot}{TABLE}")
        known, unknown = self._name(), self._name()
        same = self._set(f"icmp eq i64 {there}, {target}")
        self._line(f"br i1 {same}, label %{known}, label %{unknown}{LIKELY}")
        self._start(known)
        place = self._set(f"getelementptr {{i64, ptr}}, ptr {slot}, i64 0, i32 1")
        function = self._set(f"load ptr, ptr {place}{TABLE}")
        self._spill()
        self._call(function, self._left())
        self._start(unknown)
        self._leave(layout.LOOKUP, target)

    # --- effects ---

    def _write(self, number: int, value: str) -> None:
        self._dirty.add(number)
        self._computed[number] = self._step.pc
        self._versions[number] = self._versions.get(number, 0) + 1
        self._line(f"store {slot_type(number)} {value}, ptr %r{number}")


def _written(node: Node) -> int | None:
    """The slot that an effect writes, or None."""
    if node.op is Op.WRITE_X:
        return node.args[0].value
    return F0 + node.args[0].value if node.op is Op.WRITE_F else None


def _registers(step: RegionStep) -> set[int]:
    """The slots that a step reads or writes."""
    found = set()
    for node in nodes(step.effects):
        if node.op in (Op.READ_X, Op.WRITE_X):
            found.add(node.args[0].value)
        elif node.op in (Op.READ_F, Op.WRITE_F):
            found.add(F0 + node.args[0].value)
    return found


def _dirty_at_entry(region: Region) -> dict[Key, set[int]]:
    """For each block, the registers that may have been written on a path to it."""
    written = {
        key: {
            number for step in block.steps for node in step.effects if (number := _written(node)) is not None
        }
        for key, block in region.blocks.items()
    }
    return forward(region, written)
