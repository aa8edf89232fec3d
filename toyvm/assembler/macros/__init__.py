"""Macros and repetitions: how they expand to text, and the macro language of `.altmacro`."""
