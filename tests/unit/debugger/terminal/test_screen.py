"""The debugger's screen, driven by keys: what its panels show is what the session says."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, RichLog, TabbedContent

from tests.support.harness import ROOT
from toyvm.build import build_program
from toyvm.debugger.terminal.commands import Commands
from toyvm.debugger.terminal.conversation import Conversation
from toyvm.debugger.terminal.screen import DebuggerScreen, Panel
from toyvm.debugger.timeline import Timeline


async def typed(pilot: Pilot[None], text: str) -> None:
    await pilot.press(*("space" if c == " " else c for c in text), "enter")
    await settled(pilot)


async def settled(pilot: Pilot[None]) -> None:
    app = pilot.app
    assert isinstance(app, DebuggerScreen)
    while app.busy:
        await pilot.pause(0.02)
    await pilot.pause()


def shown(app: DebuggerScreen, panel: str) -> str:
    return str(app.query_one(f"#panel-{panel}", Panel).content)


def log(app: DebuggerScreen) -> str:
    return "\n".join(strip.text for strip in app.query_one(RichLog).lines)


def test_keys_move_the_run_and_the_panels_follow() -> None:
    async def session(target: Timeline) -> None:
        app = DebuggerScreen(Commands(Conversation(target)), ["start"])
        async with app.run_test(size=(120, 40)) as pilot:
            await settled(pilot)
            assert "▶   22  main:" in shown(app, "source")
            await pilot.press("f8")
            await settled(pilot)
            assert "▶   23" in shown(app, "source")
            assert "* sp " in shown(app, "registers")
            await typed(pilot, "break frame_of")
            await pilot.press("f5")
            await settled(pilot)
            assert "Breakpoint 1, at frame_of" in log(app)
            assert "#1" in shown(app, "stack")
            assert "●▶" in shown(app, "code")
            await pilot.press("f9")
            await settled(pilot)
            assert "▶   30" in shown(app, "source")
            await typed(pilot, "nonsense")
            assert "Undefined command" in log(app)
            await pilot.press("ctrl+o")
            assert app.query_one("#right-tabs", TabbedContent).active == "pane-stack"
            await pilot.press("ctrl+t")
            assert app.query_one("#line", Input).disabled
            await pilot.press("S")
            await settled(pilot)
            assert "▶   29" in shown(app, "source")
            await pilot.press("q")
            assert not app.query_one("#line", Input).disabled
            await pilot.press("up")
            assert app.query_one("#line", Input).value == "nonsense"
            assert "[stack]" in shown(app, "maps")
            assert "page table" in shown(app, "pagetable")

    with Timeline.start(build_program([ROOT / "asm" / "cow.s"])) as target:
        asyncio.run(session(target))


def test_ctrl_c_interrupts_a_run_that_does_not_end(tmp_path: Path) -> None:
    source = tmp_path / "endless.s"
    source.write_text("        .globl  main\nmain:   j       main\n")

    async def session(target: Timeline) -> None:
        app = DebuggerScreen(Commands(Conversation(target)), ["start"])
        async with app.run_test(size=(80, 24)) as pilot:
            await settled(pilot)
            await pilot.press("f5")
            while not app.busy:
                await pilot.pause(0.02)
            await pilot.pause(0.2)
            await pilot.press("ctrl+c")
            await settled(pilot)
            assert "Interrupted" in log(app)

    with Timeline.start(build_program([source])) as target:
        asyncio.run(session(target))


@pytest.mark.parametrize("size", [(40, 12), (200, 60)])
def test_small_and_large_terminals(size: tuple[int, int]) -> None:
    async def session(target: Timeline) -> None:
        app = DebuggerScreen(Commands(Conversation(target)), ["start"])
        async with app.run_test(size=size) as pilot:
            await settled(pilot)
            assert "main" in shown(app, "source")

    with Timeline.start(build_program([ROOT / "asm" / "hello.s"])) as target:
        asyncio.run(session(target))
