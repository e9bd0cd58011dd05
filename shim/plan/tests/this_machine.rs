//! The planner on this machine's own libc and loader: every site is understood, and file and mapping agree.

use lichen_plan::{Image, Number, Plan, Vectors, Why, plan};

const LIBC: &str = "/lib/x86_64-linux-gnu/libc.so.6";
const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";

fn plan_file(path: &str) -> Plan {
    let bytes = std::fs::read(path).expect("readable");
    plan(&Image::from_file(&bytes).expect("an ELF file")).expect("a plan")
}

fn only_sigreturn_is_left(path: &str, at_least: usize) {
    let plan = plan_file(path);
    assert!(
        plan.sites.len() >= at_least,
        "{path}: {} sites",
        plan.sites.len()
    );
    let whys: Vec<Why> = plan.left.iter().map(|left| left.why).collect();
    assert_eq!(whys, [Why::Sigreturn], "{path}: {:x?}", plan.left);
    assert_eq!(plan.left[0].number, Number::Constant(15));
}

#[test]
fn all_sites_of_libc_are_understood() {
    only_sigreturn_is_left(LIBC, 400);
}

#[test]
fn all_sites_of_the_loader_are_understood() {
    only_sigreturn_is_left(LOADER, 30);
}

/// Calls that servers make all the time: nothing of theirs may be slowed down by saving vector registers.
#[test]
fn the_calls_that_matter_keep_no_vectors() {
    // read write poll recvfrom sendto recvmsg sendmsg accept connect epoll_wait accept4 nanosleep clock_nanosleep
    let numbers = [0, 1, 7, 45, 44, 47, 46, 43, 42, 232, 288, 35, 230];
    let plan = plan_file(LIBC);
    for number in numbers.map(Number::Constant) {
        let mut sites = plan
            .sites
            .iter()
            .filter(|site| site.number == number)
            .peekable();
        assert!(
            sites.peek().is_some() || number == Number::Constant(35),
            "no site for {number:?}"
        );
        assert!(
            sites.all(|site| site.vectors == Vectors::None),
            "{number:?}"
        );
    }
}

#[test]
fn planning_twice_gives_the_same() {
    assert_eq!(plan_file(LOADER), plan_file(LOADER));
}

#[test]
fn the_cached_form_of_a_real_plan_gives_it_back() {
    let plan = plan_file(LIBC);
    assert_eq!(Plan::decode(&plan.encode()), Some(plan));
}
