//! How the arguments of each call are shown: a letter for each.
//!
//! | letter | shown as | | letter | shown as |
//! |---|---|---|---|---|
//! | `d` | 32-bit number, signed | | `s` | the text at that address |
//! | `u` | number | | `w` | the bytes there, as many as the next argument says |
//! | `x` | hexadecimal | | `r` | the same, as many as the result says |
//! | `o` | octal | | `T` | the time there |
//! | `p` | address | | `A` | a folder's descriptor |
//! | `S` | signal | | `F` | futex operation |
//!
//! Data only, read by [`super::line`]. A call that is not here is shown with six hexadecimal numbers.

use crate::dispatch::{NUMBERS, numbers as n};

macro_rules! signatures {
    ($($number:ident $letters:literal;)*) => {
        /// Letters by number; a zero ends them, [`UNKNOWN`] begins a call that nobody described.
        pub static SIGNATURES: [[u8; 6]; NUMBERS] = {
            let mut all = [[UNKNOWN; 6]; NUMBERS];
            $(all[n::$number as usize] = letters($letters);)*
            all
        };
    };
}

/// No letter.
pub const UNKNOWN: u8 = b'?';

const fn letters(text: &str) -> [u8; 6] {
    let mut all = [0; 6];
    let mut i = 0;
    while i < text.len() {
        all[i] = text.as_bytes()[i];
        i += 1;
    }
    all
}

