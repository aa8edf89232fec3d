"""Prints the effects of a tree as Python statements, for both forms of generated Python.

A load or store that hits the TLB is inlined: `u64[(va + delta) >> 3]`. A miss is a KeyError of the
dictionary look-up, so a hit needs no test. A misaligned address looks up -1, which is never a key.
The `except` clause calls the shared definition in `effects.Effects`.
"""

from __future__ import annotations

from toyvm.isa.ops import Node, Op, Tree

from .expression_printer import Printer

INDENT = "    "


class StatementPrinter(Printer):
    """Collects lines. Subclasses define the calls of shared effects, writes and control flow."""

    read_tlb = "read"
    write_tlb = "write"

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.indent = INDENT
        self._names = 0

    def call(self, effect: str, *arguments: str) -> str:
        """A call of one of the shared effects."""
        raise NotImplementedError

    def jump(self, target: Node) -> None:
        """Print a jump to `target`."""
        raise NotImplementedError

    def branch(self, condition: Node, target: Node) -> None:
        """Print a branch to `target`, taken if the condition holds."""
        raise NotImplementedError

    def write(self, number: Node, value: str) -> None:
        """Print a write of an integer register."""
        raise NotImplementedError

    def write_float(self, number: Node, value: str) -> None:
        """Print a write of a floating-point register."""
        raise NotImplementedError

    def system(self, node: Node) -> None:
        """Print TRAP or FENCE_I."""
        raise NotImplementedError

    def line(self, text: str, deeper: int = 0) -> None:
        """Add a line at the current indentation."""
        self.lines.append(self.indent + INDENT * deeper + text)

    def tree(self, tree: Tree) -> None:
        """Print all effects in order."""
        for node in tree:
            self.statement(node)

    def statement(self, node: Node) -> None:
        """Print one effect."""
        op, args = node.op, node.args
        if op is Op.LOAD:
            self._load(node)
        elif op is Op.STORE:
            self._store(node)
        elif op is Op.WRITE_X:
            self.write(args[0], self.exact(args[1]))
        elif op is Op.WRITE_F:
            self.write_float(args[0], self.exact(args[1]))
        elif op is Op.FLOAT:
            operands = [self.exact(argument) for argument in args]
            self.line(f"{self._name(node)} = {self.call('float', repr(node.name), *operands)}")
        elif op is Op.JUMP:
            self.jump(args[0])
        elif op is Op.BRANCH:
            self.branch(args[0], args[1])
        elif op is Op.LOAD_RESERVED:
            self.line(
                f"{self._name(node)} = {self.call('load_reserved', self.raw(args[0]), str(node.width // 8))}"
            )
        elif op is Op.AMO_LOAD:
            self.line(
                f"{self._name(node)} = {self.call('amo_load', self.raw(args[0]), str(node.width // 8))}"
            )
        elif op is Op.STORE_CONDITIONAL:
            size, value = str(args[1].width // 8), self.raw(args[1])
            self.line(
                f"{self._name(node)} = {self.call('store_conditional', self.raw(args[0]), size, value)}"
            )
        elif op is Op.CSR_READ:
            self.line(f"{self._name(node)} = {self.call('csr_read', self.exact(args[0]))}")
        elif op is Op.CSR_WRITE:
            self.line(f"if {self.truth(args[2])}:")
            self.line(self.call("csr_write", self.exact(args[0]), self.exact(args[1])), deeper=1)
        elif op in (Op.TRAP, Op.FENCE_I):
            self.system(node)
        elif op is not Op.FENCE:  # nothing to do: a single hart sees its own accesses in order
            raise NotImplementedError(op.name)

    def _name(self, node: Node) -> str:
        """The variable for the value of an effect: the one already chosen, or a new one."""
        if node not in self.effect_names:
            self._names += 1
            self.effect_names[node] = f"v{self._names}"
        return self.effect_names[node]

    def _place(self, tlb: str, address: Node, size: int) -> str:
        """The element of physical memory at an address; sets `a`.

        The text raises KeyError on a TLB miss and for a misaligned address.
        """
        a = self.raw(address)
        if size == 1:
            return f"u8[(a := {a}) + {tlb}[a >> 12]]"
        return (
            f"u{size * 8}[(a := {a}) + {tlb}[-1 if a & {size - 1} else a >> 12] >> {size.bit_length() - 1}]"
        )

    def _load(self, node: Node) -> None:
        size = node.width // 8
        name = self._name(node)
        self.line("try:")
        self.line(f"{name} = {self._place(self.read_tlb, node.args[0], size)}", deeper=1)
        self.line("except KeyError:")
        self.line(f"{name} = {self.call('load', 'a', str(size))}", deeper=1)

    def _store(self, node: Node) -> None:
        address, value = node.args
        size = value.width // 8
        text = self.exact(value)
        if not text.isidentifier() and value.op is not Op.CONST:
            self.line(f"s = {text}")
            text = "s"
        self.line("try:")
        self.line(f"{self._place(self.write_tlb, address, size)} = {text}", deeper=1)
        self.line("except KeyError:")
        self.line(self.call("store", "a", str(size), text), deeper=1)
