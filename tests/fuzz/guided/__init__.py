"""Coverage-guided fuzzing of everything that reads what somebody else wrote: `make fuzz`.

    targets      what there is to fuzz: a function from bytes, its seeds, its mutator
    text_readers, file_readers, machines
                 the functions
    mutators     changes that keep an input's structure: tokens of text, fields of ELF files
    worker       one target under atheris, in a process of its own, with limits
    __main__     all targets for a time or a number of inputs; a summary as JSON

An input must end in an answer or in an error of toyvm's own. Anything else is a fault: another
exception, 10 seconds of CPU time, much memory, a file written outside the temporary folder, a
socket, another process.
"""
