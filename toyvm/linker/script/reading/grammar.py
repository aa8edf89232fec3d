"""The grammar of linker scripts, for Lark. ld, "Linker Scripts"; ld/ldgram.y and ldlex.l say what the manual does not.

The lexer is contextual, as GNU's: `*` and `-` belong to names in patterns, and are operators in expressions. It knows
the parser's state before a rule ends; so a rule that can stand before names of several kinds exists once for each kind
(`_end` and `_body_end`).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from toyvm.base.resources import cache_path

if TYPE_CHECKING:
    from lark import Lark

# Words that are keywords where they can stand, and names elsewhere.
_KEYWORDS = """
    SECTIONS MEMORY PHDRS ENTRY INPUT GROUP AS_NEEDED SEARCH_DIR OUTPUT OUTPUT_FORMAT OUTPUT_ARCH TARGET
    ASSERT EXTERN STARTUP NOCROSSREFS NOCROSSREFS_TO INSERT AFTER BEFORE INCLUDE REGION_ALIAS
    FORCE_COMMON_ALLOCATION LD_FEATURE INHIBIT_COMMON_ALLOCATION FORCE_GROUP_ALLOCATION PROVIDE
    PROVIDE_HIDDEN HIDDEN OVERLAY AT ALIGN ALIGN_WITH_INPUT SUBALIGN ONLY_IF_RO ONLY_IF_RW SPECIAL
    NOLOAD DSECT COPY INFO READONLY TYPE KEEP EXCLUDE_FILE INPUT_SECTION_FLAGS SORT SORT_BY_NAME
    SORT_BY_ALIGNMENT SORT_BY_INIT_PRIORITY SORT_NONE REVERSE CONSTRUCTORS CREATE_OBJECT_SYMBOLS BYTE
    SHORT LONG QUAD SQUAD ASCIZ FILL LINKER_VERSION FILEHDR FLAGS ADDR LOADADDR SIZEOF ALIGNOF BLOCK
    DEFINED ORIGIN LENGTH MAX MIN NEXT SEGMENT_START SIZEOF_HEADERS ABSOLUTE LOG2CEIL CONSTANT
    DATA_SEGMENT_ALIGN DATA_SEGMENT_RELRO_END DATA_SEGMENT_END
"""
_SPELLINGS = {"SIZEOF_HEADERS": "SIZEOF_HEADERS|sizeof_headers", "ABSOLUTE": "ABSOLUTE|absolute"}

_RULES = r"""
script: command*

?command: ";" | anywhere | sections | memory | phdrs
    | VERSION                                                 -> version
    | TARGET "(" file ")"                                     -> ignored
    | OUTPUT_ARCH "(" file ")"                                -> ignored
    | OUTPUT_FORMAT "(" file ["," file "," file] ")"          -> output_format
    | FORCE_COMMON_ALLOCATION                                 -> ignored
    | INHIBIT_COMMON_ALLOCATION                               -> ignored
    | FORCE_GROUP_ALLOCATION                                  -> force_groups
    | SEARCH_DIR "(" file ")"                                 -> search
    | OUTPUT "(" file ")"                                     -> output
    | STARTUP "(" file ")"                                    -> startup
    | INPUT "(" input_list ")"                                -> inputs
    | GROUP "(" input_list ")"                                -> group
    | EXTERN "(" names ")"                                    -> externs
    | NOCROSSREFS "(" names ")"                               -> no_cross_references
    | NOCROSSREFS_TO "(" names ")"                            -> no_cross_references_to
    | REGION_ALIAS "(" name "," name ")"                      -> region_alias
    | LD_FEATURE "(" name ")"                                 -> feature
    | INSERT AFTER name                                       -> insert_after
    | INSERT BEFORE name                                      -> insert_before
    | INCLUDE include_file                                    -> include_script

anywhere: ENTRY "(" name ")"                                  -> entry
    | assignment _end                                         -> as_it_is
    | assertion                                               -> as_it_is
?message: QUOTED | NAME
assertion: ASSERT "(" exp "," message ")"
_end: ";" | ","

