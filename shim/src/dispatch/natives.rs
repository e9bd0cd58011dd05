//! The calls we have no handler for: each with its class and the reason. Their sites are not
//! rewritten; they reach the kernel as they are.
//!
//! Together with the table in [`super`] this is every call of the kernel's x86-64 table (Linux 6.18);
//! a test compares. A call that gets a handler moves from here to there. Data only.

use super::list::{Class, Group, Line};
use super::numbers as n;

macro_rules! natives {
    ($($group:ident { $($class:ident $number:ident $($waits:literal)?, $why:literal;)* })*) => {
        /// All calls without a handler.
        pub const NATIVES: &[Line] = &[$($(Line {
            number: n::$number as usize,
            name: stringify!($number),
            group: Group::$group,
            class: Class::$class,
            text: concat!(
                stringify!($group), "\t", stringify!($class), "\t", stringify!($number), "\t\t",
                $($waits,)? "\t", $why,
            ),
        },)*)*];
    };
}

natives! {
    Io {
        Holds SYS_copy_file_range "the disk", "copies between files, as long as that takes";
        Holds SYS_readahead "the disk", "reads what is to be known of the file's blocks first";
        Holds SYS_fadvise64 "the disk", "POSIX_FADV_WILLNEED as readahead";
        Quick SYS_lseek, "sets the position";
        Quick SYS_cachestat, "counts pages of the cache";
    }
    Files {
        Holds SYS_open_by_handle_at "as open", "";
        Holds SYS_name_to_handle_at "the disk or a file server", "looks a name up";
        Holds SYS_stat "the disk or a file server", "looks a name up";
        Holds SYS_lstat "the disk or a file server", "looks a name up";
        Holds SYS_newfstatat "the disk or a file server", "looks a name up";
        Holds SYS_statx "the disk or a file server", "looks a name up";
        Holds SYS_fstat "a file server", "on a local file system it never waits";
        Holds SYS_access "the disk or a file server", "looks a name up";
        Holds SYS_faccessat "the disk or a file server", "looks a name up";
        Holds SYS_faccessat2 "the disk or a file server", "looks a name up";
        Holds SYS_readlink "the disk or a file server", "looks a name up";
        Holds SYS_readlinkat "the disk or a file server", "looks a name up";
        Holds SYS_getdents "the disk or a file server", "reads a folder";
        Holds SYS_getdents64 "the disk or a file server", "reads a folder";
        Holds SYS_chdir "the disk or a file server", "looks a name up";
        Holds SYS_fchdir "a file server", "on a local file system it never waits";
        Holds SYS_chroot "the disk or a file server", "looks a name up";
        Holds SYS_chmod "the disk or a file server", "changes a file's attributes";
        Holds SYS_fchmod "the disk or a file server", "changes a file's attributes";
        Holds SYS_fchmodat "the disk or a file server", "changes a file's attributes";
        Holds SYS_fchmodat2 "the disk or a file server", "changes a file's attributes";
        Holds SYS_chown "the disk or a file server", "changes a file's attributes";
        Holds SYS_fchown "the disk or a file server", "changes a file's attributes";
        Holds SYS_lchown "the disk or a file server", "changes a file's attributes";
        Holds SYS_fchownat "the disk or a file server", "changes a file's attributes";
        Holds SYS_utime "the disk or a file server", "changes a file's attributes";
        Holds SYS_utimes "the disk or a file server", "changes a file's attributes";
        Holds SYS_futimesat "the disk or a file server", "changes a file's attributes";
        Holds SYS_utimensat "the disk or a file server", "changes a file's attributes";
        Holds SYS_setxattr "the disk or a file server", "changes a file's attributes";
        Holds SYS_lsetxattr "the disk or a file server", "changes a file's attributes";
        Holds SYS_fsetxattr "the disk or a file server", "changes a file's attributes";
        Holds SYS_setxattrat "the disk or a file server", "changes a file's attributes";
        Holds SYS_getxattr "the disk or a file server", "reads a file's attributes";
        Holds SYS_lgetxattr "the disk or a file server", "reads a file's attributes";
        Holds SYS_fgetxattr "the disk or a file server", "reads a file's attributes";
        Holds SYS_getxattrat "the disk or a file server", "reads a file's attributes";
        Holds SYS_listxattr "the disk or a file server", "reads a file's attributes";
        Holds SYS_llistxattr "the disk or a file server", "reads a file's attributes";
        Holds SYS_flistxattr "the disk or a file server", "reads a file's attributes";
        Holds SYS_listxattrat "the disk or a file server", "reads a file's attributes";
        Holds SYS_removexattr "the disk or a file server", "changes a file's attributes";
        Holds SYS_lremovexattr "the disk or a file server", "changes a file's attributes";
        Holds SYS_fremovexattr "the disk or a file server", "changes a file's attributes";
        Holds SYS_removexattrat "the disk or a file server", "changes a file's attributes";
        Holds SYS_file_getattr "the disk or a file server", "reads a file's attributes";
        Holds SYS_file_setattr "the disk or a file server", "changes a file's attributes";
        Holds SYS_statfs "the disk or a file server", "looks a name up";
        Holds SYS_fstatfs "a file server", "on a local file system it never waits";
        Holds SYS_inotify_add_watch "the disk or a file server", "looks a name up; waiting for events is read and poll";
        Holds SYS_fanotify_mark "the disk or a file server", "looks a name up";
        Holds SYS_mount "the disk or a file server", "for administrators";
        Holds SYS_umount2 "the disk or a file server", "for administrators";
        Holds SYS_fsopen "the loading of a kernel module", "for administrators";
        Holds SYS_fsconfig "the disk or a file server", "for administrators";
        Holds SYS_fsmount "the disk or a file server", "for administrators";
        Holds SYS_fspick "the disk or a file server", "for administrators";
        Holds SYS_open_tree "the disk or a file server", "looks a name up";
        Holds SYS_open_tree_attr "the disk or a file server", "looks a name up";
        Holds SYS_move_mount "the disk or a file server", "for administrators";
        Holds SYS_mount_setattr "writers of that file system", "for administrators";
        Holds SYS_pivot_root "the disk or a file server", "for administrators";
        Holds SYS_quotactl "the disk", "for administrators";
        Holds SYS_quotactl_fd "the disk", "for administrators";
        Quick SYS_statmount, "reads the kernel's table of mounts";
        Quick SYS_listmount, "reads the kernel's table of mounts";
        Quick SYS_ustat, "reads numbers of a mounted file system";
        Quick SYS_sysfs, "reads the kernel's table of file systems";
        Quick SYS_getcwd, "the kernel knows the name";
        Quick SYS_umask, "a number of the process";
        Quick SYS_inotify_rm_watch, "takes an entry out of a list";
        Quick SYS_memfd_create, "makes a file in memory";
        Quick SYS_memfd_secret, "makes a file in memory";
        Quick SYS_uselib, "not in today's kernels: ENOSYS";
        Quick SYS_lookup_dcookie, "not in today's kernels: ENOSYS";
        Quick SYS_nfsservctl, "not in today's kernels: ENOSYS";
    }
    Sockets {
        Quick SYS_bind, "names a socket; for AF_UNIX it makes one file name";
        Quick SYS_listen, "sets the length of the backlog";
        Quick SYS_getsockname, "reads a name";
        Quick SYS_getpeername, "reads a name";
        Quick SYS_getsockopt, "reads an option";
        Quick SYS_shutdown, "sends what ends the stream and does not wait for the peer";
    }
    Polling {
        Quick SYS_epoll_create, "makes an epoll instance";
        Quick SYS_epoll_create1, "makes an epoll instance";
        Quick SYS_epoll_ctl, "changes an epoll instance";
        Quick SYS_epoll_ctl_old, "never was in the kernel: ENOSYS";
        Quick SYS_epoll_wait_old, "never was in the kernel: ENOSYS";
        Quick SYS_eventfd, "makes a descriptor";
        Quick SYS_eventfd2, "makes a descriptor";
        Quick SYS_inotify_init, "makes a descriptor";
        Quick SYS_inotify_init1, "makes a descriptor";
        Quick SYS_fanotify_init, "makes a descriptor";
    }
    Descriptors {
        Quick SYS_kcmp, "compares two things of the kernel's";
        Quick SYS_pidfd_getfd, "copies another process's descriptor";
    }
    Time {
        Quick SYS_gettimeofday, "reads a clock";
        Quick SYS_time, "reads a clock";
        Quick SYS_clock_settime, "sets a clock";
        Quick SYS_clock_adjtime, "sets a clock";
        Quick SYS_settimeofday, "sets a clock";
        Quick SYS_adjtimex, "sets a clock";
        Quick SYS_times, "reads the process's times";
        Quick SYS_alarm, "sets a timer of the process";
        Quick SYS_getitimer, "reads a timer of the process";
        Quick SYS_setitimer, "sets a timer of the process";
        Quick SYS_timer_settime, "sets a timer";
        Quick SYS_timer_gettime, "reads a timer";
        Quick SYS_timer_getoverrun, "reads a timer";
        Quick SYS_timerfd_create, "makes a descriptor";
        Quick SYS_timerfd_settime, "sets a timer";
        Quick SYS_timerfd_gettime, "reads a timer";
    }
    Threads {
        Holds SYS_futex_wait "another thread or process", "waits in the kernel, where threads of this process do not wake it; libc does not use it";
        Quick SYS_futex_wake, "wakes who waits in the kernel, so no thread of this process; libc does not use it";
        Quick SYS_futex_requeue, "as futex_wake";
        Quick SYS_sched_get_priority_max, "a constant";
        Quick SYS_sched_get_priority_min, "a constant";
        Quick SYS_getcpu, "where the kernel thread runs";
        Quick SYS_membarrier, "waits for a moment of each processor at most";
        Quick SYS_arch_prctl, "a register of the kernel thread; a program that sets GS breaks, see docs/limits.md";
        Quick SYS_modify_ldt, "a table of the process";
        Quick SYS_set_thread_area, "not on x86-64: ENOSYS";
        Quick SYS_get_thread_area, "not on x86-64: ENOSYS";
        Quick SYS_map_shadow_stack, "maps memory";
        Quick SYS_ioprio_set, "a number of the kernel thread";
        Quick SYS_ioprio_get, "a number of the kernel thread";
        Quick SYS_landlock_create_ruleset, "makes a descriptor";
        Quick SYS_landlock_add_rule, "changes a set of rules";
        Quick SYS_personality, "a number of the kernel thread";
        Quick SYS_getrusage, "reads counters";
    }
    Processes {
        Quick SYS_getpid, "a number of the process";
        Quick SYS_getppid, "a number of the process";
        Quick SYS_getpgid, "a number of a process";
        Quick SYS_setpgid, "a number of a process";
        Quick SYS_getpgrp, "a number of the process";
        Quick SYS_getsid, "a number of a process";
        Quick SYS_setsid, "a number of the process";
        Quick SYS_getuid, "a number of the process";
        Quick SYS_geteuid, "a number of the process";
        Quick SYS_getgid, "a number of the process";
        Quick SYS_getegid, "a number of the process";
        Quick SYS_getresuid, "numbers of the process";
        Quick SYS_getresgid, "numbers of the process";
        Quick SYS_getgroups, "numbers of the process";
        Quick SYS_capget, "numbers of a process";
        Quick SYS_getrlimit, "numbers of the process";
        Quick SYS_setrlimit, "numbers of the process";
        Quick SYS_prlimit64, "numbers of a process";
        Quick SYS_pidfd_open, "makes a descriptor";
        Quick SYS_process_vm_readv, "copies memory";
        Quick SYS_process_vm_writev, "copies memory";
        Quick SYS_process_mrelease, "frees a dying process's memory";
    }
    Signals {
        Quick SYS_kill, "sends a signal";
        Quick SYS_rt_sigqueueinfo, "sends a signal";
        Quick SYS_pidfd_send_signal, "sends a signal";
        Quick SYS_rt_sigreturn, "goes back to where a signal came";
        Quick SYS_restart_syscall, "only the kernel uses it";
        Quick SYS_signalfd, "makes or changes a descriptor";
        Quick SYS_signalfd4, "makes or changes a descriptor";
    }
    Ipc {
        Quick SYS_semget, "makes or finds a set of semaphores";
        Quick SYS_semctl, "reads or sets semaphores";
        Quick SYS_msgget, "makes or finds a queue";
        Quick SYS_msgctl, "reads or changes a queue";
        Quick SYS_shmget, "makes or finds shared memory";
        Quick SYS_shmat, "maps memory";
        Quick SYS_shmdt, "unmaps memory";
        Quick SYS_shmctl, "reads or changes shared memory";
        Quick SYS_mq_open, "makes or finds a queue, in memory";
        Quick SYS_mq_unlink, "removes a name, in memory";
        Quick SYS_mq_notify, "asks for a notice";
        Quick SYS_mq_getsetattr, "reads or sets numbers of a queue";
    }
    Memory {
        Quick SYS_brk, "maps memory";
        Quick SYS_mremap, "maps memory";
        Quick SYS_remap_file_pages, "maps memory";
        Quick SYS_mincore, "asks which pages are there";
        Quick SYS_munlock, "changes a mapping";
        Quick SYS_munlockall, "changes mappings";
        Quick SYS_mbind, "a policy of memory";
        Quick SYS_set_mempolicy, "a policy of memory, of the kernel thread";
        Quick SYS_get_mempolicy, "a policy of memory";
        Quick SYS_set_mempolicy_home_node, "a policy of memory";
        Quick SYS_migrate_pages, "moves memory";
        Quick SYS_move_pages, "moves memory";
        Quick SYS_pkey_alloc, "a protection key";
        Quick SYS_pkey_free, "a protection key";
        Quick SYS_pkey_mprotect, "changes a mapping";
        Quick SYS_mseal, "seals a mapping";
        Quick SYS_userfaultfd, "makes a descriptor";
        Quick SYS_process_madvise, "advice on another process's memory";
        Holds SYS_mlock "the disk", "reads pages that are not there";
        Holds SYS_mlock2 "the disk", "as mlock";
        Holds SYS_mlockall "the disk", "as mlock";
    }
    Uring {
        Holds SYS_io_uring_register "requests that are under way", "some changes wait until none is";
        Quick SYS_io_setup, "makes a context";
        Holds SYS_io_destroy "requests that are under way", "until none is";
        Holds SYS_io_submit "the disk", "starts requests; what cannot be started aside is done at once";
        Quick SYS_io_cancel, "takes a request back";
    }
    System {
        Quick SYS_uname, "reads names";
        Quick SYS_sysinfo, "reads numbers";
        Quick SYS_sethostname, "sets a name";
        Quick SYS_setdomainname, "sets a name";
        Holds SYS_getrandom "the kernel's first random bits", "once after boot, with GRND_RANDOM or without";
        Holds SYS_syslog "the kernel's next message", "only with SYSLOG_ACTION_READ";
        Holds SYS_acct "the disk", "for administrators";
        Holds SYS_swapon "the disk", "for administrators";
        Holds SYS_swapoff "the disk", "for administrators";
        Holds SYS_init_module "the module's own start", "for administrators";
        Holds SYS_finit_module "the module's own start", "for administrators";
        Holds SYS_delete_module "the module's end", "for administrators";
        Holds SYS_kexec_load "the disk", "for administrators";
        Holds SYS_kexec_file_load "the disk", "for administrators";
        Holds SYS_reboot "the disks", "for administrators";
        Holds SYS_vhangup "the terminal's processes", "for administrators";
        Holds SYS_add_key "a key server", "the kernel may ask a program";
        Holds SYS_request_key "a key server", "the kernel may ask a program";
        Holds SYS_keyctl "a key server", "the kernel may ask a program";
        Quick SYS_iopl, "a register of the kernel thread";
        Quick SYS_ioperm, "a table of the kernel thread";
        Quick SYS_bpf, "loads or asks about programs of the kernel's";
        Quick SYS_perf_event_open, "makes a descriptor; counts the kernel thread";
        Quick SYS_lsm_get_self_attr, "reads attributes of the kernel thread";
        Quick SYS_lsm_set_self_attr, "sets attributes of the kernel thread";
        Quick SYS_lsm_list_modules, "reads names";
        Quick SYS_uretprobe, "only the kernel's probes use it: SIGILL";
        Quick SYS_uprobe, "as uretprobe";
        Quick SYS__sysctl, "not in today's kernels: ENOSYS";
        Quick SYS_create_module, "not in today's kernels: ENOSYS";
        Quick SYS_get_kernel_syms, "not in today's kernels: ENOSYS";
        Quick SYS_query_module, "not in today's kernels: ENOSYS";
        Quick SYS_getpmsg, "never was in the kernel: ENOSYS";
        Quick SYS_putpmsg, "never was in the kernel: ENOSYS";
        Quick SYS_afs_syscall, "never was in the kernel: ENOSYS";
        Quick SYS_tuxcall, "never was in the kernel: ENOSYS";
        Quick SYS_security, "never was in the kernel: ENOSYS";
        Quick SYS_vserver, "never was in the kernel: ENOSYS";
    }
}
