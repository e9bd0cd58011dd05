//! The numbers of x86-64 system calls by name: those of the libc crate, and those it lacks.
//!
//! Used by the two parts of the list of calls. A test compares all of them with the kernel headers of
//! the machine it runs on.
#![allow(non_upper_case_globals)] // the kernel's names, as in the libc crate

pub use libc::*;

macro_rules! numbers {
    ($($name:ident $number:literal;)*) => {
        $(pub const $name: c_long = $number;)*
    };
}

numbers! {
    SYS_create_module 174;
    SYS_get_kernel_syms 177;
    SYS_query_module 178;
    SYS_io_pgetevents 333;
    SYS_uretprobe 335;
    SYS_uprobe 336;
    SYS_cachestat 451;
    SYS_fchmodat2 452;
    SYS_map_shadow_stack 453;
    SYS_futex_wake 454;
    SYS_futex_wait 455;
    SYS_futex_requeue 456;
    SYS_statmount 457;
    SYS_listmount 458;
    SYS_lsm_get_self_attr 459;
    SYS_lsm_set_self_attr 460;
    SYS_lsm_list_modules 461;
    SYS_mseal 462;
    SYS_setxattrat 463;
    SYS_getxattrat 464;
    SYS_listxattrat 465;
    SYS_removexattrat 466;
    SYS_open_tree_attr 467;
    SYS_file_getattr 468;
    SYS_file_setattr 469;
}