signatures! {
    SYS_read "dru"; SYS_write "dwu"; SYS_open "sxo"; SYS_close "d"; SYS_stat "sp"; SYS_fstat "dp";
    SYS_lstat "sp"; SYS_poll "pud"; SYS_lseek "dud"; SYS_mmap "puxxdu"; SYS_mprotect "pux";
    SYS_munmap "pu"; SYS_brk "p"; SYS_rt_sigaction "Sppu"; SYS_rt_sigprocmask "dppu";
    SYS_ioctl "dxp"; SYS_pread64 "druu"; SYS_pwrite64 "dwuu"; SYS_readv "dpd"; SYS_writev "dpd";
    SYS_access "so"; SYS_pipe "p"; SYS_select "dpppp"; SYS_sched_yield ""; SYS_mremap "puuxp";
    SYS_msync "pux"; SYS_mincore "pup"; SYS_madvise "pud"; SYS_shmget "xuo"; SYS_shmat "dpx";
    SYS_shmctl "ddp"; SYS_dup "d"; SYS_dup2 "dd"; SYS_pause ""; SYS_nanosleep "Tp";
    SYS_getitimer "dp"; SYS_alarm "u"; SYS_setitimer "dpp"; SYS_getpid ""; SYS_sendfile "ddpu";
    SYS_socket "dxd"; SYS_connect "dpu"; SYS_accept "dpp"; SYS_sendto "dwuxpu";
    SYS_recvfrom "druxpp"; SYS_sendmsg "dpx"; SYS_recvmsg "dpx"; SYS_shutdown "dd"; SYS_bind "dpu";
    SYS_listen "dd"; SYS_getsockname "dpp"; SYS_getpeername "dpp"; SYS_socketpair "dxdp";
    SYS_setsockopt "dddpu"; SYS_getsockopt "dddpp"; SYS_clone "xpppp"; SYS_fork ""; SYS_vfork "";
    SYS_execve "spp"; SYS_exit "d"; SYS_wait4 "dpxp"; SYS_kill "dS"; SYS_uname "p";
    SYS_semget "xdo"; SYS_semop "dpu"; SYS_semctl "ddxp"; SYS_shmdt "p"; SYS_msgget "xo";
    SYS_msgsnd "dpux"; SYS_msgrcv "dpudx"; SYS_msgctl "ddp"; SYS_fcntl "ddp"; SYS_flock "dx";
    SYS_fsync "d"; SYS_fdatasync "d"; SYS_truncate "su"; SYS_ftruncate "du"; SYS_getdents "dpu";
    SYS_getcwd "pu"; SYS_chdir "s"; SYS_fchdir "d"; SYS_rename "ss"; SYS_mkdir "so";
    SYS_rmdir "s"; SYS_creat "so"; SYS_link "ss"; SYS_unlink "s"; SYS_symlink "ss";
    SYS_readlink "spu"; SYS_chmod "so"; SYS_fchmod "do"; SYS_chown "sdd"; SYS_fchown "ddd";
    SYS_lchown "sdd"; SYS_umask "o"; SYS_gettimeofday "pp"; SYS_getrlimit "dp"; SYS_getrusage "dp";
    SYS_sysinfo "p"; SYS_times "p"; SYS_ptrace "ddpp"; SYS_getuid ""; SYS_syslog "dpd";
    SYS_getgid ""; SYS_setuid "d"; SYS_setgid "d"; SYS_geteuid ""; SYS_getegid "";
    SYS_setpgid "dd"; SYS_getppid ""; SYS_getpgrp ""; SYS_setsid ""; SYS_setreuid "dd";
    SYS_setregid "dd"; SYS_getgroups "dp"; SYS_setgroups "dp"; SYS_setresuid "ddd";
    SYS_getresuid "ppp"; SYS_setresgid "ddd"; SYS_getresgid "ppp"; SYS_getpgid "d"; SYS_setfsuid "d";
    SYS_setfsgid "d"; SYS_getsid "d"; SYS_capget "pp"; SYS_capset "pp"; SYS_rt_sigpending "pu";
    SYS_rt_sigtimedwait "ppTu"; SYS_rt_sigqueueinfo "dSp"; SYS_rt_sigsuspend "pu";
    SYS_sigaltstack "pp"; SYS_utime "sp"; SYS_mknod "sou"; SYS_personality "x"; SYS_statfs "sp";
    SYS_fstatfs "dp"; SYS_getpriority "dd"; SYS_setpriority "ddd"; SYS_sched_setparam "dp";
    SYS_sched_getparam "dp"; SYS_sched_setscheduler "ddp"; SYS_sched_getscheduler "d";
    SYS_sched_get_priority_max "d"; SYS_sched_get_priority_min "d"; SYS_sched_rr_get_interval "dp";
    SYS_mlock "pu"; SYS_munlock "pu"; SYS_mlockall "x"; SYS_munlockall ""; SYS_prctl "dpppp";
    SYS_arch_prctl "xp"; SYS_setrlimit "dp"; SYS_chroot "s"; SYS_sync ""; SYS_mount "sssxp";
    SYS_umount2 "sx"; SYS_gettid ""; SYS_readahead "duu"; SYS_setxattr "sspux";
    SYS_lsetxattr "sspux"; SYS_fsetxattr "dspux"; SYS_getxattr "sspu"; SYS_lgetxattr "sspu";
    SYS_fgetxattr "dspu"; SYS_listxattr "spu"; SYS_llistxattr "spu"; SYS_flistxattr "dpu";
    SYS_removexattr "ss"; SYS_lremovexattr "ss"; SYS_fremovexattr "ds"; SYS_tkill "dS";
    SYS_time "p"; SYS_futex "pFdTpx"; SYS_sched_setaffinity "dup"; SYS_sched_getaffinity "dup";
    SYS_io_setup "up"; SYS_io_destroy "p"; SYS_io_getevents "pddpT"; SYS_io_submit "pdp";
    SYS_io_cancel "ppp"; SYS_epoll_create "d"; SYS_getdents64 "dpu"; SYS_set_tid_address "p";
    SYS_semtimedop "dpuT"; SYS_fadvise64 "duud"; SYS_timer_create "dpp"; SYS_timer_settime "ddpp";
    SYS_timer_gettime "dp"; SYS_timer_getoverrun "d"; SYS_timer_delete "d"; SYS_clock_settime "dT";
    SYS_clock_gettime "dp"; SYS_clock_getres "dp"; SYS_clock_nanosleep "ddTp"; SYS_exit_group "d";
    SYS_epoll_wait "dpdd"; SYS_epoll_ctl "dddp"; SYS_tgkill "ddS"; SYS_utimes "sp";
    SYS_mq_open "sxop"; SYS_mq_unlink "s"; SYS_mq_timedsend "dwudT"; SYS_mq_timedreceive "drupT";
    SYS_mq_notify "dp"; SYS_mq_getsetattr "dpp"; SYS_waitid "ddpxp"; SYS_ioprio_set "ddx";
    SYS_ioprio_get "dd"; SYS_inotify_init ""; SYS_inotify_add_watch "dsx"; SYS_inotify_rm_watch "dd";
    SYS_openat "Asxo"; SYS_mkdirat "Aso"; SYS_mknodat "Asou"; SYS_fchownat "Asddx";
    SYS_futimesat "Asp"; SYS_newfstatat "Aspx"; SYS_unlinkat "Asx"; SYS_renameat "AsAs";
    SYS_linkat "AsAsx"; SYS_symlinkat "sAs"; SYS_readlinkat "Aspu"; SYS_fchmodat "Aso";
    SYS_faccessat "Aso"; SYS_pselect6 "dpppTp"; SYS_ppoll "puTpu"; SYS_unshare "x";
    SYS_set_robust_list "pu"; SYS_get_robust_list "dpp"; SYS_splice "dpdpux"; SYS_tee "ddux";
    SYS_sync_file_range "duux"; SYS_vmsplice "dpux"; SYS_utimensat "Aspx"; SYS_epoll_pwait "dpddpu";
    SYS_signalfd "dpu"; SYS_timerfd_create "dx"; SYS_eventfd "u"; SYS_fallocate "dxuu";
    SYS_timerfd_settime "dxpp"; SYS_timerfd_gettime "dp"; SYS_accept4 "dppx"; SYS_signalfd4 "dpux";
    SYS_eventfd2 "ux"; SYS_epoll_create1 "x"; SYS_dup3 "ddx"; SYS_pipe2 "px"; SYS_inotify_init1 "x";
    SYS_preadv "dpduu"; SYS_pwritev "dpduu"; SYS_rt_tgsigqueueinfo "ddSp"; SYS_recvmmsg "dpuxT";
    SYS_fanotify_init "xx"; SYS_fanotify_mark "dxxAs"; SYS_prlimit64 "ddpp"; SYS_syncfs "d";
    SYS_sendmmsg "dpux"; SYS_setns "dx"; SYS_getcpu "ppp"; SYS_process_vm_readv "dpupux";
    SYS_process_vm_writev "dpupux"; SYS_sched_setattr "dpx"; SYS_sched_getattr "dpux";
    SYS_renameat2 "AsAsx"; SYS_seccomp "dxp"; SYS_getrandom "pux"; SYS_memfd_create "sx";
    SYS_bpf "dpu"; SYS_execveat "Asppx"; SYS_userfaultfd "x"; SYS_membarrier "dxd"; SYS_mlock2 "pux";
    SYS_copy_file_range "dpdpux"; SYS_preadv2 "dpduux"; SYS_pwritev2 "dpduux";
    SYS_pkey_mprotect "puxd"; SYS_pkey_alloc "xx"; SYS_pkey_free "d"; SYS_statx "Asxxp";
    SYS_io_pgetevents "pddpTp"; SYS_rseq "puxx"; SYS_pidfd_send_signal "dSpx";
    SYS_io_uring_setup "up"; SYS_io_uring_enter "duuxpu"; SYS_io_uring_register "ddpu";
    SYS_pidfd_open "dx"; SYS_clone3 "pu"; SYS_close_range "uux"; SYS_openat2 "Aspu";
    SYS_pidfd_getfd "ddx"; SYS_faccessat2 "Asox"; SYS_process_madvise "dpudx";
    SYS_epoll_pwait2 "dpdTpu"; SYS_futex_waitv "puxTd"; SYS_fchmodat2 "Asox"; SYS_futex_wake "pxdx";
    SYS_futex_wait "pxxxTd"; SYS_futex_requeue "pxdd"; SYS_mseal "pux";
}