assignment: symbol ASSIGN exp                                 -> assign
    | PROVIDE "(" symbol ASSIGN exp ")"                          -> provide
    | PROVIDE_HIDDEN "(" symbol ASSIGN exp ")"                   -> provide_hidden
    | HIDDEN "(" symbol ASSIGN exp ")"                           -> hidden
symbol: SNAME | QUOTED
names: name (","? name)*
name: SNAME | QUOTED
file: FNAME | QUOTED
include_file: FNAME | QUOTED
input_list: input (","? input)*
?input: (FNAME | QUOTED)                                      -> input_file
    | AS_NEEDED "(" input_list ")"                            -> as_needed

sections: SECTIONS "{" sections_body "}"
sections_body: _sections_statement*
_sections_statement: ";" | anywhere | section | overlay
    | include_sections
include_sections: INCLUDE include_file

section: section_name [exp] [type] ":" attribute* [constraint] "{" body "}" tail
section_name: SNAME | QUOTED | DISCARD
type: "(" type_word ")" | "(" ")"
?type_word: NOLOAD | DSECT | COPY | INFO | OVERLAY | READONLY | TYPE "=" exp
    | READONLY "(" TYPE "=" exp ")"                           -> readonly_type
attribute: AT "(" exp ")" | ALIGN "(" exp ")" | SUBALIGN "(" exp ")" | ALIGN_WITH_INPUT
constraint: ONLY_IF_RO | ONLY_IF_RW | SPECIAL
tail: [region] [lma_region] phdr* [fill] ","?
region: ">" name
lma_region: AT ">" name
phdr: ":" name
fill: "=" exp

overlay: OVERLAY [exp] ":" [NOCROSSREFS] attribute* "{" overlay_section* "}" tail
overlay_section: section_name "{" body "}" phdr* [fill] ","?

body: _body_statement*
_body_statement: ";" | body_assignment _body_end | body_assertion | data | wild | keep | constructors | include_body
include_body: INCLUDE body_file
body_file: FNAME | QUOTED
body_assignment: body_symbol ASSIGN exp                       -> assign
    | PROVIDE "(" symbol ASSIGN exp ")"                          -> provide
    | PROVIDE_HIDDEN "(" symbol ASSIGN exp ")"                   -> provide_hidden
    | HIDDEN "(" symbol ASSIGN exp ")"                           -> hidden
body_symbol: word
body_assertion: ASSERT "(" exp "," message ")"                 -> assertion
_body_end: ";" | ","
data: (BYTE | SHORT | LONG | QUAD | SQUAD | FILL) "(" exp ")"
    | ASCIZ QUOTED                                            -> text
constructors: CONSTRUCTORS | CREATE_OBJECT_SYMBOLS | LINKER_VERSION
    | sort "(" CONSTRUCTORS ")"
keep: KEEP "(" wild ")"
wild: [section_flags] file_spec "(" section_spec (","? section_spec)* ")"
    | word                                                    -> whole_file
section_flags: INPUT_SECTION_FLAGS "(" flag ("&" flag)* ")"
flag: FLAG_NAME | "!" FLAG_NAME                               -> not_flag
file_spec: word                                               -> plain
    | EXCLUDE_FILE "(" word_list ")" file_spec                -> excluding
    | sort "(" file_spec ")"                                  -> sorted_by
section_spec: word                                            -> plain
    | EXCLUDE_FILE "(" word_list ")" section_spec             -> excluding
    | sort "(" section_spec ")"                               -> sorted_by
sort: SORT | SORT_BY_NAME | SORT_BY_ALIGNMENT | SORT_BY_INIT_PRIORITY | SORT_NONE | REVERSE
word_list: word (","? word)*
word: WORD | QUOTED

memory: MEMORY "{" memory_body "}"
memory_body: (memory_region ","? | include_memory)*
include_memory: INCLUDE include_file
memory_region: name ["(" REGION_FLAGS+ ")"] ":" REGION_ORIGIN "=" exp ","? REGION_LENGTH "=" exp

phdrs: PHDRS "{" header* "}"
header: header_name exp qualifier* ";"
header_name: SNAME | QUOTED
qualifier: FILEHDR | PHDRS | AT "(" exp ")" | FLAGS "(" exp ")"

