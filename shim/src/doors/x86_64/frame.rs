//! The frame in asm: how an entry builds it, how an exit loads it. [`door_asm`] is what the other files' asm is made with;
//! each block brings these macros along and takes them away again, so that it does not matter in which order,
//! or into which objects, the compiler puts the blocks.

/// The asm macros that know the layout of a frame, and of the vectors above it.
macro_rules! frame_macros {
    () => {
        concat!(
            // Loads all of the program's registers but rax, rcx, r11 and rsp from the frame at rsp.
            ".macro LICHEN_LOAD base\n",
            "  mov {RDI}(\\base), %rdi\n",
            "  mov {RSI}(\\base), %rsi\n",
            "  mov {RDX}(\\base), %rdx\n",
            "  mov {R10}(\\base), %r10\n",
            "  mov {R8}(\\base), %r8\n",
            "  mov {R9}(\\base), %r9\n",
            "  mov {RBX}(\\base), %rbx\n",
            "  mov {RBP}(\\base), %rbp\n",
            "  mov {R12}(\\base), %r12\n",
            "  mov {R13}(\\base), %r13\n",
            "  mov {R14}(\\base), %r14\n",
            "  mov {R15}(\\base), %r15\n",
            ".endm\n",
            // Builds a frame: `room` bytes of vectors above it, `align` the alignment of rsp.
            // In: rax = number, r11 = the slot's native part, rsp = the program's. Changes rcx.
            ".macro LICHEN_FRAME room, align\n",
            "  mov %rsp, %rcx\n",
            "  lea -(128 + {SIZE} + \\room)(%rsp), %rsp\n",
            "  and $-\\align, %rsp\n",
            "  mov %rcx, {RSP}(%rsp)\n",
            "  .cfi_escape 0x0f, 0x04, 0x77, 0xf0, 0x00, 0x06\n", // CFA := *(rsp + 112)
            "  mov %r11, {SLOT_AT}(%rsp)\n",
            "  mov {RESUME}(%r11), %rcx\n",
            "  mov %rcx, {RIP}(%rsp)\n",
            "  .cfi_escape 0x10, 0x10, 0x03, 0x77, 0xf8, 0x00\n", // RA at rsp + 120
            "  mov %rax, {RAX}(%rsp)\n",
            "  mov %rax, {NR}(%rsp)\n",
            "  mov %rdi, {RDI}(%rsp)\n",
            "  mov %rsi, {RSI}(%rsp)\n",
            "  mov %rdx, {RDX}(%rsp)\n",
            "  mov %r10, {R10}(%rsp)\n",
            "  mov %r8, {R8}(%rsp)\n",
            "  mov %r9, {R9}(%rsp)\n",
            "  mov %rbx, {RBX}(%rsp)\n",
            "  mov %rbp, {RBP}(%rsp)\n",
            "  mov %r12, {R12}(%rsp)\n",
            "  mov %r13, {R13}(%rsp)\n",
            "  mov %r14, {R14}(%rsp)\n",
            "  mov %r15, {R15}(%rsp)\n",
            ".endm\n",
            ".macro LICHEN_XMM op\n",
            "  .irp n,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n",
            "  .ifc \\op,save\n",
            "  movaps %xmm\\n, {SIZE} + 16*\\n(%rsp)\n",
            "  .else\n",
            "  movaps {SIZE} + 16*\\n(%rsp), %xmm\\n\n",
            "  .endif\n",
            "  .endr\n",
            ".endm\n",
            // Loads the vectors that an entry of this kind saved; rsp is the frame. Changes rax and rdx.
            ".macro LICHEN_VECTORS kind\n",
            "  .ifc \\kind,xmm\n",
            "  LICHEN_XMM load\n",
            "  .endif\n",
            "  .ifc \\kind,wide\n",
            "  mov $0xe7, %eax\n",
            "  xor %edx, %edx\n",
            "  xrstor64 192(%rsp)\n",
            "  .endif\n",
            ".endm\n",
            ".set LICHEN_KIND_none, 0\n",
            ".set LICHEN_KIND_xmm, 1\n",
            ".set LICHEN_KIND_wide, 2\n",
        )
    };
}

/// `global_asm!` with the frame's macros; by name the offsets in `Frame` and in a slot, and those of the fields of
/// `Worker` that `worker { NAME: field }` lists.
macro_rules! door_asm {
    (worker { $($name:ident: $field:ident),* } $($line:expr),* $(,)?) => {
        core::arch::global_asm!(
            $crate::doors::x86_64::frame::frame_macros!(),
            $($line,)*
            ".purgem LICHEN_LOAD",
            ".purgem LICHEN_FRAME",
            ".purgem LICHEN_XMM",
            ".purgem LICHEN_VECTORS",
            options(att_syntax),
            RAX = const core::mem::offset_of!($crate::call::Frame, rax),
            NR = const core::mem::offset_of!($crate::call::Frame, number),
            RDI = const core::mem::offset_of!($crate::call::Frame, rdi),
            RSI = const core::mem::offset_of!($crate::call::Frame, rsi),
            RDX = const core::mem::offset_of!($crate::call::Frame, rdx),
            R10 = const core::mem::offset_of!($crate::call::Frame, r10),
            R8 = const core::mem::offset_of!($crate::call::Frame, r8),
            R9 = const core::mem::offset_of!($crate::call::Frame, r9),
            RBX = const core::mem::offset_of!($crate::call::Frame, rbx),
            RBP = const core::mem::offset_of!($crate::call::Frame, rbp),
            R12 = const core::mem::offset_of!($crate::call::Frame, r12),
            R13 = const core::mem::offset_of!($crate::call::Frame, r13),
            R14 = const core::mem::offset_of!($crate::call::Frame, r14),
            R15 = const core::mem::offset_of!($crate::call::Frame, r15),
            RSP = const core::mem::offset_of!($crate::call::Frame, rsp),
            RIP = const core::mem::offset_of!($crate::call::Frame, rip),
            SLOT_AT = const core::mem::offset_of!($crate::call::Frame, slot),
            SIZE = const size_of::<$crate::call::Frame>(),
            RESUME = const $crate::doors::x86_64::SLOT_RESUME - $crate::doors::x86_64::SLOT_NATIVE,
            $($name = const core::mem::offset_of!(lichen_runtime::Worker, $field),)*
        );
    };
}

pub(super) use {door_asm, frame_macros};
