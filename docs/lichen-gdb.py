"""Shows the threads of a program that runs on Lichen: gdb -p PID -x docs/lichen-gdb.py

    lichen threads          one line each: id, state, what it waits for, since when, name or start function
    lichen bt ID            the stack of a parked thread; all registers are put back afterwards

The layout is that of docs/debugging.md, version 1. Names of our own functions need the symbol table of liblichen.so.
"""
import struct
import time

import gdb

STATES = ["free", "ready", "running", "parked", "ended"]
WAITS = ["", "its turn", "time", "descriptor", "descriptors", "futex", "helper, call", "signal"]


def read(address, size):
    return bytes(gdb.selected_inferior().read_memory(address, size))


def header():
    text = gdb.execute("info address LICHEN_GREENS", to_string=True)
    at = int(next(word for word in text.split() if word.startswith("0x")).rstrip("."), 16)
    (base,) = struct.unpack("<Q", read(at, 8))
    if base and read(base, 8) == b"LICHEN\0\0":
        return base
    raise gdb.GdbError("no threads of Lichen's here: did the program ever make one?")


def records():
    base = header()
    version, size, first, _, used = struct.unpack_from("<5I", read(base, 32), 8)
    if version != 1:
        raise gdb.GdbError(f"layout version {version} is not known here")
    for index in range(used):
        raw = read(base + first + index * size, size)
        context, state, wait, since, argument = struct.unpack_from("<Q16xBB10xIQ", raw)
        (tid,) = struct.unpack_from("<I", raw, 64)
        (start,) = struct.unpack_from("<Q", raw, 128)
        if state:
            yield tid, STATES[state], WAITS[wait], argument, since, start, context, raw


def name_of(raw):
    return raw[144:160].split(b"\0")[0].decode(errors="replace")


class Lichen(gdb.Command):
    def __init__(self):
        super().__init__("lichen", gdb.COMMAND_STACK)

    def invoke(self, text, _):
        verb, *rest = text.split() or ["threads"]
        if verb == "bt":
            return self.stack(int(rest[0]))
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) >> 20
        # Every thread begins with its maker's name: one that is the first thread's says nothing.
        inherited = {name_of(raw) for *_, raw in records() if raw[81]}
        for tid, state, wait, argument, since, start, _, raw in records():
            symbol = gdb.execute(f"info symbol {start}", to_string=True).split(" in ")[0].strip()
            given = name_of(raw) if name_of(raw) not in inherited else ""
            name = given or ("(first thread)" if raw[81] else symbol if start else "")
            what = f"{wait} {argument:#x}" if wait == "futex" else f"{wait} {argument}" if wait else ""
            age = f"{(now - since) % (1 << 32) * (1 << 20) / 1e9:.3f} s" if since else "?"
            print(f"{tid:8} {state:8} {what:24} {age:>12}  {name}")

    def stack(self, wanted):
        context = next((r[6] for r in records() if r[0] == wanted and r[1] == "parked"), None)
        if context is None:
            raise gdb.GdbError("no parked thread has this id")
        values = dict(zip(("r12", "r13", "r14", "r15", "rbx", "rbp", "rip"), struct.unpack("<7Q", read(context + 8, 56))))
        values["rsp"] = context + 64
        before = {name: int(gdb.parse_and_eval(f"${name}")) & (1 << 64) - 1 for name in values}
        try:
            for name, value in values.items():
                gdb.execute(f"set ${name} = {value}")
            gdb.execute("bt")
        finally:
            for name, value in before.items():
                gdb.execute(f"set ${name} = {value}")


Lichen()
