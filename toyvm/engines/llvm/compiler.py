"""Compiles the text of an LLVM module to machine code. Only this module imports llvmlite."""

from __future__ import annotations

import llvmlite.binding as binding

# The passes over a region. The text is simple (one function, registers in stack slots), so a short list
# has most of the effect of LLVM's standard pipelines in half the time. Rotated loops test at their end,
# and values that only an exit needs sink into it: 8 % of CRC's time, and 15 % of that of string
# functions. NewGVN is not among the passes: it fails an assertion on some regions, which aborts the
# process, and gives no faster code.
_PASSES = (
    "simplify_cfg",
    "sroa",
    "loop_rotate",
    "instruction_combine",
    "simplify_cfg",
    "sinking",
)
_QUICK_PASSES = ("sroa",)


class Compiler:
    """Translates modules for the host. Not safe for more than one thread at a time."""

    def __init__(self, level: int = 2, passes: tuple[str, ...] = _PASSES):
        self._passes = passes
        binding.initialize_native_target()
        binding.initialize_native_asmprinter()
        binding.initialize_native_asmparser()
        features = binding.get_host_cpu_features()
        for name in features:  # `runtime/outside.ll` saves 16 vector registers and no mask registers
            if name.startswith(("avx512", "avx10", "amx")):
                features[name] = False
        target = binding.Target.from_default_triple()
        self._machine = target.create_target_machine(
            cpu=binding.get_host_cpu_name(),
            features=features.flatten(),
            opt=level,
            reloc="pic",
            codemodel="small",
        )
        self._triple = f'target triple = "{target.triple}"\n'
        options = binding.create_pipeline_tuning_options(speed_level=level)
        self._builder = binding.create_pass_builder(self._machine, options)

    @staticmethod
    def quick() -> Compiler:
        """A compiler that takes a quarter of the time, for code that is hardly executed."""
        return Compiler(0, _QUICK_PASSES)

    def compile(self, text: str, *, inline: bool = False) -> bytes:
        """The object file (ELF) of a module. `inline`: inline functions marked `alwaysinline`."""
        module = self._optimised(text, inline)
        code: bytes = self._machine.emit_object(module)
        return code

    def _optimised(self, text: str, inline: bool) -> binding.ModuleRef:
        module = binding.parse_assembly(self._triple + text)
        if inline:
            inliner = binding.create_new_module_pass_manager()
            inliner.add_always_inliner_pass()
            inliner.add_global_dead_code_eliminate_pass()
            inliner.run(module, self._builder)
        passes = binding.create_new_function_pass_manager()
        for name in self._passes:
            getattr(passes, f"add_{name}_pass")()
        for function in module.functions:
            if not function.is_declaration:
                passes.run(function, self._builder)
        return module

    def assembly(self, text: str, *, inline: bool = False) -> str:
        """The host's assembly text of a module."""
        shown: str = self._machine.emit_assembly(self._optimised(text, inline))
        return shown
