"""The debugger's screen, made with textual: panels around a command line, keys as in gdb's TUI.

Commands run in a thread of their own, so that the screen stays alive and Ctrl-C can interrupt a
run. One command runs at a time; what is typed meanwhile waits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Footer, Input, RichLog, Static, TabbedContent, TabPane

from toyvm.base.errors import ToyvmError

from . import panels
from .commands import Commands, QuitRequest
from .conversation import CommandError, Conversation
from .panels import Line

_STYLES = {"": "", "here": "bold reverse", "changed": "bold yellow", "stop": "bold red"}
_LEFT = {"source": ("Source", panels.source), "code": ("Code", panels.code)}
_RIGHT: dict[str, tuple[str, Callable[[Conversation], list[Line]]]] = {
    "registers": ("Registers", panels.registers),
    "stack": ("Stack", panels.stack),
    "maps": ("Maps", lambda session: panels.asked(session, "maps")),
    "pagetable": ("Page table", lambda session: panels.asked(session, "pagetable")),
    "frames": ("Frames", lambda session: panels.asked(session, "frames")),
    "processes": ("Processes", panels.processes),
    "output": ("Output", panels.output),
}
# gdb's SingleKey mode: a letter is a command; capitals go backwards.
_SINGLE = {
    "c": "continue", "s": "step", "n": "next", "i": "stepi", "o": "nexti", "f": "finish",
    "C": "reverse-continue", "S": "reverse-step", "N": "reverse-next", "I": "reverse-stepi",
    "O": "reverse-nexti", "F": "reverse-finish", "r": "run", "u": "up", "d": "down", "w": "backtrace",
    "v": "info registers",
}  # fmt: skip


class Panel(Static):
    """A panel of lines; it scrolls to the line that is marked "here"."""

    def show(self, lines: list[Line]) -> None:
        """Replace the lines."""
        text = Text(no_wrap=True)
        for line in lines:
            text.append(line.text + "\n", style=_STYLES[line.mark])
        self.update(text)
        here = next((number for number, line in enumerate(lines) if line.mark == "here"), None)
        if here is not None:
            self.call_after_refresh(self._bring_to_middle, here)

    def _bring_to_middle(self, line: int) -> None:
        """Bring a line to the middle, once the new text has been laid out."""
        pane = self.parent
        if isinstance(pane, TabPane):
            pane.scroll_to(y=max(0, line - pane.size.height // 2), animate=False)


class DebuggerScreen(App[None]):
    """The application."""

    TITLE = "toyvm debug"
    CSS = """
    TabbedContent, ContentSwitcher { height: 1fr; }
    TabPane { height: 1fr; overflow: auto auto; padding: 0; }
    Panel { width: auto; height: auto; }
    #left { width: 3fr; border-right: solid $primary; }
    #right { width: 2fr; }
    #panels { height: 1fr; }
    RichLog { height: 30%; border-top: solid $primary; }
    Input { border: none; height: 1; }
    #status { height: 1; background: $primary; color: $text; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f5", "command('continue')", "Continue"),
        Binding("f6", "command('reverse-continue')", "Back"),
        Binding("f7", "command('step')", "Step"),
        Binding("f8", "command('next')", "Next"),
        Binding("f9", "command('reverse-step')", "Step back"),
        Binding("f10", "command('reverse-next')", "Next back"),
        Binding("ctrl+o", "other_panel", "Panel"),
        Binding("ctrl+t", "single_key", "SingleKey"),
        Binding("ctrl+c", "interrupt", "Interrupt", priority=True),
        Binding("ctrl+d", "quit", "Quit", priority=True),
    ]

    def __init__(self, commands: Commands, first: list[str]):
        super().__init__()
        self._commands = commands
        self._first = first
        self._single = False
        self._queue: list[str] = []
        self.busy = False
        self._typed: list[str] = []
        self._recalled = 0

    def compose(self) -> ComposeResult:
        """The widgets."""
        yield Static("", id="status")
        with Horizontal(id="panels"):
            for side, table in (("left", _LEFT), ("right", _RIGHT)):
                with Vertical(id=side), TabbedContent(id=f"{side}-tabs"):
                    for name, (title, _) in table.items():
                        with TabPane(title, id=f"pane-{name}"):
                            yield Panel("", id=f"panel-{name}", markup=False)
        yield RichLog(id="log", max_lines=5000, wrap=True, min_width=1)
        yield Input(placeholder="a command of gdb: step, reverse-step, break main, watch x, help", id="line")
        yield Footer()

    def on_mount(self) -> None:
        """Show where the run stands, and carry out the first commands."""
        self.query_one(Input).focus()
        self._show_panels()
        for line in self._first:
            self._give(line)

    # Commands

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """A line of the user."""
        event.input.value = ""
        if event.value.strip():
            self._typed.append(event.value)
        self._recalled = len(self._typed)
        self._give(event.value)

    def action_command(self, line: str) -> None:
        """A command of a key."""
        self._give(line)

    def action_other_panel(self) -> None:
        """Show the next panel on the right."""
        tabs = self.query_one("#right-tabs", TabbedContent)
        names = [f"pane-{name}" for name in _RIGHT]
        tabs.active = names[(names.index(tabs.active) + 1) % len(names)]

    def action_single_key(self) -> None:
        """SingleKey mode: letters are commands until `q`."""
        self._single = not self._single
        line = self.query_one(Input)
        line.disabled = self._single
        if not self._single:
            line.focus()
        self._show_status()

    def action_interrupt(self) -> None:
        """Stop a run that goes on."""
        if self.busy:
            self._commands.session.target.interrupt()
        else:
            self.query_one(RichLog).write("Ctrl-D or quit leaves the debugger.")

    def on_key(self, event: object) -> None:
        """Letters in SingleKey mode; the history of the command line."""
        key = getattr(event, "character", None) or getattr(event, "key", "")
        if self._single:
            if key == "q":
                self.action_single_key()
            elif key in _SINGLE:
                self._give(_SINGLE[key])
        elif key in ("up", "down") and self._typed:
            step = -1 if key == "up" else 1
            self._recalled = min(max(0, self._recalled + step), len(self._typed))
            line = self.query_one(Input)
            line.value = self._typed[self._recalled] if self._recalled < len(self._typed) else ""
            line.cursor_position = len(line.value)

    def _give(self, line: str) -> None:
        """Carry out a line now, or after those before it."""
        self._queue.append(line)
        if not self.busy:
            self.busy = True
            self._work()

    @work(thread=True)
    def _work(self) -> None:
        while self._queue:
            line = self._queue.pop(0)
            self.call_from_thread(self._write, [f"(toyvm) {line}"] if line else [])
            self.call_from_thread(self._show_status, "running")
            try:
                lines = self._commands.execute(line)
            except QuitRequest:
                self.call_from_thread(self.exit)
                return
            except CommandError as error:
                lines = str(error).splitlines()
            shown = self._looked()
            self.call_from_thread(self._write, lines)
            self.call_from_thread(self._fill, shown)
        self.busy = False

    # The panels

    def _show_panels(self) -> None:
        self._fill(self._looked())

    def _looked(self) -> dict[str, list[Line]]:
        """What each panel shows now; it asks the machine, which one thread at a time does."""
        session = self._commands.session
        shown = {}
        for name, (_, look) in {**_LEFT, **_RIGHT}.items():
            try:
                shown[name] = look(session)
            except ToyvmError as error:
                shown[name] = [Line(f"[{error}]")]
        return shown

    def _fill(self, shown: dict[str, list[Line]]) -> None:
        for name, lines in shown.items():
            self.query_one(f"#panel-{name}", Panel).show(lines)
        self._show_status()

    def _write(self, lines: list[str]) -> None:
        log = self.query_one(RichLog)
        for line in lines:
            log.write(Text(line.expandtabs(8)))

    def _show_status(self, doing: str = "") -> None:
        session = self._commands.session
        moment = session.target.moment
        mode = "  SINGLE KEY (q ends)" if self._single else ""
        text = f" process {session.pid}  thread {session.tid}  moment {moment.instructions}:{moment.entry}"
        self.query_one("#status", Static).update(Text(f"{text}  {doing}{mode}"))


def show_screen(commands: Commands, first: list[str]) -> None:
    """Run the screen until the user leaves; `first` are commands to begin with."""
    DebuggerScreen(commands, first).run()
