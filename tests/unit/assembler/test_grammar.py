"""The grammar by shape: operands, arithmetic, and the words that errors blame."""

from __future__ import annotations

import subprocess
import sys

import pytest

from toyvm.assembler.grammar import ExprNode, WrittenOperand, parse_expression, parse_operand, parser
from toyvm.assembler.operand_shapes import known_shapes, known_tree
from toyvm.assembler.problems import Problem


@pytest.mark.parametrize(
    ("text", "operand"),
    [
        ("a0", WrittenOperand("register", number=10, text="a0")),
        ("fa0", WrittenOperand("float_register", number=10, text="fa0")),
        ("-24(s0)", WrittenOperand("memory", -24, number=8)),
        ("(a1)", WrittenOperand("memory", 0, number=11)),
        ("%lo(x+8)(a5)", WrittenOperand("memory", ExprNode("+", "x", 8), "%lo", 15)),
        ("%hi(x)", WrittenOperand("expression", "x", "%hi")),
        ("%lo(zero)(a5)", WrittenOperand("memory", "zero", "%lo", 15)),
        ("printf@plt", WrittenOperand("expression", "printf")),
        ("s2+4", WrittenOperand("expression", ExprNode("+", "s2", 4))),
    ],
)
def test_operands(text: str, operand: WrittenOperand) -> None:
    assert parse_operand(text) == operand


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1+2*3", 7),
        ("(1+2)*3", 9),
        ("10-3-2", 5),
        ("-7/2", -3),
        ("-7%3", -1),
        ("1<<2+3", 7),
        ("8|4+1", 13),
        ("6!3", 6 | ~3),
        ("~5", -6),
        ("!5", 0),
        ("3<4", -1),
        ("5==5", -1),
        ("1&&2", 1),
        ("0||0", 0),
        ("-1>>60", 15),
        ("1<<64", 0),
        ("0x1f + 0b11 + 017", 49),
        ("'a'", 97),
        ("'\\n", 10),
    ],
)
def test_arithmetic_is_that_of_gnu_as(text: str, value: int) -> None:
    assert parse_expression(text) == value


@pytest.mark.parametrize(
    ("text", "word", "expected"),
    [
        ("4(a0", "a0", "')'"),
        ("5(b1)", "b1", "a register"),
        ("a0 b", "b", "the operand's end"),
        ("089", "089", ""),
        ("12ab", "12ab", "a number"),
        ("foo@got", "@got", "'@plt'"),
    ],
)
def test_errors_name_the_word(text: str, word: str, expected: str) -> None:
    with pytest.raises(Problem) as caught:
        parse_operand(text)
    assert caught.value.at == word
    assert expected in caught.value.expected


def test_division_by_zero() -> None:
    with pytest.raises(Problem, match="division by zero"):
        parse_expression("1/0")


def test_the_table_of_common_shapes_is_what_lark_makes() -> None:
    def plain(tree: object) -> object:
        if tree is None or not hasattr(tree, "data"):
            return None if tree is None else str(tree)
        return str(tree.data), [plain(child) for child in tree.children]  # type: ignore[attr-defined]  # Lark's or ours

    assert len(known_shapes()) > 50
    for shape in known_shapes():
        assert plain(known_tree(shape)) == plain(parser().parse(shape)), shape
    assert known_tree("N + + N") is None


def test_a_compilers_text_needs_no_parser() -> None:
    text = (
        ".L1: lw a0, %lo(x+4)(a5)\nsd ra, -8(sp)\ncall f\nbeq a0, zero, .L1\n.dword .L1-x, 5\nlui a0, %hi(x)"
    )
    code = f"from toyvm.assembler.assemble import assemble_text; assemble_text({text!r}, 'x'); import sys"
    code += "; assert not {'lark', 'difflib', 'fractions', 'decimal'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