?exp: or_exp | or_exp "?" exp ":" exp                         -> conditional
?or_exp: and_exp | or_exp OROR and_exp                        -> binary
?and_exp: bits_or | and_exp ANDAND bits_or                    -> binary
?bits_or: bits_xor | bits_or PIPE bits_xor                    -> binary
?bits_xor: bits_and | bits_xor CARET bits_and                 -> binary
?bits_and: equal | bits_and AMPERSAND equal                   -> binary
?equal: less | equal (EQ | NE) less                           -> binary
?less: shift | less (LE | GE | LT | GT) shift                 -> binary
?shift: sum | shift (LSHIFT | RSHIFT) sum                     -> binary
?sum: product | sum (PLUS | MINUS) product                    -> binary
?product: unary | product (STAR | SLASH | PERCENT) unary      -> binary
?unary: atom | (MINUS | BANG | TILDE | PLUS) unary            -> unary
?atom: INT                                                    -> number
    | (NAME | QUOTED)                                         -> symbol_value
    | "(" exp ")"                                             -> parentheses
    | SIZEOF_HEADERS                                          -> call
    | (ALIGN | NEXT | ABSOLUTE | LOG2CEIL | DATA_SEGMENT_END | BLOCK) "(" exp ")"                    -> call
    | (ALIGN | MAX | MIN | DATA_SEGMENT_ALIGN | DATA_SEGMENT_RELRO_END) "(" exp "," exp ")"          -> call
    | (ADDR | LOADADDR | SIZEOF | ALIGNOF | DEFINED | ORIGIN | LENGTH | CONSTANT) "(" section_name ")"  -> name_call
    | SEGMENT_START "(" name "," exp ")"                      -> segment_start
    | ASSERT "(" exp "," message ")"                           -> assert_value

ASSIGN.3: /(?:<<|>>|[-+*\/&|^])?=(?!=)/
OROR: "||"
ANDAND: "&&"
PIPE: "|"
CARET: "^"
AMPERSAND: "&"
EQ: "=="
NE: "!="
LE: "<="
GE: ">="
LT: "<"
GT: ">"
LSHIFT: "<<"
RSHIFT: ">>"
PLUS: "+"
MINUS: "-"
STAR: "*"
SLASH: "/"
PERCENT: "%"
BANG: "!"
TILDE: "~"

INT: /(?:0[xX][0-9A-Fa-f]+|\$[0-9A-Fa-f]+)[KMkm]?|[0-9][0-9A-Fa-f]*[hHxXbBoOdD](?![\w.$])|[0-9]+[KMkm]?/
NAME: /[A-Za-z_.$\\][A-Za-z0-9_.$\\]*/
SNAME: /[A-Za-z_.$\\](?:[A-Za-z0-9_.$\\~\[\]?]|[-+\/*](?!=))*/
WORD: /(?:[A-Za-z0-9_.$\\~\[\]?:!@%]|[-+\/*^](?!=))+/
FNAME: /[^\s(),;{}"]+/
FLAG_NAME: /[A-Za-z_0-9]+/
REGION_FLAGS.3: /[!A-Za-z]+/
REGION_ORIGIN.3: /(?:ORIGIN|org|o)(?![\w.$])/
REGION_LENGTH.3: /(?:LENGTH|len|l)(?![\w.$])/
DISCARD.3: "/DISCARD/"
QUOTED.3: /"[^"\n]*"/
VERSION.3: /VERSION\s*\{(?:[^{}]|\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\})*\}/
COMMENT.5: /\/\*[\s\S]*?\*\//
%ignore COMMENT
%ignore /\s+/
"""

STARTS = ("script", "sections_body", "body", "memory_body", "exp")


def _grammar() -> str:
    words = (
        f"{word}.2: /(?:{_SPELLINGS.get(word, word)})(?![\\w.$*?\\[])/" for word in _KEYWORDS.split()
    )  # a name may begin with a keyword
    return _RULES + "\n".join(words)


@cache
def parser() -> Lark:
    """The LALR parser of the grammar. The first call imports Lark and builds it."""
    from lark import Lark

    return Lark(
        _grammar(), parser="lalr", start=list(STARTS), maybe_placeholders=True, propagate_positions=True,
        cache=cache_path("linker_scripts.lark"),
    )  # fmt: skip
